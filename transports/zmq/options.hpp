// The settings of transport_zmq, checked. packaging/belfry.toml says for operators what each means.
#pragma once

#include <cstdint>
#include <string>

#include "sdk/base/error.hpp"
#include "sdk/base/limits.hpp"
#include "sdk/plugin/plugin.hpp"

namespace belfry::transports::zmq {

struct Options {
    std::string request_endpoint;
    std::string feed_endpoint;
    bool insecure = false;
    int io_threads = 1;
    // Room above the protocol's limit, so that a frame slightly too large gets an answer and not a cut connection.
    uint64_t frame_bytes_max = limits::frame_bytes_max + 64 * 1024;
};

// Refuses an unknown setting, an endpoint that is neither tcp:// nor ipc://, and a TCP endpoint that other machines could
// reach unless insecure = "true". Each sentence names the setting.
Result<Options> parse_options(const plugin::Settings& settings);

}  // namespace belfry::transports::zmq

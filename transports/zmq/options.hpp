// The settings of transport_zmq, checked. packaging/belfry.toml says for operators what each means.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sdk/base/curve_keys.hpp"
#include "sdk/base/error.hpp"
#include "sdk/base/limits.hpp"
#include "sdk/plugin/plugin.hpp"

namespace belfry::transports::zmq {

struct Options {
    std::string request_endpoint;
    std::string feed_endpoint;
    bool insecure = false;
    int io_threads = 1;
    CurveKeys keys;                        // empty: plain
    bool any_client = true;                // false: only keys that are known
    std::vector<std::string> client_keys;  // known whatever the host says
    // Room above the protocol's limit, so that a frame slightly too large gets an answer and not a cut connection.
    uint64_t frame_bytes_max = limits::frame_bytes_max + 64 * 1024;
};

// Refuses an unknown setting, an endpoint that is neither tcp:// nor ipc://, and a TCP endpoint that other machines could
// reach unless there are keys or insecure = "true". Reads the key file. Each sentence names the setting.
Result<Options> parse_options(const plugin::Settings& settings);

}  // namespace belfry::transports::zmq

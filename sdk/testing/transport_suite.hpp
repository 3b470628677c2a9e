// The conformance suite of transports: what holds of each of them whatever its clients speak, checked through its C table
// alone. That frames come and go is for a test with a client of its own.
#pragma once

#include <cstdint>
#include <string>

#include "sdk/plugin/transport.h"
#include "sdk/testing/report.hpp"

namespace belfry::testing {

struct TransportSuite {
    const belfry_transport_v1* table = nullptr;
    std::string directory;  // an empty one, for sockets; its path is short
};

// The transport is opened on any port of tcp://127.0.0.1 or, if it refuses that, on ipc:// paths in the directory.
Report check_transport(const TransportSuite& suite);

}  // namespace belfry::testing

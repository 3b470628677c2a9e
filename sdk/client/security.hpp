// With whose keys a client speaks to whom. Private to sdk/client.
#pragma once

#include <string>
#include <vector>

#include "sdk/base/curve_keys.hpp"
#include "sdk/client/client.hpp"
#include "sdk/client/curve.hpp"

namespace belfry::client {

struct Security {
    CurveKeys keys;                        // the client's own; empty: plain
    std::vector<std::string> server_keys;  // one for all endpoints, or one for each

    bool empty() const { return server_keys.empty(); }
    // Of the hub at this endpoint, or at this feed endpoint.
    const std::string& server_key(size_t endpoint) const { return server_keys[endpoint % server_keys.size()]; }

    // Reads the key file. Without one the client has keys of its own for as long as it lives: they encrypt, and tell the
    // hub nothing.
    static Result<Security> of(const ClientOptions& options) {
        Security security;
        if (options.server_keys.empty()) {
            if (options.key_file.empty()) return security;
            return Error{Code::invalid_argument,
                         "a key file is of use only where the hub has keys too: set server_keys to its public one"};
        }
        if (options.server_keys.size() != 1 && options.server_keys.size() != options.endpoints.size()) {
            return Error{Code::invalid_argument, "server keys: " + std::to_string(options.server_keys.size()) +
                                                     " given; one for all endpoints, or one for each of the " +
                                                     std::to_string(options.endpoints.size())};
        }
        for (const std::string& key : options.server_keys) {
            if (!is_curve_key(key)) {
                return Error{Code::invalid_argument, "server key '" + key + "': a public key has " +
                                                         std::to_string(curve_key_characters) +
                                                         " characters; the hub's is in its listen.key_file"};
            }
        }
        auto keys = options.key_file.empty() ? make_curve_keys() : load_key_file(options.key_file, "key file");
        if (!keys) return std::move(keys).error();
        security.keys = *std::move(keys);
        security.server_keys = options.server_keys;
        return security;
    }
};

}  // namespace belfry::client

#include "transports/zmq/options.hpp"

#include <charconv>
#include <string_view>

#include "sdk/base/endpoint.hpp"

namespace belfry::transports::zmq {

namespace {

Error invalid(std::string sentence) { return {Code::invalid_argument, std::move(sentence)}; }

Result<uint64_t> parse_number(std::string_view name, std::string_view text, uint64_t least, uint64_t most) {
    uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size() || number < least || number > most) {
        return invalid("transport_zmq: " + std::string(name) + " = '" + std::string(text) + "' must be a number from " +
                       std::to_string(least) + " to " + std::to_string(most));
    }
    return number;
}

Status check_endpoint(std::string_view name, std::string& endpoint, bool allowed) {
    const std::string where = "transport_zmq: " + std::string(name) + " = '" + endpoint + "'";
    if (endpoint.starts_with("ipc:///") && endpoint.size() > std::string_view("ipc:///").size()) {
        return {};
    }
    const std::optional<TcpEndpoint> parts = parse_tcp_endpoint(endpoint);
    if (!parts) {
        return invalid(where + ": write tcp://ADDRESS:PORT (PORT * = any free one) or ipc:///absolute/path");
    }
    const auto [host, port] = *parts;
    if (port != "*") {
        if (Result<uint64_t> number = parse_number(name, port, 0, 65535); !number) {
            return std::move(number).error();
        }
    }
    if (!is_loopback(host) && host != "lo" && !allowed) {
        return Error{Code::denied, where +
                                       ": other machines could reach this endpoint, and there are no CURVE keys; make some "
                                       "with 'belfry keygen' and set listen.key_file, listen on 127.0.0.1, or set "
                                       "insecure = true if the network is trusted"};
    }
    if (host == "localhost") {  // libzmq binds to addresses and interfaces, not to names
        endpoint = "tcp://127.0.0.1:" + std::string(port);
    }
    return {};
}

Status set_option(Options& options, std::string_view name, std::string_view value) {
    constexpr uint64_t io_threads_max = 16;
    constexpr uint64_t frame_bytes_least = 64 * 1024;
    constexpr uint64_t frame_bytes_most = 1024ull * 1024 * 1024;
    if (name == "request_endpoint") {
        options.request_endpoint = value;
    } else if (name == "feed_endpoint") {
        options.feed_endpoint = value;
    } else if (name == "insecure") {
        if (value != "true" && value != "false") {
            return invalid("transport_zmq: insecure = '" + std::string(value) + "' must be true or false");
        }
        options.insecure = value == "true";
    } else if (name == "io_threads") {
        Result<uint64_t> number = parse_number(name, value, 1, io_threads_max);
        if (!number) {
            return std::move(number).error();
        }
        options.io_threads = static_cast<int>(*number);
    } else if (name == "max_frame_bytes") {
        Result<uint64_t> number = parse_number(name, value, frame_bytes_least, frame_bytes_most);
        if (!number) {
            return std::move(number).error();
        }
        options.frame_bytes_max = *number;
    } else if (name == "key_file") {
        Result<CurveKeys> keys = load_key_file(std::string(value), "listen.key_file");
        if (!keys) {
            return std::move(keys).error();
        }
        options.keys = *std::move(keys);
    } else if (name == "clients") {
        if (value != "any" && value != "known") {
            return invalid("transport_zmq: clients = '" + std::string(value) + "' must be any or known");
        }
        options.any_client = value == "any";
    } else if (name == "client_keys") {
        Result<std::vector<std::string>> keys = parse_curve_keys(value, "transport_zmq: client_keys");
        if (!keys) {
            return std::move(keys).error();
        }
        options.client_keys = *std::move(keys);
    } else {
        return invalid(
            "transport_zmq: there is no setting '" + std::string(name) +
            "'; known are request_endpoint, feed_endpoint, insecure, key_file, clients, client_keys, io_threads, "
            "max_frame_bytes");
    }
    return {};
}

}  // namespace

Result<Options> parse_options(const plugin::Settings& settings) {
    Options options;
    for (const auto& [name, value] : settings) {
        if (Status status = set_option(options, name, value); !status) {
            return std::move(status).error();
        }
    }
    const bool reachable = options.insecure || !options.keys.empty();
    if (Status status = check_endpoint("request_endpoint", options.request_endpoint, reachable); !status) {
        return std::move(status).error();
    }
    if (Status status = check_endpoint("feed_endpoint", options.feed_endpoint, reachable); !status) {
        return std::move(status).error();
    }
    return options;
}

}  // namespace belfry::transports::zmq

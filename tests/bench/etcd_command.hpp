// How a member of an etcd cluster on this machine is started.
#pragma once

#include <string>
#include <vector>

namespace belfry::bench {

// `ports`: each member's for clients; the one after it is for other members. Its data goes below `directory`.
inline std::vector<std::string> etcd_command(const std::string& binary, const std::string& directory,
                                             const std::vector<int>& ports, size_t member) {
    const auto url = [](int port) { return "http://127.0.0.1:" + std::to_string(port); };
    const std::string client = url(ports[member]), peer = url(ports[member] + 1);
    std::string members;
    for (size_t i = 0; i < ports.size(); ++i) {
        members += (i > 0 ? "," : "") + ("m" + std::to_string(i)) + "=" + url(ports[i] + 1);
    }
    const std::string name = "m" + std::to_string(member);
    return {binary,
            "--name=" + name,
            "--data-dir=" + directory + "/" + name,
            "--listen-client-urls=" + client,
            "--advertise-client-urls=" + client,
            "--listen-peer-urls=" + peer,
            "--initial-advertise-peer-urls=" + peer,
            "--initial-cluster=" + members,
            "--quota-backend-bytes=8589934592",
            "--log-level=error"};
}

}  // namespace belfry::bench

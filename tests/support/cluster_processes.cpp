#include "tests/support/cluster_processes.hpp"

#include <algorithm>
#include <cstdio>
#include <thread>

namespace belfry::test {

using namespace std::chrono_literals;

ClusterProcesses::ClusterProcesses(const std::string& directory, uint64_t size, std::vector<std::string> settings,
                                   Keys keys)
    : directory_(directory), settings_(std::move(settings)) {
    const auto key_file = [&](uint64_t id) { return directory + "/" + std::to_string(id) + ".key"; };
    std::map<uint64_t, std::string> bind;
    for (uint64_t id = 1; id <= size; ++id) {
        bind[id] = endpoints_[id] = "tcp://127.0.0.1:" + std::to_string(free_port_pair());
        if (keys == Keys::no) continue;
        const Outcome made = run_program({program("belfry"), "keygen", key_file(id)});
        endpoints_[id] += " " + made.output.substr(0, made.output.find('\n'));
    }
    for (uint64_t id = 1; id <= size; ++id) {
        std::vector<std::string> own = settings_;
        own.push_back("member.id=" + std::to_string(id));
        own.push_back("cluster.endpoint=" + bind[id]);
        if (keys == Keys::yes) own.push_back("cluster.key_file=" + key_file(id));
        own.push_back("cluster.members=" + members_setting());
        members_[id] = std::make_unique<HubProcess>(directory + "/member" + std::to_string(id), std::move(own));
    }
}

std::string ClusterProcesses::members_setting() const {
    std::string text;
    for (const auto& [id, endpoint] : endpoints_) text += (text.empty() ? "" : ",") + std::to_string(id) + "=" + endpoint;
    return text;
}

HubProcess& ClusterProcesses::add(uint64_t id, uint64_t cluster) {
    endpoints_[id] = "tcp://127.0.0.1:" + std::to_string(free_port_pair());
    char hex[20];
    std::snprintf(hex, sizeof hex, "%llx", static_cast<unsigned long long>(cluster));
    std::vector<std::string> own = settings_;
    own.push_back("member.id=" + std::to_string(id));
    own.push_back("cluster.endpoint=" + endpoints_[id]);
    own.push_back("cluster.members=" + members_setting());
    own.push_back("cluster.id=" + std::string(hex));
    own.push_back("cluster.join=true");
    members_[id] = std::make_unique<HubProcess>(directory_ + "/member" + std::to_string(id), std::move(own));
    return *members_[id];
}

HubProcess& ClusterProcesses::add_configured(uint64_t id, const std::string& config) {
    members_[id] = std::make_unique<HubProcess>(directory_ + "/member" + std::to_string(id), settings_);
    members_[id]->use_config(config);
    return *members_[id];
}

bool ClusterProcesses::start() {
    for (auto& [id, member] : members_) member->launch();
    return std::all_of(members_.begin(), members_.end(), [](auto& entry) { return entry.second->is_ready(); });
}

std::vector<uint64_t> ClusterProcesses::ids() const {
    std::vector<uint64_t> ids;
    for (const auto& [id, member] : members_) ids.push_back(id);
    return ids;
}

uint64_t figure(const HubProcess& hub, const std::string& name, uint64_t missing, std::chrono::milliseconds timeout) {
    const auto status = hub.client(timeout)->status();
    if (!status) return missing;
    for (const auto& [known, value] : status->figures) {
        if (known == name && std::holds_alternative<uint64_t>(value)) return std::get<uint64_t>(value);
    }
    return missing;
}

uint64_t ClusterProcesses::leader(std::chrono::milliseconds patience) const {
    constexpr auto answer_max = 300ms;  // of each, and some may be dead
    const auto end = std::chrono::steady_clock::now() + patience;
    while (std::chrono::steady_clock::now() < end) {
        std::map<uint64_t, size_t> votes;
        for (const auto& [id, member] : members_) ++votes[figure(*member, "raft.leader", 0, answer_max)];
        for (const auto& [id, count] : votes) {
            if (id != 0 && count > members_.size() / 2) return id;
        }
        std::this_thread::sleep_for(20ms);
    }
    return 0;
}

ClientOptions ClusterProcesses::client_options(uint64_t first) const {
    ClientOptions options;
    options.endpoints.clear();
    options.feed_endpoints.clear();
    options.author = "test";
    const auto add = [&](const HubProcess& member) {
        const auto own = member.client_options();
        options.endpoints.push_back(own.endpoints[0]);
        options.feed_endpoints.push_back(own.feed_endpoints[0]);
    };
    add(*members_.at(first));
    for (const auto& [id, member] : members_) {
        if (id != first) add(*member);
    }
    return options;
}

std::shared_ptr<Client> ClusterProcesses::client(std::chrono::milliseconds timeout, uint64_t first) const {
    auto options = client_options(first);
    options.timeout = timeout;
    return std::move(*Client::connect(options));
}

std::string ClusterProcesses::logs() const {
    constexpr size_t bytes_max = 2000;
    std::string text;
    for (const auto& [id, member] : members_) {
        const std::string log = member->log();
        text +=
            "\n--- member " + std::to_string(id) + "\n" + log.substr(log.size() > bytes_max ? log.size() - bytes_max : 0);
    }
    return text;
}

}  // namespace belfry::test

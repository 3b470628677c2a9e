// Several real belfryds on loopback that are one cluster.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/hub_process.hpp"

namespace belfry::test {

class ClusterProcesses {
public:
    // Members 1 .. size, each with a data directory of its own under `directory`. `settings`: for all of them. With keys
    // the link between them is encrypted; each member's are in DIRECTORY/ID.key.
    enum class Keys { no, yes };
    ClusterProcesses(const std::string& directory, uint64_t size, std::vector<std::string> settings = {},
                     Keys keys = Keys::no);

    bool start();  // all of them, until each answers a linearizable read; false: see log()
    // One more that joins; not started, and not asked for yet.
    HubProcess& add(uint64_t id, uint64_t cluster);
    // One more with the settings in this file (belfry.toml).
    HubProcess& add_configured(uint64_t id, const std::string& config);
    void forget(uint64_t id) { members_.erase(id); }                              // it ends, if it still runs
    const std::string& endpoint(uint64_t id) const { return endpoints_.at(id); }  // for other members
    HubProcess& at(uint64_t id) { return *members_.at(id); }
    std::vector<uint64_t> ids() const;

    // Whom a majority of those that answer holds for the leader; waits for one. 0: none within the time.
    uint64_t leader(std::chrono::milliseconds patience = std::chrono::milliseconds(20'000)) const;
    // All members' endpoints, `first` in front.
    ClientOptions client_options(uint64_t first = 1) const;
    std::shared_ptr<Client> client(std::chrono::milliseconds timeout = std::chrono::milliseconds(5000),
                                   uint64_t first = 1) const;
    // The last lines of every member's log.
    std::string logs() const;

private:
    std::string members_setting() const;
    std::string directory_;
    std::vector<std::string> settings_;
    std::map<uint64_t, std::string> endpoints_;
    std::map<uint64_t, std::unique_ptr<HubProcess>> members_;
};

// A number of a member's status; `missing` if it does not answer within the time.
uint64_t figure(const HubProcess& hub, const std::string& name, uint64_t missing = 0,
                std::chrono::milliseconds timeout = std::chrono::milliseconds(5000));

}  // namespace belfry::test

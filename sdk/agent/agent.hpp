// The agent of a machine: keeps the services of its settings registered, and answers DNS from what the hub knows.
//
//     auto agent = belfry::agent::Agent::start(client, *settings, [](const std::string& line) { ... });
//     (*agent)->apply(*newer_settings);
//     agent->reset();                        // deregisters everything
//
// start() does all or nothing: the DNS address is taken before anything is registered, and what cannot be registered (not
// for want of a hub, which is waited for) ends it.
// Threads: one at a time; `say` is called on several, one at a time. Ownership: keeps its Client alive.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>

#include "sdk/agent/service_views.hpp"
#include "sdk/agent/settings.hpp"
#include "sdk/discovery/registry.hpp"
#include "sdk/dns/server.hpp"

namespace belfry::agent {

class Agent {
public:
    // What happened, for the operator: "web/web1-80: registered". Keep it short.
    using Say = std::function<void(const std::string& line)>;

    static Result<std::unique_ptr<Agent>> start(std::shared_ptr<Client> client, const AgentSettings& settings, Say say);
    // Deregisters all of them at once; waits for the hub, for the client's timeout at most.
    ~Agent();
    Agent(const Agent&) = delete;
    Agent& operator=(const Agent&) = delete;

    // What is not in the settings any more is deregistered, what is new registered; weight and labels change while it is
    // registered, anything else by registering it anew, and so is what was displaced. Another [dns] is told of and waits
    // for the next start. The first that cannot be registered is returned, and the others are done nevertheless. Waits for
    // the hub as the destructor does.
    Status apply(const AgentSettings& settings);

    size_t services() const { return running_.size(); }
    uint16_t dns_port() const { return dns_ ? dns_->port() : uint16_t{0}; }  // 0: no DNS

private:
    struct Running {
        ServiceSettings settings;
        std::unique_ptr<Registration> registration;
    };
    Agent(std::shared_ptr<Client> client, Say say);
    Status serve_dns(const DnsSettings& settings);
    Status add(const ServiceSettings& service);
    void end(std::vector<Running> going);
    void tell(const std::string& line);

    const std::shared_ptr<Client> client_;
    const Say say_;
    std::mutex mutex_;  // of say_
    Registry registry_;
    std::map<std::pair<std::string, std::string>, Running> running_;  // by service and id
    DnsSettings dns_settings_;
    ServiceViews views_;  // of the DNS server's thread
    std::unique_ptr<dns::Server> dns_;
};

}  // namespace belfry::agent

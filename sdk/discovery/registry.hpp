// belfry::Registry: who offers a service, and where. Nothing in the hub knows of it: an instance is a key below
// services/SERVICE/ (sdk/discovery/instance.hpp), bound to a lease (sdk/discovery/registration.hpp).
//
//     belfry::Registry registry(client);
//     auto web = registry.register_instance({.service = "web", .address = "10.0.0.5", .port = 80});
//     auto found = registry.find("web", {.passing_only = true});
//     for (const belfry::Instance& instance : found->instances) ...
//
// find() asks once; who wants to know all the time opens a belfry::ServiceView (sdk/discovery/service_view.hpp).
// Rights, where the hub asks who somebody is: `read`, `write` and `lease` on the keys to register, `read` to find.
// Threads: any, concurrently. Calls are synchronous: not in a callback of the client.
// Ownership: keeps its Client alive; registrations live on without it.
#pragma once

#include <vector>

#include "sdk/discovery/registration.hpp"
#include "sdk/discovery/selector.hpp"

namespace belfry {

struct RegistryOptions {
    Bytes prefix = Bytes(services_prefix);  // of all keys, with its '/'
};

struct FindOptions {
    Selector selector = {};
    bool passing_only = false;  // and not those whose weight is 0
    bool wants(const Instance& instance) const;
};

struct FindResult {
    Revision revision;                // of the hub, when it was so
    std::vector<Instance> instances;  // by id
    std::vector<Error> unreadable;    // keys that are no instances
};

// A service and how many of its instances are in which health.
struct ServiceFacts {
    std::string service;
    size_t passing = 0, warning = 0, critical = 0;
    size_t instances() const { return passing + warning + critical; }
    friend bool operator==(const ServiceFacts&, const ServiceFacts&) = default;
};

class Registry {
public:
    explicit Registry(std::shared_ptr<Client> client, RegistryOptions options = {});

    // Without an id one is made: this machine's name, the process and a random number. The instance's health and note are
    // what the application says first. Waits for the client's timeout and half a second at most. Fails with
    // `invalid_argument`, `too_large` or `busy` (checks), and as RegistrationOptions::wait_for_hub says: then nothing is
    // registered, or what is goes with its lease.
    Result<std::unique_ptr<Registration>> register_instance(Instance instance, RegistrationOptions options = {}) const;
    // Linearizable. A service that nobody offers has no instances. `too_large`: more than one answer of the hub holds
    // (limits::range_reply_bytes_max).
    Result<FindResult> find(std::string_view service, const FindOptions& options = {}) const;
    // By name; linearizable. Reads every instance there is, and fails as find().
    Result<std::vector<ServiceFacts>> services() const;

private:
    const std::shared_ptr<Client> client_;
    const RegistryOptions options_;
    const std::shared_ptr<Checker> checker_;
};

// "web1-4711-5f3a9c21": a DNS label that no other process makes.
std::string make_instance_id();

}  // namespace belfry

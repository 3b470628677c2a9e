// belfry::Registration: one instance that is kept in the hub, for as long as this object is there and it works.
//
//     belfry::Registry registry(client);
//     auto web = registry.register_instance({.service = "web", .address = "10.0.0.5", .port = 80}, {.ttl = 10s});
//     (*web)->report(belfry::Health::warning, "the cache is cold");
//     (*web)->set_weight(0);                       // no new work; then, when all is done,
//     web->reset();                                // deregistered
//
//   registering ──▶ registered ──▶ withdrawn   critical for withdraw_after
//      ▲    ▲           │    │         │
//      │    └───────────┘    │         │        its lease is lost (a long pause, a partition)
//      └───────────────────────────────┘        it is better again
//                            └───────▶ displaced   another process registered under the same id
//
// Promise: while registered the key is bound to a lease of its own, which is kept alive, whatever happens to leaders and
// members. When this process is gone without a word, the key goes within the lease's time and a second. When the lease is
// lost but the process is not, on_state says so and the instance is registered anew by itself. A key that was deleted by
// hand comes back within look_interval.
// Who registers an id first takes it from whoever has it (a process that was killed and is started again); who comes back
// after it lost its lease does not, and is displaced if somebody else has it meanwhile.
// What others see follows with a delay: changes are written one after the other, the newest each time. A note alone is
// written with the next change, or with that look.
// Threads: any thread may call; one at a time may deregister or destroy it. It has a thread of its own; on_state runs
// there. Ownership: keeps its Client alive. Give that a timeout of half the time to live or less (sdk/client/lease.hpp).
// REQUIRES: not destroyed in a callback of the client, nor in on_state: it waits for a request that is under way, and for
// those that end it, until one has no answer within the client's timeout.
#pragma once

#include <functional>
#include <memory>

#include "sdk/client/client.hpp"
#include "sdk/discovery/check.hpp"

namespace belfry {

namespace limits {
// A minute of a wrong key is borne, and 10,000 instances that look so often cost the hub 170 reads a second.
inline constexpr std::chrono::milliseconds instance_look_interval{60'000};
inline constexpr std::chrono::milliseconds instance_look_interval_min{100};
// Of one instance. What it needs are a port, a page and a disk.
inline constexpr size_t instance_checks_max = 16;
}  // namespace limits

enum class RegistrationState : uint8_t { registering, registered, withdrawn, displaced };
// "registering", ...
std::string_view to_string(RegistrationState state);

struct RegistrationOptions {
    std::chrono::seconds ttl{10};  // of the lease: how long it is still found when this process is gone
    // The application has to call beat() or report() that often, or the instance is critical. 0: it need not.
    std::chrono::milliseconds beat_ttl{0};
    // Critical for so long, it is withdrawn. 0: never, or where beats are expected after one more beat_ttl.
    std::chrono::milliseconds withdraw_after{0};
    // How often it looks whether its key is there and still its own; limits::instance_look_interval_min at least.
    std::chrono::milliseconds look_interval = limits::instance_look_interval;
    std::vector<Check> checks = {};  // the worst of them counts, and what the application says
    // Each new state, with why; `ok` where nothing is wrong. Keep it short; it may call beat(), report() and the setters.
    // `timeout` or `not_found` with registering: the lease was lost. Otherwise the hub's answer. May be empty.
    std::function<void(RegistrationState state, const Error& reason)> on_state = {};
    // Registry::register_instance() fails unless the hub takes it. False: it is registered as soon as the hub can be asked.
    bool wait_for_hub = true;
};

class Registration {
public:
    // As deregister().
    ~Registration();
    Registration(const Registration&) = delete;
    Registration& operator=(const Registration&) = delete;

    // It works: its health is as it was reported last.
    void beat();
    // What the application finds itself, and a beat. `note`: why; made one line, and cut.
    void report(Health health, BytesView note = {});
    // `invalid_argument` or `too_large`; nothing is changed then.
    Status set_weight(uint32_t weight);
    Status set_labels(std::map<std::string, std::string> labels);

    // Waits until the hub has what is wanted now. `timeout`: not within the time; the last answer is told. `conflict`: it
    // is displaced. `unavailable`: it is withdrawn.
    Status sync(std::chrono::milliseconds timeout) const;
    // Gone at once, for everybody, also where its lease was lost just before. Whatever the answer, it is registered no
    // more; after an error others may find it until its lease ends. Called again: ok.
    Status deregister();

    // As it is wanted now; service and id, made or given, never change.
    Instance instance() const;
    RegistrationState state() const;
    uint64_t times_registered() const;  // more than once: it was lost, or withdrawn, between

private:
    friend class Registry;
    class Impl;
    explicit Registration(std::shared_ptr<Impl> impl);
    const std::shared_ptr<Impl> impl_;
};

}  // namespace belfry

// belfry::Picker: spreads an application's requests over the instances of a service.
//
//     belfry::Picker picker({.policy = belfry::Policy::least_outstanding});
//     picker.update(instances);                               // whenever the set changes; belfry::Balancer does it
//     auto picked = picker.pick();                            // or pick(key), for Policy::consistent
//     if (!picked) return fail(picked.error());
//     const bool answered = send(picked->instance().address, picked->instance().port, request);
//     answered ? picked->succeed() : picked->fail();
//
// Policies, and what is cited for them: sdk/balance/chooser.hpp; who is left out for its failures, and for how long:
// sdk/balance/outliers.hpp. docs/balancing.md tells which to choose.
// What counts as a failure is the caller's to say: what another instance would have done better (no connection, a timeout,
// an answer that says "overloaded"), and not what every instance would have answered.
// Threads: any thread may use it, one at a time may destroy it; a pick takes a lock for some hundred nanoseconds.
// Ownership: a Picked keeps what it needs, and may outlive the Picker and its instance's place in the set.
#pragma once

#include <string>
#include <vector>

#include "sdk/balance/chooser.hpp"

namespace belfry {

// One request's instance. Until it is reported, or destroyed, it counts as under way there.
class Picked {
public:
    Picked(Picked&& other) noexcept = default;
    Picked& operator=(Picked&& other) noexcept;
    ~Picked();  // not reported: it says nothing of the instance

    // As it was when it was picked. REQUIRES: not moved from.
    const Instance& instance() const { return *instance_; }
    // Once; a second report is not counted. How long it took is from the pick to here.
    void succeed();
    void fail();

private:
    friend class Picker;
    struct Shared;
    Picked(std::shared_ptr<Shared> shared, std::shared_ptr<balance::Member> member, uint64_t picked_us);
    void done(balance::Outcome outcome);

    std::shared_ptr<Shared> shared_;  // none: reported
    std::shared_ptr<balance::Member> member_;
    std::shared_ptr<const Instance> instance_;
    uint64_t picked_us_ = 0;
};

// What this client saw of an instance since it was registered, or since the picker began.
struct InstanceFigures {
    std::string id;
    uint64_t outstanding = 0;
    uint64_t picks = 0, successes = 0, failures = 0;
    uint64_t latency_us = 0;  // a moving mean of the last some eight
    bool ejected = false;
    uint32_t ejections = 0;  // that lengthen the next one
};

struct PickerFigures {
    size_t usable = 0;    // at the last pick
    bool panics = false;  // likewise: too few were, so all are used
    std::vector<InstanceFigures> instances;
};

class Picker {
public:
    explicit Picker(PickerOptions options = {});
    Picker(const Picker&) = delete;
    Picker& operator=(const Picker&) = delete;

    // The instances of one service from now on; more than balance::instances_max are cut off.
    void update(std::span<const Instance> instances);
    // `unavailable`: no instance takes work. `key` is looked at by Policy::consistent only.
    Result<Picked> pick(BytesView key = {});
    PickerFigures figures() const;

private:
    const std::shared_ptr<Picked::Shared> shared_;
};

}  // namespace belfry

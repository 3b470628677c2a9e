// Which instance the next request goes to. Pure: times and the seed come in; the same calls give the same picks.
//
//   members ──▶ those that take work ──▶ usable ──▶ one of them, by the policy
//   (the set)   (weight > 0)              (not critical, not left out (outliers.hpp); if those are too few: all that take
//   work)
//
// Policies, and where they are from:
//   round_robin        one after the other, whatever their weights, from a start of chance
//   weighted           in proportion to the weights and evenly spread: stride scheduling (Waldspurger, Weihl, 1995); each
//                      begins at a moment of chance, so that many clients do not begin with the same one
//   least_outstanding  two are drawn by chance, in proportion to their weights, and the one with fewer requests under way
//                      for its weight is taken: "the power of two choices" (Mitzenmacher, 1996)
//   consistent         the same key goes to the same instance for as long as it is usable (ring.hpp); with a load bound
//                      to the next one whose requests under way are fewer than bound x its share of all: "Consistent
//                      Hashing with Bounded Loads" (Mirrokni, Thorup, Zadimoghaddam, 2016)
// Cost of a pick: O(1), of `weighted` and `least_outstanding` O(log n), of `consistent` O(log points) and the walk past
// those that are not usable.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "sdk/balance/outliers.hpp"
#include "sdk/balance/ring.hpp"
#include "sdk/base/prng.hpp"
#include "sdk/discovery/instance.hpp"

namespace belfry {

enum class Policy : uint8_t { round_robin, weighted, least_outstanding, consistent };

struct PickerOptions {
    Policy policy = Policy::least_outstanding;
    double load_bound = 0;  // of `consistent`: above 1, say 1.25; 0: none
    // Where fewer than this share of those that take work are usable, all are: the few would break under the load of all.
    // 0: never, and a pick fails where none is usable.
    double panic_share = 0.25;
    balance::OutlierOptions outliers = {};
    uint64_t random_seed = 0;  // 0: one of its own
};

}  // namespace belfry

namespace belfry::balance {

// Past it the instances with the greatest ids are not picked: 4096 of 160 points are a ring of 10 MiB.
inline constexpr size_t instances_max = 4096;

// An instance, and what this client knows of it. It outlives its place in the set while somebody holds it.
struct Member {
    std::shared_ptr<const Instance> instance;
    uint64_t outstanding = 0;  // picked and not done
    uint64_t picks = 0, successes = 0, failures = 0;
    uint64_t latency_us = 0;  // of the last some eight answers, a moving mean; 0: none yet
    Outlier outlier = {};

private:
    friend class Chooser;
    bool present = true;  // in the set
    bool usable = false;
    double pass = 0;  // `weighted`: when its next turn is
};

// How a request ended. `dropped`: nobody said.
enum class Outcome : uint8_t { success, failure, dropped };

class Chooser {
public:
    // REQUIRES: options.random_seed is not 0.
    explicit Chooser(PickerOptions options);

    // The set from now on, in any order; of equal ids the first counts. What is known of an instance stays with it for as
    // long as its `created` is the same.
    void update(std::span<const Instance> instances);
    // NULL: there is none. Its `outstanding` counts one more until done().
    std::shared_ptr<Member> pick(BytesView key, uint64_t now_ms);
    void done(Member& member, Outcome outcome, uint64_t latency_us, uint64_t now_ms);

    const std::vector<std::shared_ptr<Member>>& members() const { return members_; }  // by id
    // As of the last pick.
    size_t usable() const { return usable_.size(); }
    bool panics() const { return panics_; }

private:
    struct Turn {
        double pass;
        uint32_t member;
    };

    void refresh(uint64_t now_ms);
    void lay_ring();
    void line_up();
    void give_turn(Member& member);
    uint32_t next_in_turn();
    uint32_t drawn(uint64_t ticket) const;
    uint32_t less_busy();
    uint32_t of_key(BytesView key) const;

    const PickerOptions options_;
    Prng random_;
    std::vector<std::shared_ptr<Member>> members_;
    size_t takers_ = 0;  // of weight > 0

    bool stale_ = true;  // what follows is to be made anew, or when that time has come
    uint64_t refresh_at_ms_ = 0;
    bool panics_ = false;
    std::vector<uint32_t> usable_;        // of members_
    std::vector<uint64_t> weight_up_to_;  // of usable_, summed up
    uint64_t outstanding_ = 0;            // of members_

    size_t next_ = 0;          // round_robin
    std::vector<Turn> turns_;  // weighted: a heap, the next one first
    double pass_ = 0;          // of the last turn
    Ring ring_;                // consistent
};

}  // namespace belfry::balance

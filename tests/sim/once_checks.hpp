// What must hold of jobs that one of many does (sdk/recipes/once.hpp), by the order of the log. Of each name:
//   nobody is at it, or one is    he begins when nobody is, there is no result, and fewer than `tries_max` have begun since
//                                 the name was forgotten; the number of his try is the next one
//   one result                    until the name is forgotten; whose worker key stands publishes it, and nobody else
//   an end                        the result; or, when the last try has ended, what that one failed with, `uncertain` if it
//                                 was gone without a word
// Whoever is told of an end is told of one that there was since he came. When all is quiet who waits is told soon, and if
// nobody is at it, one of those who wait soon is.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "tests/sim/ledger.hpp"

namespace belfry::sim {

// Where the keys are, as the recipe's header says.
struct OnceKeys {
    static constexpr const char* all = "o/";
    static constexpr const char* worker = "/worker";
    static constexpr const char* tries = "/tries";
    static constexpr const char* result = "/result";
    static constexpr uint64_t tries_max = 3;
};

class OnceChecks {
public:
    OnceChecks(World& world, const Ledger& ledger) : world_(world), ledger_(ledger) {}

    Status on_change(const ChangeSet& change);
    // The one that all are at; now and then, when that has come to its end, the next one.
    Bytes some_name();
    void runs(const Bytes& user, const Bytes& name);
    // Its run is over with a result, or with what the last try failed with.
    void told(const Bytes& user, Code code, const Bytes& result);
    // Killed, its lease has ended, or it waits no more.
    void is_gone(const Bytes& user) { running_.erase(user); }
    // From now on those who wait are told soon.
    void be_quick() { quick_from_ms_ = world_.now(); }
    void check_end() const;
    uint64_t results() const { return results_; }
    uint64_t tries() const { return tries_; }

private:
    struct Worker {
        Bytes user;
        Revision created;
    };
    struct End {
        Code code;  // ok = a result
        Bytes result;
        std::optional<Revision> forgotten;
    };
    struct Job {
        std::optional<Worker> worker;
        uint64_t begun = 0;
        std::vector<End> ends;
        bool has_end = false;   // the last one of these
        uint64_t since_ms = 0;  // it has one, or nobody is at it
    };
    struct Run {
        Bytes name;
        Revision since;  // everything up to there was known to somebody when it came
        uint64_t since_ms;
    };
    struct Parts;
    Status on_job(Job& job, const ChangeSet& change, const Parts& parts);
    Status begin(Job& job, const ChangeSet& change, const Parts& parts);
    Status publish(Job& job, const ChangeSet& change, const Parts& parts);
    Status fail_try(Job& job, const ChangeSet& change, const Parts& parts);
    void let_go(Job& job, Code code);
    void end(Job& job, Code code, const Bytes& result);
    void forget(Job& job, Revision at);
    bool is_late(uint64_t since_ms) const;
    // Somebody is there since then who could be at it; none = nobody is.
    std::optional<uint64_t> awaited_since_ms(const Bytes& name) const;

    World& world_;
    const Ledger& ledger_;
    std::map<Bytes, Job> jobs_;
    std::map<Bytes, Run> running_;  // by user
    uint64_t round_ = 1;
    uint64_t quick_from_ms_ = UINT64_MAX;
    uint64_t results_ = 0, tries_ = 0;
};

}  // namespace belfry::sim

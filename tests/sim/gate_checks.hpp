// What must hold of a barrier that somebody holds closed (sdk/recipes/barrier.hpp), by the order of the log: it is closed
// only while it is open; nobody goes through that was closed all the time since he came; and who waits goes soon after it
// opens, though it may be closed again by then.
#pragma once

#include <map>
#include <optional>

#include "tests/sim/ledger.hpp"

namespace belfry::sim {

// Where the key is, as the recipe's header says.
struct GateKeys {
    static constexpr const char* closed = "z/closed";
};

class GateChecks {
public:
    GateChecks(World& world, const Ledger& ledger) : world_(world), ledger_(ledger) {}

    Status on_change(const ChangeSet& change);
    // `opens_others`: also what others have closed.
    void add(const Bytes& user, bool opens_others) { opens_others_[user] = opens_others; }
    void comes(const Bytes& user);
    void goes_through(const Bytes& user);
    // Killed, or its lease has ended: it does not wait any more.
    void is_gone(const Bytes& user) { waiting_.erase(user); }
    // From now on those who wait go soon.
    void be_quick() { quick_from_ms_ = world_.now(); }
    void check_end() const;
    uint64_t passages() const { return passages_; }

private:
    struct Waiting {
        Revision since;  // everything up to there was known to somebody when it came
        std::optional<uint64_t> open_ms;
    };
    bool is_late(const Waiting& one) const;

    World& world_;
    const Ledger& ledger_;
    std::map<Bytes, Waiting> waiting_;
    std::map<Bytes, bool> opens_others_;
    std::optional<Bytes> closed_by_;
    Revision open_until_;  // while it is closed
    uint64_t quick_from_ms_ = UINT64_MAX;
    uint64_t passages_ = 0;
};

}  // namespace belfry::sim

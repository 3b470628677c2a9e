// What must hold of a barrier for so many who begin and end together (sdk/recipes/double_barrier.hpp), by the order of the
// log: a round begins when there is none, and names the first of the line, all of whom are there; it ends when none of them
// is. Nobody is in whom no round names, and nobody is out while another one of his round has neither left nor lost his
// lease.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "tests/sim/ledger.hpp"

namespace belfry::sim {

// Where the keys are, as the recipe's header says.
struct BarrierKeys {
    static constexpr const char* all = "y/";
    static constexpr const char* round = "y/round";
    static constexpr size_t members = 2;
};
// The places that a round names: keys, one to a line, without what they have in common.
std::vector<Bytes> named_in(Bytes text);

class BarrierChecks {
public:
    explicit BarrierChecks(World& world) : world_(world) {}

    Status on_change(const ChangeSet& change);
    void entered(const Bytes& key);
    void left(const Bytes& key);
    // From now on those who are enough soon begin.
    void be_quick() { quick_from_ms_ = world_.now(); }
    // None is left within a round, and there are too few for another one.
    void check_end() const;
    uint64_t rounds() const { return rounds_; }

private:
    Status begin(const KeyValue& round);
    Status end();
    void note_ready();

    World& world_;
    std::map<Bytes, Revision> places_;  // when they were put
    std::optional<std::vector<Bytes>> round_;
    std::map<Bytes, std::vector<Bytes>> round_of_;  // by place
    std::optional<uint64_t> ready_since_ms_;
    uint64_t quick_from_ms_ = UINT64_MAX;
    uint64_t rounds_ = 0;
};

}  // namespace belfry::sim

// What must hold of lines of places (sdk/recipes/place.hpp), by the order of the log: each change of their keys as it is
// applied first. Whose turn it is, is said here by the line alone:
//   alone     nobody is ahead: a lock, an election
//   shared    nobody who is alone is ahead: a shared lock in the same line
//   permit    fewer than `permits` are ahead: a semaphore
// A write that is guarded by a place is made when it is its turn, by whom the place belongs to; tokens of those who are
// alone only grow. Whoever believes that it holds something does; and who has his turn when all is quiet soon knows it.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "tests/sim/ledger.hpp"

namespace belfry::sim {

enum class LineKind : uint8_t { alone, shared, permit };

// Where the keys are, as the recipes' headers say.
struct LineKeys {
    static constexpr const char* all = "k/";
    static constexpr const char* permits = "k/permits";
    static constexpr const char* places_of_permits = "k/permits/";
    static constexpr const char* shared_mark = "-shared";
    static constexpr const char* writes = "kw/";  // the simulator's own: NAME of the kind; the value is the token
    static constexpr size_t permit_count = 2;
};

inline bool is_shared(const Bytes& key) { return key.ends_with(LineKeys::shared_mark); }

class LineChecks {
public:
    explicit LineChecks(World& world) : world_(world) {}

    Status on_change(const ChangeSet& change);
    // Its owner believes that it is this place's turn: at first, and as long as it does.
    void holds(const Bytes& key, Revision created);
    // From now on who has his turn knows it soon.
    void be_quick() { quick_from_ms_ = world_.now(); }
    // Everybody has had his turn, and has left.
    void check_end() const;

    uint64_t turns() const { return turns_; }
    uint64_t writes() const { return writes_; }

private:
    struct Place {
        Bytes key;
        Revision created;
        Bytes author;
        std::optional<uint64_t> turn_since_ms;
        bool known = false;  // that it is its turn
    };
    using Line = std::vector<Place>;  // in its order
    Line& line_of(const Bytes& key) { return key.starts_with(LineKeys::places_of_permits) ? permits_ : places_; }
    void note_turns(Line& line);
    Status on_write(const ChangeSet& change, const KeyValue& kv);

    World& world_;
    Line places_, permits_;
    uint64_t last_token_ = 0;  // of who was alone
    uint64_t quick_from_ms_ = UINT64_MAX;
    uint64_t turns_ = 0, writes_ = 0;
};

}  // namespace belfry::sim

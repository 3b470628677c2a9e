// What must hold of a counter (sdk/recipes/counter.hpp), by the order of the log. What its users do is known by name here,
// and each of their writes says whose it is, so each change of the key is held against what it was to do with the number
// that stood there; so what the key says at the end is what all that was done has come to:
//   ok          done once, and of an add() the number is the one that it made
//   refused     never done
//   uncertain   done once or not; with a session not after its client has written something else
// What get() shows is judged by the ledger.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "tests/sim/history.hpp"
#include "tests/sim/world.hpp"

namespace belfry::sim {

struct CounterKeys {
    static constexpr const char* number = "n/count";
};

struct CounterCall {
    enum class Kind : uint8_t { add, set, compare_and_set, spoil };
    Kind kind = Kind::add;
    int64_t number = 0;  // an add(): by how much
    int64_t expected = 0;
};

// A whole number of 64 bits, and nothing else; no key counts as 0.
std::optional<int64_t> counter_number(const KeyValue* kv);
// None: that would overflow, or is refused; `standing`: what is there.
Result<int64_t> counter_next(const CounterCall& call, int64_t standing);

class CounterChecks {
public:
    explicit CounterChecks(World& world) : world_(world) {}

    Status on_change(const ChangeSet& change);
    // The number of the call. `ordered`: its client's writes have tickets.
    size_t begins(const Bytes& user, const CounterCall& call, bool ordered);
    // A write of this call: one of several tries.
    void sends(size_t call, const Bytes& comment) { call_of_[comment] = call; }
    void answered_ok(size_t call, int64_t number);
    void answered(size_t call, Code code);
    uint64_t adds() const { return adds_; }

private:
    enum class Outcome : uint8_t { open, ok, refused, uncertain };
    struct Told {
        Bytes user;
        CounterCall call;
        bool ordered;
        Outcome outcome = Outcome::open;
        std::optional<int64_t> made = {};  // the number that it made; none = not done
    };
    Status on_event(const Event& event, Told& told);
    void close_before(size_t call);
    std::string what(size_t call) const;

    World& world_;
    std::vector<Told> calls_;
    std::map<Bytes, size_t> call_of_;      // by comment
    std::optional<int64_t> standing_ = 0;  // none = no number
    uint64_t adds_ = 0;
};

}  // namespace belfry::sim

// What must hold of a queue (docs/queues.md), by the order of the log: each change of its keys as it is applied first, with
// the leases as they are then.
//   pushed        behind all that was pushed with its priority
//   handed out    it is there, the queue is not closed, the lease lives, and nobody whose lease lives holds it; with one
//                 attempt more than the last time; and nothing that could be had is passed over for one behind it
//   acknowledged  by the process that it was handed out to last, once, together with its result
//   given back    likewise
//   buried        likewise, once it was handed out more often than attempts_max; what it held is in its dead letter, which
//                 goes when it is pushed anew
//   erased by hand    whoever holds it may still acknowledge it or give it back; its claim does not outlast the next ones
// and that every claim is answered as the log has it, nothing waits for long when all is quiet, and nothing is left.
#pragma once

#include <map>
#include <optional>
#include <set>

#include "sdk/protocol/claim.hpp"
#include "tests/sim/ledger.hpp"

namespace belfry::sim {

// Where the queue's keys are, as sdk/recipes/queue.hpp says.
struct QueueKeys {
    static constexpr const char* all = "q/";
    static constexpr const char* items = "q/item/";
    static constexpr const char* claims = "q/held/";
    static constexpr const char* users = "q/user/";
    static constexpr const char* closed = "q/closed";
    static constexpr const char* dead = "q/dead/";
    static constexpr uint64_t attempts_max = 2;        // small, so that many are buried
    static constexpr const char* results = "q/done/";  // the simulator's own: what is written with an acknowledgement
};

class QueueChecks {
public:
    QueueChecks(World& world, const Truth& truth) : world_(world), truth_(truth) {}

    Status on_change(const ChangeSet& change);
    // A transaction that claims, or would have if the queue had been open.
    void answered_claim(const Bytes& comment, const protocol::Reply& reply);
    // A push that was done: it names the keys.
    void answered_push(const protocol::Reply& reply);
    // One that has been told of all its claims, and holds nothing as far as it knows.
    void idle(const Bytes& worker, LeaseId lease, uint64_t claimant);
    // This one may erase items by hand, and does not hold them.
    void let_erase(Bytes author) { eraser_ = std::move(author); }
    // From now on it may be opened before it is complete.
    void open_by_hand() { by_hand_ = true; }
    // From now on what is pushed is handed out soon.
    void be_quick() { quick_ = true; }
    void check_end() const;

    Revision newest() const { return truth_.revision(); }
    size_t waiting() const { return items_.size(); }
    uint64_t pushed() const { return pushed_; }
    uint64_t handed_out() const { return handed_out_; }
    uint64_t acknowledged() const { return acknowledged_; }
    uint64_t buried() const { return buried_; }

private:
    struct Claim {
        protocol::ClaimMark mark;
        Bytes author;
    };
    struct Item {
        Bytes value;
        std::optional<Claim> claim;
        std::optional<uint64_t> quick_since_ms;
    };
    struct Closed {
        uint64_t until_items;
        size_t most;  // items that there were since
    };
    bool is_held(const Claim& claim) const;
    Status on_item(const KeyValue& kv);
    Status on_claim(const ChangeSet& change, const KeyValue& kv);
    Status on_erased_item(const ChangeSet& change, const Bytes& rest);
    Status on_buried_item(const ChangeSet& change, const Bytes& rest, const Item& item);
    Status on_dead_letter(const ChangeSet& change, const Event& event, const Bytes& rest);
    Status on_closed(const Event& event);
    Status check_order(const ChangeSet& change) const;

    World& world_;
    const Truth& truth_;
    std::map<Bytes, Item> items_;    // by the rest of the key
    std::map<Bytes, Item> orphans_;  // items that were erased by hand, and their claims stand
    std::map<Bytes, Bytes> dead_;    // what is in the letters
    Bytes eraser_;
    std::map<Bytes, Bytes> last_push_;  // by priority
    std::optional<Closed> closed_;
    bool by_hand_ = false, quick_ = false;
    uint64_t pushed_ = 0, handed_out_ = 0, acknowledged_ = 0, buried_ = 0;
};

}  // namespace belfry::sim

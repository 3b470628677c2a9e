// belfry::Queue and belfry::Consumer: work that is handed out in order, each item to one at a time, until somebody says
// that it is done.
//
//     belfry::Queue queue(client, "mail");
//     if (const auto pushed = queue.push("to: ada"); !pushed) return fail(pushed.error());
//
//     belfry::Consumer consumer(client, lease, "mail");
//     while (const auto items = consumer.take(10, 1h)) {
//         for (const belfry::QueueItem& item : *items) send(item.value);
//         if (const Status done = consumer.acknowledge(*items); !done) ...     // somebody else has, or will
//     }
//
// Promise: an item that was pushed is handed out until it is acknowledged, buried or erased by hand; to one consumer at a
// time; and acknowledged once: what acknowledge() writes with it happens together with that, or not at all. In order of
// priority, then of pushing (the hub's, not anybody's clock). When a consumer's lease ends, what it held goes to the next
// who asks, in its old place, with one attempt more; after attempts_max it is a dead letter.
// No promise: that the work itself is done once. A consumer that is paused beyond its lease works on beside the next one,
// as with every queue; its acknowledgement is then refused. What must not be done by two goes into acknowledge(), or is
// compared with guard(), or is such that doing it twice does no harm. Nor that items are finished in order: several
// consumers, or one that gives back, overtake each other.
// In the hub (docs/queues.md): NAME/item/P/SEQUENCE, NAME/held/P/SEQUENCE for each that is handed out,
// NAME/dead/P/SEQUENCE, NAME/closed, and NAME/user/LEASE-OBJECT for each consumer, bound to its lease.
// Needs the rights read, write, delete and lease on the prefix NAME/; to push, write on NAME/item/ and read on NAME/closed.
// Bounds: limits::claims_standing_max items (4,096) are held at once; values as any value's. Every idle consumer asks when
// something comes. A part of a name behind its first '/' is not item, held, dead or user: one queue would be within
// another.
// Threads: one at a time for each object. Calls are synchronous: not in a callback of the client.
// Ownership: keeps its client and its lease alive.
#pragma once

#include <map>
#include <span>

#include "sdk/recipes/waiting.hpp"

namespace belfry {

inline constexpr unsigned queue_priority_max = 9;  // 0 is handed out first
inline constexpr unsigned queue_priority = 5;      // unless the pusher says otherwise

// What is in a queue, counted at one moment.
struct QueueStatus {
    uint64_t items = 0;  // held ones included
    uint64_t held = 0;   // handed out and not given back; also to consumers that have gone without a word
    uint64_t dead = 0;
    bool closed = false;
    friend bool operator==(const QueueStatus&, const QueueStatus&) = default;
};

// An item or a dead letter as whoever looks at it sees it, without taking it.
struct QueueEntry {
    Bytes id;  // "PRIORITY/SEQUENCE"
    Bytes value;
    Bytes content_type;
    Revision pushed;        // of a dead letter: when it became one
    uint64_t attempts = 0;  // how often it was handed out so far; of a dead letter 0, nobody counts any more
    bool held = false;      // as in QueueStatus
    friend bool operator==(const QueueEntry&, const QueueEntry&) = default;
};

class Queue {
public:
    Queue(std::shared_ptr<Client> client, Bytes name) : client_(std::move(client)), name_(std::move(name)) {}

    // At the end of those with its priority. The answer is the item's id. Sent again under the client's session until there
    // is an answer, so it is pushed once; `uncertain`: perhaps it was pushed.
    Result<Bytes> push(BytesView value, unsigned priority = queue_priority);
    // All of them or none, one behind the other; 1 to limits::txn_ops_max - 1 (another operation looks whether the queue is
    // closed: `invalid_argument` past it), and together what fits limits::frame_bytes_max (`too_large`).
    Result<std::vector<Bytes>> push(std::span<const Bytes> values, unsigned priority = queue_priority);

    // Nothing is handed out from now on, until open() or until there are so many items (0 = only by open()). Who pushes or
    // waits looks, so it opens though the last one who pushed is gone.
    Status close(uint64_t until_items = 0);
    Status open();
    Result<QueueStatus> status();
    // The first ones in the order in which they are handed out, `most` at most, or limits::range_reply_bytes_max of them.
    Result<std::vector<QueueEntry>> peek(size_t most);
    Result<std::vector<QueueEntry>> dead_letters(size_t most);
    // Puts a dead letter at the end of the queue again, as a new item with no attempts. `not_found`: there is none.
    Result<Bytes> revive(const Bytes& id);
    // Erases what nobody holds, dead letters too; the number of items and letters. Takes the items to do so: of one that
    // fails in the middle some have an attempt more.
    Result<uint64_t> purge();

    const Bytes& name() const { return name_; }

private:
    const std::shared_ptr<Client> client_;
    const Bytes name_;
};

struct QueueItem {
    Bytes id;  // "PRIORITY/SEQUENCE"
    Bytes value;
    Bytes content_type;
    uint64_t attempts = 0;  // how often it was handed out, this time included
    Revision since;         // of the claim
    friend bool operator==(const QueueItem&, const QueueItem&) = default;
};

struct ConsumerOptions {
    uint64_t attempts_max = 5;             // then it is a dead letter; 0 = never
    std::function<bool()> cancelled = {};  // ends take() with `timeout` when it says yes; asked often, by who called it
};

class Consumer {
public:
    Consumer(std::shared_ptr<Client> client, std::shared_ptr<const Lease> lease, Bytes name, ConsumerOptions options = {});
    // What it holds goes back; in a callback of the client, or where the hub does not answer, with the lease's next
    // keep-alive that is answered. What it was not told of, for that answer was lost, then goes back when the lease ends.
    ~Consumer();
    Consumer(const Consumer&) = delete;
    Consumer& operator=(const Consumer&) = delete;

    // 1 to `most` items (limits::claim_items_max at most), the first that nobody holds; waits for the first one. More only
    // if the answer to an earlier call was lost: then what that one took. `timeout`: there was none (0: it is asked once);
    // `not_found`: the lease has ended; what may pass (`unavailable`, `uncertain`, ...) if that was the last answer.
    Result<std::vector<QueueItem>> take(size_t most, std::chrono::milliseconds timeout);

    // They are done; limits::txn_ops_max / 3 at most. `also` happens in the same transaction: results that are written
    // exactly once. `conflict`: some are not held any more, and then nothing of this was done; without `also` those that
    // still are were acknowledged. After `uncertain` they perhaps are; asking again tells (`conflict` = they were, or are
    // lost).
    Status acknowledge(std::span<const QueueItem> items, std::vector<protocol::TxnOp> also = {});
    // Acknowledges, and takes the next ones: in the same transaction if there are some, it has taken before and both fit in
    // one (339 items). Errors as those of both; `timeout`: they are acknowledged, and there was no other.
    Result<std::vector<QueueItem>> acknowledge_and_take(std::span<const QueueItem> items, size_t most,
                                                        std::chrono::milliseconds timeout);
    // Not done: the next who asks gets it, in its old place. `also`, and `conflict`, as in acknowledge().
    Status give_back(const QueueItem& item, std::vector<protocol::TxnOp> also = {});
    // Not to be handed out again: NAME/dead/ID has its value from now on.
    Status bury(const QueueItem& item);

    // Holds from this hand-out to the next, or until it is done: also after the lease has ended, while nobody else has it.
    protocol::Compare guard(const QueueItem& item) const;
    const Lease& lease() const { return *lease_; }
    size_t holds() const { return held_.size(); }

private:
    using Items = std::vector<QueueItem>;
    struct Held {
        Revision since;
        uint64_t attempts = 0;
    };
    protocol::TxnRequest claim_next(size_t most) const;
    Result<Items> claim(size_t most);
    Result<Items> read_claim(Revision at, const protocol::TxnReply& reply);
    Result<Items> announce();
    Items without_worn_out(Items items);
    Status acknowledge_singly(std::span<const QueueItem> items);
    Status change_one(protocol::TxnRequest txn, const QueueItem& item);
    protocol::TxnRequest removal_of(std::span<const QueueItem> items) const;
    void forget(std::span<const QueueItem> items);
    bool is_announced(const protocol::TxnReply& reply) const;
    protocol::TxnOp return_of(const Bytes& id, const Held& held) const;
    void leave();
    protocol::TxnRequest return_some();
    Status await_something(const recipes::Patience& patience);
    bool is_worth_a_look(const ChangeSet& change) const;

    const std::shared_ptr<Client> client_;
    const std::shared_ptr<const Lease> lease_;
    const Bytes name_;
    const ConsumerOptions options_;
    const recipes::Waiting waiting_;
    const uint64_t claimant_;
    const Bytes own_key_;
    std::map<Bytes, Held> held_;  // by id
    Items worn_out_;              // held: they could not be buried yet
    Revision announced_;          // when it put its key; a claim that was sent before is not done any more
    bool must_announce_ = true;   // it has not yet, or the answer to a claim was lost
    bool is_full_ = false;        // there are items, and as many are held as may be
    Revision seen_;               // what came up to here has been asked for
};

}  // namespace belfry

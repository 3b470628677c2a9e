// A process that uses a recipe of the SDK: it holds a lease, believes of it what the SDK's Lease believes by a clock of its
// own, and may be stopped for longer than that lives and go on, or be killed and begin anew. Nothing of it runs while it is
// stopped, and nothing of an earlier life is heard of in the next one. Its writes are judged by the ledger.
#pragma once

#include <functional>

#include "sdk/base/may_pass.hpp"
#include "tests/sim/call.hpp"
#include "tests/sim/lease_promises.hpp"

namespace belfry::sim {

// Who judges the users of recipes.
struct RecipeParts {
    World& world;
    Ledger& ledger;
    LeasePromises& promises;
};
struct RecipeClient {
    Send send;
    Bytes name;
    LeaseId own_number;   // of its leases, each of which it tries to have under it; 0 = the hub chooses
    uint64_t timeout_ms;  // how long it waits for an answer
    bool has_session = false;
};

Bytes hex(uint64_t number, int digits);

class LeasedProcess {
public:
    using Take = std::function<void(const Result<protocol::Reply>& reply)>;
    using TakeTxn = std::function<void(const protocol::TxnReply& reply, Revision at)>;
    using TakeRange = std::function<void(const protocol::RangeReply& range, Revision at)>;
    using TakeChanges = std::function<void(const protocol::ChangesReply* told)>;

    LeasedProcess(RecipeParts parts, RecipeClient client);

    // Called in each life when there is a lease.
    std::function<void()> on_begin;
    // Begins anew after a while, by asking for another lease.
    void begin(uint64_t pause_ms);
    void begin_soon() { begin(pause_ms()); }
    // Gone without a word, for good.
    void vanish();
    void stop_until(uint64_t time_ms) { stopped_until_ms_ = time_ms; }
    // Stopped by nobody any more.
    void go_on() { stopped_until_ms_ = 0; }

    // Is inside something for a while, then does `then`. Unless it is `calm` it may be killed there, or end its lease, and
    // begin anew; or be stopped for longer than its lease lives, and go on as if nothing had been.
    void stay(bool calm, std::function<void()> then);

    // Of this life, and not while it is stopped.
    void after(uint64_t delay_ms, std::function<void()> action);
    // The answer, or `timeout`; one of them, and that once.
    void ask(protocol::RequestOp op, const Bytes& comment, Take take);
    // A write. `guard`: done if this holds, and only then; none = there may be nothing to do.
    void write(protocol::RequestOp op, std::optional<protocol::Compare> guard, Take take);
    // A write that is over for its user, and does no harm late: sent after each keep-alive that is answered, as the SDK's
    // Lease does it, until its answer is not one that may pass.
    void owe(const protocol::RequestOp& op) { owed_.push_back(op); }
    // Again and again until there is an answer; begins anew if there cannot be one, or when the lease has ended.
    void insist(const protocol::TxnRequest& txn, std::optional<protocol::Compare> guard, TakeTxn take);
    // Begins anew when the lease has ended; without an answer does `again` after a pause.
    void read(const KeyRange& range, std::function<void()> again, TakeRange take);
    // Waits for changes since `seen`, as the SDK does, but for half of its time. NULL = no answer.
    void await(protocol::FilterSpec filter, Revision seen, TakeChanges take);

    // Whether the lease lives, as its holder knows.
    bool alive() const;
    LeaseId lease() const { return lease_; }
    uint64_t promised_life() const { return promised_life_; }  // of the lease, as LeasePromises counts
    uint64_t lease_ms() const { return ttl_s_ * 1000; }
    // Ends the lease in order, then begins anew.
    void revoke();
    // Without a lease then; `then` does not hear of it in a later life. True: the hub says so.
    void end_lease(std::function<void(bool is_gone)> then);

    const Bytes& name() const { return client_.name; }
    uint64_t life() const { return life_; }  // how many there were, with this one
    // "LEASE-OBJECT", like those of no other life.
    Bytes object_name() const { return hex(lease_.value, 16) + "-" + hex(number_ * 0x10000 + life_, 8); }
    uint64_t number() const { return number_; }  // like that of no other one
    uint64_t pause_ms() { return parts_.world.random.between(50, 200); }
    Bytes next_comment() { return client_.name + "#" + std::to_string(++calls_); }

private:
    void run(uint64_t life, const std::function<void()>& action);
    void grant(LeaseId number);
    void keep_alive();
    void pay();

    RecipeParts parts_;
    const RecipeClient client_;
    const uint64_t number_;
    const uint64_t clock_permille_;  // how fast its clock goes
    LeaseId lease_;
    uint64_t ttl_s_ = 0;
    uint64_t promised_life_ = 0;  // LeasePromises' number
    uint64_t alive_since_ms_ = 0;
    bool has_lease_ = false;
    std::vector<protocol::RequestOp> owed_;  // of this life
    uint64_t life_ = 0, calls_ = 0;
    uint64_t stopped_until_ms_ = 0;
};

}  // namespace belfry::sim

// A place in a line: what locks, semaphores and elections are made of. What lines look like, and who waits for whom:
// recipes/line.hpp.
//
// Its key is put only if it is not there, bound to a lease; its value says whose it is. It is there until leave(), or until
// its lease ends. Whoever waits looks at the whole line once, then only at what is to go before it, and at the line again
// when that has happened.
// How it waits: recipes/waiting.hpp.
// The number of permits is put with the first place of the line, in one transaction, and required by all further ones.
// Cost: a look reads the line's keys; a round of waiting (a fifth of the client's timeout) two requests; to be next the
// write of whoever leaves, word of it, and a look. Who has a turn with permits, and somebody behind him, puts his key once
// more. Lines of thousands, not of millions. Threads: one at a time. Calls are synchronous: not in a callback of the
// client.
#pragma once

#include <vector>

#include "sdk/recipes/line.hpp"
#include "sdk/recipes/waiting.hpp"

namespace belfry::recipes {

// What has to go before it is a place's turn.
struct Ahead {
    std::vector<KeyValue> any_of;  // these, without values
    bool or_put = false;
};

class Place {
public:
    Place(std::shared_ptr<Client> client, std::shared_ptr<const Lease> lease, Bytes name, Order order = {});

    // REQUIRES: not joined. At the end of the line, with this value. Tried once at least; what may pass is tried again.
    // `not_found`: the lease has ended; `timeout`: out of patience; `conflict`: somebody has a permit or waits for one, and
    // their number is another one; otherwise as a transaction. After a failure it may be in the line: leave().
    Status join(BytesView value, const Patience& patience);
    // REQUIRES: joined. Until it is its turn; it looks once at least. `not_found`: its key is gone, or its lease has ended;
    // `timeout`: out of patience, it is still in the line; `denied`: it may not read the line.
    Status wait(const Patience& patience);
    // REQUIRES: joined. Looks once: is it its turn? Fails as wait().
    Result<bool> try_wait(const Patience& patience);
    // What it waits for, or would if it joined now. None: it is, or would be, its turn.
    Result<std::optional<Ahead>> ahead();
    // Lets others go ahead. Whatever the answer, it is not joined any more; after an error its key may be there until it
    // joins or leaves again, or the lease has had its next keep-alive answered (Lease::owe), or ends.
    Status leave();

    bool joined() const { return created_.value != 0; }
    // REQUIRES, of these: joined.
    const Bytes& key() const { return key_; }
    Revision created() const { return created_; }
    // Holds as long as its key is there, and is the one that it was when it joined.
    protocol::Compare guard() const;

    const Bytes& name() const { return name_; }
    Status check() const { return check_name(name_, order_); }  // join() does
    const Lease& lease() const { return *lease_; }
    Client& client() const { return *client_; }
    uint64_t looks() const { return looks_; }  // at the whole line, so far

private:
    Result<TxnResult> insist(const protocol::TxnRequest& txn, const Patience& patience) const;
    protocol::TxnRequest joining(bool tidy) const;
    Status read_created(const TxnResult& done);
    Status erase_own() const;
    Status tell_next(const Patience& patience) const;
    Status outlast(const Ahead& others, const Patience& patience);
    Status outlast_one(const KeyValue& other, bool or_put, const Patience& patience);
    Status outlast_any(const std::vector<KeyValue>& others, const Patience& patience);

    const std::shared_ptr<Client> client_;
    const std::shared_ptr<const Lease> lease_;
    const Bytes name_;
    const Order order_;
    const Bytes line_;
    const Waiting waiting_;
    const Bytes own_prefix_;  // of all keys that this object ever puts
    uint64_t times_joined_ = 0;
    bool perhaps_there_ = false;
    Bytes key_;
    Bytes value_;
    Revision created_;
    Revision seen_;          // everything up to here is known of what is ahead
    bool followed_ = false;  // when it last looked at the line
    uint64_t looks_ = 0;
};

// "HOST:PID": who holds something, unless its holder says better.
std::string this_process();

}  // namespace belfry::recipes

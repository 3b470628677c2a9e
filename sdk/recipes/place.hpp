// A place in a line: what a lock and an election are made of.
//
//   NAME/0000000000000007-5f3a9c21-00000001    put only if it is not there, bound to lease 7; its value says whose it is
//        └──── lease ───┘ └object┘ └ counts how often that has joined
//
// The line's order is that of the keys' create revisions; the first one is at the head. Whoever waits looks at the whole
// line once, then only at the key directly ahead of it, and at the line again when that one is gone: one that leaves wakes
// one. Other keys below NAME/ are passed over. A place is there until leave(), or until its lease ends.
// How it waits: recipes/waiting.hpp.
// Cost: a look reads the line's keys; a round of waiting (half the client's timeout) two requests. Lines of thousands, not
// of millions.
// Threads: one at a time. Calls are synchronous: not in a callback of the client.
#pragma once

#include <vector>

#include "sdk/recipes/waiting.hpp"

namespace belfry::recipes {

class Place {
public:
    Place(std::shared_ptr<Client> client, std::shared_ptr<const Lease> lease, Bytes name);

    // REQUIRES: not joined. At the end of the line, with this value. What may pass is tried again. `not_found`: the lease
    // has ended; `timeout`: out of patience; otherwise as a transaction. After a failure it may be in the line: leave().
    Status join(BytesView value, const Patience& patience);
    // REQUIRES: joined. Until it is at the head. `not_found`: its key is gone, or its lease has ended; `timeout`: out of
    // patience, it is still in the line; `denied`: it may not read the line.
    Status wait(const Patience& patience);
    // The key directly ahead of it, or if it has not joined the last of the line; none = nobody is.
    Result<std::optional<KeyValue>> ahead();
    // Lets its successor go ahead. Whatever the answer, it is not joined any more; after an error its key may be there
    // until it joins again or its lease ends.
    Status leave();

    bool joined() const { return created_.value != 0; }
    // REQUIRES, of these: joined.
    const Bytes& key() const { return key_; }
    Revision created() const { return created_; }
    // Holds as long as its key is there, and is the one that it was when it joined.
    protocol::Compare guard() const;

    const Bytes& name() const { return name_; }
    const Lease& lease() const { return *lease_; }
    Client& client() const { return *client_; }
    uint64_t looks() const { return looks_; }  // at the whole line, so far

private:
    Status read_created(const TxnResult& done);
    Status outlast(const KeyValue& other, const Patience& patience);

    const std::shared_ptr<Client> client_;
    const std::shared_ptr<const Lease> lease_;
    const Bytes name_;
    const Waiting waiting_;
    const Bytes own_prefix_;  // of all keys that this object ever puts
    uint64_t times_joined_ = 0;
    bool perhaps_there_ = false;
    Bytes key_;
    Revision created_;
    Revision seen_;  // everything up to here is known of the key ahead
    uint64_t looks_ = 0;
};

// The places of a line in their order.
Result<std::vector<KeyValue>> read_line(Client& client, const Bytes& name, bool keys_only, Revision* at = nullptr);
// Of these keys those that are places, in their order.
std::vector<KeyValue> line_of(BytesView name, std::vector<KeyValue> kvs);
// Is the key a place of this line?
bool is_place(BytesView name, BytesView key);
// In the order of the line: a before b.
bool goes_before(const KeyValue& a, const KeyValue& b);
// `invalid_argument`, or ok.
Status check_name(BytesView name);
// "HOST:PID": who holds something, unless its holder says better.
std::string this_process();

}  // namespace belfry::recipes

#include "sdk/recipes/queue.hpp"

#include <array>

#include "sdk/base/limits.hpp"
#include "sdk/recipes/queue_keys.hpp"

namespace belfry {
namespace {

using namespace recipes;
using protocol::Compare;
using protocol::TxnRequest;

Status check_push(const Bytes& name, size_t count, unsigned priority) {
    if (Status good = check_queue_name(name); !good) return good;
    if (count == 0 || count >= limits::txn_ops_max) {
        return Error{Code::invalid_argument, "push: " + std::to_string(count) + " items; 1 to " +
                                                 std::to_string(limits::txn_ops_max - 1) + " at once"};
    }
    if (priority <= queue_priority_max) return {};
    return Error{Code::invalid_argument, "push: priority " + std::to_string(priority) + "; 0 to " +
                                             std::to_string(queue_priority_max) + ", 0 is handed out first"};
}

}  // namespace

Result<Bytes> Queue::push(BytesView value, unsigned priority) {
    const std::array<Bytes, 1> one{Bytes(value)};
    auto ids = push(one, priority);
    if (!ids) return ids.error();
    return std::move(ids->front());
}

Result<std::vector<Bytes>> Queue::push(std::span<const Bytes> values, unsigned priority) {
    if (Status good = check_push(name_, values.size(), priority); !good) return good.error();
    const Bytes items = items_of(name_);
    TxnRequest txn;
    for (const Bytes& value : values)
        txn.then_ops.push_back({protocol::PutRequest{items + std::to_string(priority) + "/", value, {}, false, {}, true}});
    protocol::RangeRequest closed;
    closed.range = KeyRange::one(closed_key_of(name_));
    txn.then_ops.push_back({closed});
    const auto done = client_->txn(std::move(txn));
    if (!done) return done.error();
    std::vector<Bytes> ids;
    for (const protocol::TxnOpReply& one : done->replies) {
        if (const auto* put = std::get_if<protocol::PutReply>(&one.reply)) ids.push_back(put->key.substr(items.size()));
        const auto* range = std::get_if<protocol::RangeReply>(&one.reply);
        if (range != nullptr && !range->kvs.empty()) (void)open_if_complete(*client_, name_, range->kvs[0]);
    }
    if (ids.size() == values.size()) return ids;
    return Error{Code::corrupt, "the hub answered a push of " + std::to_string(values.size()) + " items with " +
                                    std::to_string(ids.size())};
}

Status Queue::close(uint64_t until_items) {
    if (Status good = check_queue_name(name_); !good) return good;
    const auto put = client_->put(closed_key_of(name_), std::to_string(until_items));
    if (!put) return put.error();
    const KeyValue closed{closed_key_of(name_), std::to_string(until_items), {}, put->revision, 0, {}, {}};
    return open_if_complete(*client_, name_, closed);
}

Status Queue::open() {
    const auto erased = client_->erase(KeyRange::one(closed_key_of(name_)));
    return erased ? Status() : Status(erased.error());
}

Result<QueueStatus> Queue::status() {
    if (Status good = check_queue_name(name_); !good) return good.error();
    TxnRequest txn;
    for (const KeyRange& range : {KeyRange::prefix(items_of(name_)), KeyRange::prefix(claims_of(name_)),
                                  KeyRange::prefix(dead_of(name_)), KeyRange::one(closed_key_of(name_))}) {
        protocol::RangeRequest count;
        count.range = range;
        count.count_only = true;
        txn.then_ops.push_back({count});
    }
    const auto done = client_->txn(std::move(txn));
    if (!done) return done.error();
    std::vector<uint64_t> counts;
    for (const protocol::TxnOpReply& one : done->replies) {
        if (const auto* range = std::get_if<protocol::RangeReply>(&one.reply)) counts.push_back(range->count);
    }
    if (counts.size() != 4) return Error{Code::corrupt, "the hub answered without the counts"};
    return QueueStatus{counts[0], counts[1], counts[2], counts[3] > 0};
}

Result<Bytes> Queue::revive(const Bytes& id) {
    if (Status good = check_queue_name(name_); !good) return good.error();
    const Bytes key = dead_of(name_) + id;
    const auto letter = client_->get(key);
    if (!letter) return letter.error();
    TxnRequest txn;
    txn.compares = {
        {KeyRange::one(key), Compare::Target::mod, Compare::Op::equal, letter->mod_revision.value, {}},
    };
    const Bytes prefix = items_of(name_) + id.substr(0, 2);
    txn.then_ops.push_back({protocol::PutRequest{prefix, letter->value, {}, false, letter->content_type, true}});
    txn.then_ops.push_back({protocol::DeleteRequest{KeyRange::one(key)}});
    const auto done = client_->txn(std::move(txn));
    if (!done) return done.error();
    const auto* put = done->replies.empty() ? nullptr : std::get_if<protocol::PutReply>(&done->replies[0].reply);
    if (done->succeeded && put != nullptr) return put->key.substr(items_of(name_).size());
    return Error{Code::not_found, "there is no dead letter '" + id + "'"};
}

// In pages, each of which leaves alone what is held by then.
Result<uint64_t> Queue::purge() {
    if (Status good = check_queue_name(name_); !good) return good.error();
    const auto dead = client_->erase(KeyRange::prefix(dead_of(name_)));
    if (!dead) return dead.error();
    uint64_t erased = dead->deleted;
    const Bytes items = items_of(name_), claims = claims_of(name_);
    protocol::RangeRequest page;
    page.range = KeyRange::prefix(items);
    page.limit = limits::claim_items_max;
    page.keys_only = true;
    for (;;) {
        const auto found = client_->range(page);
        if (!found) return found.error();
        TxnRequest txn;
        for (const KeyValue& kv : found->kvs) {
            TxnRequest one;
            const KeyRange claim = KeyRange::one(claims + kv.key.substr(items.size()));
            one.compares = {{claim, Compare::Target::version, Compare::Op::equal, 0, {}}};
            one.then_ops = {{protocol::DeleteRequest{KeyRange::one(kv.key)}}};
            txn.then_ops.push_back({std::move(one)});
        }
        if (txn.then_ops.empty()) return erased;
        page.range.begin = found->kvs.back().key + '\0';
        const auto done = client_->txn(std::move(txn));
        if (!done) return done.error();
        for (const protocol::TxnOpReply& one : done->replies) {
            const auto* nested = std::get_if<protocol::TxnReply>(&one.reply);
            erased += nested != nullptr && nested->succeeded ? 1 : 0;
        }
        if (!found->more) return erased;
    }
}

}  // namespace belfry

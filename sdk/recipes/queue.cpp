#include "sdk/recipes/queue.hpp"

#include <array>

#include "sdk/base/limits.hpp"
#include "sdk/base/random.hpp"
#include "sdk/recipes/queue_keys.hpp"

namespace belfry {
namespace {

using namespace recipes;
using protocol::Compare;
using protocol::TxnRequest;
using namespace std::chrono_literals;

constexpr auto purge_ttl = 30s;  // kept alive while it works; if it dies, what it took is free after that

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

std::vector<QueueEntry> entries_of(const std::vector<KeyValue>& kvs, const Bytes& prefix) {
    std::vector<QueueEntry> entries;
    for (const KeyValue& kv : kvs)
        entries.push_back({kv.key.substr(prefix.size()), kv.value, kv.content_type, kv.create_revision});
    return entries;
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
    txn.then_ops.push_back({one_of(closed_key_of(name_))});
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
    const auto parts =
        read_ranges(*client_, {count_of(KeyRange::prefix(items_of(name_))), all_of(claims_of(name_)),
                               count_of(KeyRange::prefix(dead_of(name_))), count_of(KeyRange::one(closed_key_of(name_)))});
    if (!parts) return parts.error();
    QueueStatus status{parts->ranges[0].count, 0, parts->ranges[2].count, parts->ranges[3].count > 0};
    for (const KeyValue& claim : parts->ranges[1].kvs) status.held += mark_of(claim).lease.value != 0 ? 1 : 0;
    return status;
}

Result<std::vector<QueueEntry>> Queue::peek(size_t most) {
    if (Status good = check_queue_name(name_); !good) return good.error();
    const auto parts = read_ranges(*client_, {all_of(items_of(name_), most), all_of(claims_of(name_))});
    if (!parts) return parts.error();
    std::map<Bytes, protocol::ClaimMark> marks;
    for (const KeyValue& claim : parts->ranges[1].kvs) marks[claim.key.substr(claims_of(name_).size())] = mark_of(claim);
    std::vector<QueueEntry> entries = entries_of(parts->ranges[0].kvs, items_of(name_));
    for (QueueEntry& entry : entries) {
        const auto mark = marks.find(entry.id);
        if (mark == marks.end()) continue;
        entry.attempts = mark->second.attempts;
        entry.held = mark->second.lease.value != 0;
    }
    return entries;
}

Result<std::vector<QueueEntry>> Queue::dead_letters(size_t most) {
    if (Status good = check_queue_name(name_); !good) return good.error();
    const auto letters = client_->range(all_of(dead_of(name_), most));
    if (!letters) return letters.error();
    return entries_of(letters->kvs, dead_of(name_));
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

// In pages. It takes what nobody holds, by a lease of its own, and so nothing that somebody gets meanwhile.
Result<uint64_t> Queue::purge() {
    if (Status good = check_queue_name(name_); !good) return good.error();
    const auto dead = client_->erase(KeyRange::prefix(dead_of(name_)));
    if (!dead) return dead.error();
    const auto lease = Lease::grant(client_, {.ttl = purge_ttl});
    if (!lease) return lease.error();
    uint64_t erased = dead->deleted;
    for (bool perhaps_last = false;;) {
        TxnRequest take, erase;
        take.then_ops = {{protocol::ClaimRequest{items_of(name_), claims_of(name_), (*lease)->id(), random_u64(),
                                                 limits::claim_items_max}}};
        const auto taken = client_->txn(std::move(take));
        if (!taken) return taken.error();
        const auto* claimed =
            taken->replies.empty() ? nullptr : std::get_if<protocol::ClaimReply>(&taken->replies[0].reply);
        if (claimed == nullptr) return Error{Code::corrupt, "the hub answered without what was claimed"};
        // The first claim may have made room, by erasing claims of items that are gone.
        if (claimed->items.empty() && !claimed->more) return erased;
        if (claimed->items.empty() && perhaps_last)
            return Error{Code::busy, "purge: of " + name_ + " as many are held as may be; others are left"};
        perhaps_last = claimed->items.empty();
        for (const protocol::ClaimedItem& one : claimed->items) {
            const KeyRange claim = KeyRange::one(claims_of(name_) + one.item.key.substr(items_of(name_).size()));
            erase.compares.push_back({claim, Compare::Target::mod, Compare::Op::equal, taken->revision.value, {}});
            erase.then_ops.push_back({protocol::DeleteRequest{KeyRange::one(one.item.key)}});
            erase.then_ops.push_back({protocol::DeleteRequest{claim}});
        }
        const auto done = client_->txn(std::move(erase));
        if (!done) return done.error();
        if (!done->succeeded) return Error{Code::conflict, "purge: its lease ended in the middle; start it again"};
        erased += claimed->items.size();
    }
}

}  // namespace belfry

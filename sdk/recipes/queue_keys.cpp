#include "sdk/recipes/queue_keys.hpp"

#include <charconv>

#include "sdk/base/limits.hpp"
#include "sdk/recipes/names.hpp"

namespace belfry::recipes {
namespace {

constexpr size_t longest_rest = 8 + 2 + limits::sequence_bytes;  // "/item/", "P/" and the number

}  // namespace

Status check_queue_name(BytesView name) {
    if (name.empty()) return Error{Code::invalid_argument, "the queue's name is empty"};
    constexpr size_t name_max = limits::key_bytes_max - longest_rest - 8;
    // The folders of every queue.
    if (const auto word = part_among(name, {"item", "held", "dead", "user"})) {
        return Error{Code::invalid_argument, "a queue's name with the part '/" + Bytes(*word) +
                                                 "', where another queue has its keys; take another word"};
    }
    if (name.size() <= name_max) return {};
    return Error{Code::invalid_argument, "a queue's name of " + std::to_string(name.size()) + " octets; " +
                                             std::to_string(name_max) + " are the bound"};
}

protocol::ClaimMark mark_of(const KeyValue& claim) {
    return protocol::decode_claim(claim.value).value_or(protocol::ClaimMark());
}

// ---- reading ----

protocol::RangeRequest one_of(const Bytes& key) {
    protocol::RangeRequest one;
    one.range = KeyRange::one(key);
    return one;
}

protocol::RangeRequest all_of(const Bytes& prefix, size_t most) {
    protocol::RangeRequest all;
    all.range = KeyRange::prefix(prefix);
    all.limit = most;
    return all;
}

protocol::RangeRequest keys_of(const Bytes& prefix, size_t most) {
    protocol::RangeRequest keys = all_of(prefix, most);
    keys.keys_only = true;
    return keys;
}

protocol::RangeRequest count_of(const KeyRange& range) {
    protocol::RangeRequest count;
    count.range = range;
    count.count_only = true;
    return count;
}

Result<RangesRead> read_ranges(Client& client, const std::vector<protocol::RangeRequest>& ranges) {
    protocol::TxnRequest txn;
    for (const protocol::RangeRequest& range : ranges) txn.then_ops.push_back({range});
    auto done = client.txn(std::move(txn));
    if (!done) return done.error();
    RangesRead read{done->revision, {}};
    for (protocol::TxnOpReply& one : done->replies) {
        if (auto* range = std::get_if<protocol::RangeReply>(&one.reply)) read.ranges.push_back(std::move(*range));
    }
    if (read.ranges.size() == ranges.size()) return read;
    return Error{Code::corrupt, "the hub answered " + std::to_string(ranges.size()) + " questions with " +
                                    std::to_string(read.ranges.size()) + " answers"};
}

// ---- closed ----

// Whoever sees that it is complete may open it: the comparison lets one of them do it, and of one that was closed anew
// none.
Status open_if_complete(Client& client, const Bytes& name, const KeyValue& closed) {
    uint64_t wanted = 0;
    std::from_chars(closed.value.data(), closed.value.data() + closed.value.size(), wanted);
    if (wanted == 0) return {};
    const auto items = client.range(count_of(KeyRange::prefix(items_of(name))));
    if (!items) return items.error();
    if (items->count < wanted) return {};
    protocol::TxnRequest txn;
    txn.compares = {{KeyRange::one(closed.key),
                     protocol::Compare::Target::mod,
                     protocol::Compare::Op::equal,
                     closed.mod_revision.value,
                     {}}};
    txn.then_ops = {{protocol::DeleteRequest{KeyRange::one(closed.key)}}};
    const auto done = client.txn(std::move(txn));
    return done ? Status() : Status(done.error());
}

}  // namespace belfry::recipes

#include "sdk/recipes/queue_keys.hpp"

#include <charconv>

#include "sdk/base/limits.hpp"

namespace belfry::recipes {

namespace {
constexpr size_t longest_rest = 8 + 2 + limits::sequence_bytes;  // "/item/", "P/" and the number
}

Status check_queue_name(BytesView name) {
    if (name.empty()) return Error{Code::invalid_argument, "the queue's name is empty"};
    constexpr size_t name_max = limits::key_bytes_max - longest_rest - 8;
    if (name.size() <= name_max) return {};
    return Error{Code::invalid_argument, "a queue's name of " + std::to_string(name.size()) + " octets; " +
                                             std::to_string(name_max) + " are the bound"};
}

// Whoever sees that it is complete may open it: the comparison lets one of them do it, and of one that was closed anew
// none.
Status open_if_complete(Client& client, const Bytes& name, const KeyValue& closed) {
    uint64_t wanted = 0;
    std::from_chars(closed.value.data(), closed.value.data() + closed.value.size(), wanted);
    if (wanted == 0) return {};
    protocol::RangeRequest count;
    count.range = KeyRange::prefix(items_of(name));
    count.count_only = true;
    const auto items = client.range(count);
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

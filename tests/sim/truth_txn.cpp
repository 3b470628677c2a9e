// What transactions mean, claims and sequential puts among them: a part of the truth's own key space. Which branches run is
// decided by the state before; of what runs, one operation that is refused refuses all.
#include <algorithm>
#include <string>

#include "sdk/protocol/claim.hpp"
#include "tests/sim/truth.hpp"

namespace belfry::sim {

using protocol::Compare;

namespace {

constexpr size_t orphans_max = 256;  // claims of items that are gone which one claim erases

template <class T>
bool satisfies(const T& left, Compare::Op op, const T& right) {
    switch (op) {
        case Compare::Op::equal: return left == right;
        case Compare::Op::greater: return left > right;
        case Compare::Op::less: return left < right;
        case Compare::Op::not_equal: break;
    }
    return left != right;
}

Bytes sequential_key(const Bytes& prefix, Revision revision, uint64_t number) {
    const std::string digits = std::to_string(revision.value), count = std::to_string(number);
    return prefix + Bytes(20 - digits.size(), '0') + digits + "-" + Bytes(4 - count.size(), '0') + count;
}

}  // namespace

// Of more than one key each must be so; if none is there it is as of one that is not.
bool Truth::held(const Compare& compare, Revision at) const {
    if (!compare.range.is_one()) {
        bool any = false;
        for (auto one = versions_.lower_bound(compare.range.begin); one != versions_.end(); ++one) {
            if (!compare.range.contains(one->first)) break;
            if (!get(one->first, at)) continue;
            any = true;
            if (!held({KeyRange::one(one->first), compare.target, compare.op, compare.number, compare.value}, at))
                return false;
        }
        if (any) return true;
    }
    const auto kv = compare.range.is_one() ? get(compare.range.begin, at) : std::nullopt;
    const KeyValue now = kv.value_or(KeyValue());
    switch (compare.target) {
        case Compare::Target::value: return kv && satisfies(now.value, compare.op, compare.value);
        case Compare::Target::create: return satisfies(now.create_revision.value, compare.op, compare.number);
        case Compare::Target::mod: return satisfies(now.mod_revision.value, compare.op, compare.number);
        case Compare::Target::lease: return satisfies(now.lease.value, compare.op, compare.number);
        case Compare::Target::version: break;
    }
    return satisfies(now.version, compare.op, compare.number);
}

// What runs, in its order.
void Truth::choose(const protocol::TxnRequest& txn, Ops& ops) const {
    const bool all = std::all_of(txn.compares.begin(), txn.compares.end(), [&](auto& c) { return held(c, revision()); });
    for (const protocol::TxnOp& item : all ? txn.then_ops : txn.else_ops) {
        if (const auto* nested = std::get_if<protocol::TxnRequest>(&item.op)) {
            choose(*nested, ops);
        } else {
            ops.push_back(&item);
        }
    }
}

bool Truth::names_dead_lease(const protocol::TxnOp& item) const {
    if (const auto* one = std::get_if<protocol::ClaimRequest>(&item.op)) return is_dead(one->lease);
    const auto* const put = std::get_if<protocol::PutRequest>(&item.op);
    return put != nullptr && put->lease != LeaseId{} && is_dead(put->lease);
}

void Truth::apply_txn(const protocol::TxnRequest& txn, ChangeSet& change) {
    Ops ops;
    choose(txn, ops);
    if (std::any_of(ops.begin(), ops.end(), [&](auto* item) { return names_dead_lease(*item); })) return;
    uint64_t sequential = 0;
    for (const protocol::TxnOp* item : ops) {
        if (const auto* one = std::get_if<protocol::DeleteRequest>(&item->op)) erase(*one, change);
        if (const auto* one = std::get_if<protocol::ClaimRequest>(&item->op)) claim(*one, change);
        const auto* const one = std::get_if<protocol::PutRequest>(&item->op);
        if (one == nullptr) continue;
        protocol::PutRequest request = *one;
        if (one->sequential) request.key = sequential_key(one->key, change.revision, sequential++);
        put(request, change);
    }
}

bool Truth::is_held(const KeyValue& claim) const {
    const protocol::ClaimMark mark = protocol::decode_claim(claim.value).value_or(protocol::ClaimMark());
    const LeaseLives::Life* const life = leases_.living(mark.lease);
    return life != nullptr && life->grant == mark.grant;
}

// In the order of items, up to the first one that is free and not wanted any more.
void Truth::claim(const protocol::ClaimRequest& request, ChangeSet& change) {
    protocol::ClaimReply& reply = claimed_by_[change.comment];
    reply = {};
    Bytes end;  // items, and claims, from here on were not looked at
    for (auto at = state_.lower_bound(request.items); at != state_.end() && at->first.starts_with(request.items); ++at) {
        const Bytes rest = at->first.substr(request.items.size());
        const auto claim = state_.find(request.claims + rest);
        const bool known = claim != state_.end();
        const bool taken = known && (claim->second.mod_revision == change.revision || is_held(claim->second));
        if (taken) {
            ++reply.held;
            continue;
        }
        if (reply.items.size() == request.limit) {
            reply.more = true;
            end = rest;
            break;
        }
        const auto before = known ? protocol::decode_claim(claim->second.value) : std::nullopt;
        reply.items.push_back({at->second, (before ? before->attempts : 0) + 1});
    }
    std::vector<Bytes> orphans;
    for (auto at = state_.lower_bound(request.claims); at != state_.end() && at->first.starts_with(request.claims); ++at) {
        const Bytes rest = at->first.substr(request.claims.size());
        if (reply.more && rest >= end) break;
        const bool is_new = at->second.mod_revision == change.revision;
        if (!is_new && !state_.contains(request.items + rest) && orphans.size() < orphans_max) orphans.push_back(at->first);
    }
    const uint64_t grant = leases_.living(request.lease)->grant;
    for (const protocol::ClaimedItem& item : reply.items) {
        const Bytes key = request.claims + item.item.key.substr(request.items.size());
        put({key, protocol::encode_claim({request.lease, grant, request.claimant, item.attempts}), {}}, change);
    }
    for (const Bytes& key : orphans) erase({KeyRange::one(key), false}, change);
}

const protocol::ClaimReply* Truth::claimed_by(const Bytes& comment) const {
    const auto found = claimed_by_.find(comment);
    return found == claimed_by_.end() ? nullptr : &found->second;
}

}  // namespace belfry::sim

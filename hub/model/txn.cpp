// Transactions: which branches run is decided first, from the state before; then the operations run in order.
//
// Every member runs them, and again after a restart. So what all ranges of one answer hold is bounded as if they were one;
// that changes no outcome, and no answer that is small enough to be kept for a session. How many keys they look at would
// show in small answers too, where it counts them: that is asked at the door instead (reach.cpp).
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "hub/model/keyspace.hpp"

namespace belfry::hub::model {

using protocol::Compare;
using protocol::TxnOp;
using protocol::TxnOpReply;
using protocol::TxnReply;
using protocol::TxnRequest;

struct Keyspace::Path {
    std::vector<bool> taken;  // per transaction, in order of execution
    size_t next = 0;
    Budget budget;
};

namespace {

// What the operations of a list may change. The keys of sequential puts and of claims are not known yet: whether one of
// those is changed twice shows when they run.
struct Changed {
    std::set<BytesView> puts;
    std::vector<const KeyRange*> erases;
};

Error twice(BytesView key) {
    return {Code::invalid_argument, "transaction: key '" + Bytes(key) + "' would be changed twice"};
}

bool covers(const std::vector<const KeyRange*>& ranges, BytesView key) {
    for (const KeyRange* range : ranges) {
        if (range->contains(key)) return true;
    }
    return false;
}

// Adds `more`, refusing keys that both change.
Status join(Changed& all, const Changed& more) {
    for (const BytesView key : more.puts) {
        if (all.puts.count(key) > 0 || covers(all.erases, key)) return twice(key);
    }
    for (const BytesView key : all.puts) {
        if (covers(more.erases, key)) return twice(key);
    }
    all.puts.insert(more.puts.begin(), more.puts.end());
    all.erases.insert(all.erases.end(), more.erases.begin(), more.erases.end());
    return {};
}

Status gather(const std::vector<TxnOp>& ops, Changed& all) {
    for (const TxnOp& item : ops) {
        Changed mine;
        const auto* put = std::get_if<protocol::PutRequest>(&item.op);
        if (put != nullptr && !put->sequential) mine.puts.insert(put->key);
        if (const auto* erase = std::get_if<protocol::DeleteRequest>(&item.op)) mine.erases.push_back(&erase->range);
        if (const auto* nested = std::get_if<TxnRequest>(&item.op)) {
            // One of the two branches runs: they may repeat each other, so they are put together without a check.
            Changed other;
            if (Status status = gather(nested->then_ops, mine); !status) return status;
            if (Status status = gather(nested->else_ops, other); !status) return status;
            mine.puts.merge(other.puts);
            mine.erases.insert(mine.erases.end(), other.erases.begin(), other.erases.end());
        }
        if (Status status = join(all, mine); !status) return status;
    }
    return {};
}

template <class T>
bool satisfies(const T& left, Compare::Op op, const T& right) {
    switch (op) {
        case Compare::Op::equal: return left == right;
        case Compare::Op::greater: return left > right;
        case Compare::Op::less: return left < right;
        case Compare::Op::not_equal: return left != right;
    }
    return false;
}

bool satisfies(const Version& version, const Compare& compare) {
    switch (compare.target) {
        case Compare::Target::version: return satisfies(version.version, compare.op, compare.number);
        case Compare::Target::create: return satisfies(version.create.value, compare.op, compare.number);
        case Compare::Target::mod: return satisfies(version.mod.value, compare.op, compare.number);
        case Compare::Target::lease: return satisfies(version.lease.value, compare.op, compare.number);
        case Compare::Target::value: return satisfies(version.value, compare.op, BytesView(compare.value));
    }
    return false;
}

}  // namespace

Result<TxnReply> Keyspace::txn(const TxnRequest& request) {
    for (const auto* branch : {&request.then_ops, &request.else_ops}) {
        Changed changed;
        if (Status status = gather(*branch, changed); !status) return status.error();
    }
    Path path;
    path.budget.steps.max = SIZE_MAX;
    if (Status status = choose(request, path); !status) return status.error();
    return run(request, path);
}

// As far as holds() goes. One key counts as one, there or not, and is not looked up for that: most compares are such.
Status Keyspace::look_ahead(const Compare& compare, Prospect& prospect) {
    if (compare.range.is_one()) return ++prospect.keys, Status();
    ++prospect.ranges;
    const auto visit = [&](BytesView, const Version& version) {
        ++prospect.keys;
        return !prospect.beyond() && satisfies(version, compare);
    };
    return scan_current(compare.range, Direction::forward, visit);
}

Status Keyspace::choose(const TxnRequest& request, Path& path) {
    bool taken = true;
    for (const Compare& compare : request.compares) {
        const Result<bool> held = holds(compare);
        if (!held) return held.error();
        taken = taken && *held;
    }
    path.taken.push_back(taken);
    for (const TxnOp& item : taken ? request.then_ops : request.else_ops) {
        const auto* nested = std::get_if<TxnRequest>(&item.op);
        if (nested == nullptr) continue;
        if (Status status = choose(*nested, path); !status) return status;
    }
    return {};
}

// A key that is not there has version, revisions and lease 0, and no value that could be compared.
Result<bool> Keyspace::holds(const Compare& compare) {
    bool any = false;
    bool all = true;
    const auto visit = [&](BytesView, const Version& version) {
        any = true;
        all = satisfies(version, compare);
        return all;
    };
    if (Status status = scan_current(compare.range, Direction::forward, visit); !status) return status.error();
    if (any) return all;
    return compare.target != Compare::Target::value && satisfies(Version(), compare);
}

Result<TxnReply> Keyspace::run(const TxnRequest& request, Path& path) {
    TxnReply reply;
    reply.succeeded = path.taken[path.next++];
    for (const TxnOp& item : reply.succeeded ? request.then_ops : request.else_ops) {
        Result<TxnOpReply> done = run_op(item, path);
        if (!done) return std::move(done).error();
        reply.replies.push_back(*std::move(done));
    }
    return reply;
}

Result<TxnOpReply> Keyspace::run_op(const TxnOp& item, Path& path) {
    const auto widen = [](auto done) -> Result<TxnOpReply> {
        if (!done) return std::move(done).error();
        return TxnOpReply{*std::move(done)};
    };
    if (const auto* op = std::get_if<protocol::RangeRequest>(&item.op)) return widen(range(*op, path.budget));
    if (const auto* op = std::get_if<protocol::PutRequest>(&item.op)) return widen(put(*op));
    if (const auto* op = std::get_if<protocol::DeleteRequest>(&item.op)) return widen(erase(*op));
    if (const auto* op = std::get_if<protocol::ClaimRequest>(&item.op)) return widen(claim(*op));
    return widen(run(std::get<TxnRequest>(item.op), path));
}

}  // namespace belfry::hub::model

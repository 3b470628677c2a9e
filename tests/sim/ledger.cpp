#include "tests/sim/ledger.hpp"

#include <algorithm>

namespace belfry::sim {

namespace {

// Did the hub say that something was changed?
bool says_changed(const protocol::Reply& reply) {
    if (const auto* erase = std::get_if<protocol::DeleteReply>(&reply.result)) return erase->deleted > 0;
    if (const auto* txn = std::get_if<protocol::TxnReply>(&reply.result)) return txn->succeeded;
    return true;
}

}  // namespace

void Ledger::answered(const Write& write, const protocol::Reply& reply) {
    if (reply.error.code == Code::uncertain) return;
    if (reply.error.code != Code::ok) return refused_.push_back(write.comment);
    heard(reply.revision);
    const auto made = truth_.made_by(write.comment);
    const bool changed = write.may_change_nothing ? made.has_value() : says_changed(reply);
    if (changed != made.has_value()) {
        return world_.fail("write " + write.comment + " was answered as if it had " +
                           (changed ? "changed something" : "nothing to do") + ", the log says otherwise");
    }
    if (made) {
        check_done(write, reply.revision, *made);
    } else {
        check_nothing_to_do(write, reply.revision);
    }
}

void Ledger::check_done(const Write& write, Revision revision, Revision made) {
    const std::string what = "write " + write.comment + ", acknowledged at revision " + std::to_string(revision.value);
    if (revision != made) return world_.fail(what + ", stands at " + std::to_string(made.value));
    if (made <= write.floor) return world_.fail(what + ", is older than " + std::to_string(write.floor.value));
    const ChangeSet& change = truth_.history().at(made);
    if (change.author != write.author) return world_.fail(what + ", is another's");
    if (change.labels != write.labels) return world_.fail(what + ", is marked otherwise");
    for (const Event& event : write.events) {
        const bool there = std::any_of(change.events.begin(), change.events.end(), [&](const Event& other) {
            return other.type == event.type && other.kv.key == event.kv.key && other.kv.value == event.kv.value &&
                   other.kv.lease == event.kv.lease;
        });
        if (!there) return world_.fail(what + ", lacks its key " + event.kv.key);
    }
    if (write.guard && !truth_.held(*write.guard, made.previous())) {
        world_.fail(what + ", was made though its condition did not hold");
    }
}

void Ledger::check_nothing_to_do(const Write& write, Revision revision) {
    const std::string what = "write " + write.comment + ", without effect at revision " + std::to_string(revision.value);
    if (revision < write.floor) return world_.fail(what + ", is older than " + std::to_string(write.floor.value));
    if (revision > truth_.revision()) return world_.fail(what + ": there is no such revision in the log");
    if (write.guard && truth_.held(*write.guard, revision)) world_.fail(what + ": its condition did hold");
}

void Ledger::check_refused() const {
    for (const Bytes& comment : refused_) {
        if (truth_.made_by(comment)) return world_.fail("write " + comment + " was refused, and is in the log");
    }
}

void Ledger::answered_get(const Bytes& key, Revision floor, const protocol::Reply& reply) {
    if (reply.error.code != Code::ok) return;
    const auto* range = std::get_if<protocol::RangeReply>(&reply.result);
    if (range == nullptr) return world_.fail("a get was answered with something else");
    const std::string what = "get " + key + " at revision " + std::to_string(reply.revision.value);
    if (reply.revision < floor) return world_.fail(what + " is older than " + std::to_string(floor.value));
    if (reply.revision > truth_.revision()) return world_.fail(what + ": there is no such revision in the log");
    const auto expected = truth_.get(key, reply.revision);
    const bool same = expected ? range->kvs.size() == 1 && range->kvs[0] == *expected : range->kvs.empty();
    if (!same) return world_.fail(what + " shows something else than the log");
    ++reads_;
    heard(reply.revision);
}

}  // namespace belfry::sim

// An independent reading of the log: what every applied entry means, by a key space of a few lines over a map. The hub's
// answers, its feed and its digests are compared with it.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "hub/log/entry.hpp"
#include "tests/sim/disk.hpp"
#include "tests/sim/history.hpp"
#include "tests/sim/lease_lives.hpp"

namespace belfry::sim {

class Truth {
public:
    static constexpr uint64_t epoch = 1;

    // A member has applied this entry, now: the first one to apply an index says what it is, all others must agree.
    Status learn(const hub::raft::Entry& entry, uint64_t now_ms);
    // A member's whole state at this index: the same octets on each that has a snapshot there.
    Status learn_image(Index index, const Bytes& image);
    // What members say of their state at this index.
    Status learn_digest(const hub::core::StateDigest& digest);
    Index learned() const { return {entries_.size()}; }
    Revision revision() const { return histories_.at(epoch).revision(); }
    const History& history() const { return histories_.at(epoch); }
    const std::map<uint64_t, History>& histories() const { return histories_; }
    const std::vector<hub::raft::Member>& members() const { return members_; }  // by the last change that was applied
    // The key as of a revision.
    std::optional<KeyValue> get(const Bytes& key, Revision at) const;
    bool held(const protocol::Compare& compare, Revision at) const;
    // The revision of the write with this comment. One that is made twice is an error of learn().
    std::optional<Revision> made_by(const Bytes& comment) const;
    // What the claim of the transaction with this comment handed out, as the log says; NULL = it did not come to one.
    const protocol::ClaimReply* claimed_by(const Bytes& comment) const;
    const LeaseLives& leases() const { return leases_; }
    // The keys that are bound to this lease as of a revision.
    std::vector<Bytes> bound_to(LeaseId lease, Revision at) const;
    // Sees each change in the order of the log, when the leases are as it leaves them; an error is one of learn().
    std::function<Status(const ChangeSet& change)> on_change;

private:
    Status apply(const hub::log::Command& command, uint64_t now_ms);
    Status apply_leases(const hub::log::Command& command, ChangeSet& change, uint64_t now_ms);
    void end_lease(LeaseLives::Life& life, std::optional<Bytes> revoked_by, ChangeSet& change, uint64_t now_ms);
    // truth_txn.cpp
    using Ops = std::vector<const protocol::TxnOp*>;
    void apply_txn(const protocol::TxnRequest& txn, ChangeSet& change);
    void choose(const protocol::TxnRequest& txn, Ops& ops) const;
    bool names_dead_lease(const protocol::TxnOp& item) const;
    void claim(const protocol::ClaimRequest& request, ChangeSet& change);
    bool is_held(const KeyValue& claim) const;
    bool is_dead(LeaseId lease) const { return leases_.living(lease) == nullptr; }
    bool is_new(const protocol::Ticket& ticket);
    void put(const protocol::PutRequest& request, ChangeSet& change);
    void erase(const protocol::DeleteRequest& request, ChangeSet& change);

    std::map<uint64_t, History> histories_{{epoch, {}}};
    State state_;
    LeaseLives leases_;
    std::map<Bytes, std::vector<std::pair<Revision, std::optional<KeyValue>>>> versions_;
    std::map<Bytes, Revision> made_by_;
    std::map<Bytes, protocol::ClaimReply> claimed_by_;
    std::map<uint64_t, std::pair<uint64_t, std::set<uint64_t>>> sessions_;  // what is acknowledged, what was done
    std::map<Index, size_t> images_;                                        // hashes
    std::map<Index, uint64_t> digests_;
    std::vector<hub::raft::Member> members_;
    uint64_t time_ms_ = 0;
    std::vector<std::pair<Term, std::shared_ptr<const Bytes>>> entries_;  // [i] is index i + 1
};

}  // namespace belfry::sim

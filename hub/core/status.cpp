#include "hub/core/impl.hpp"

namespace belfry::hub::core {

namespace {

const char* name_of(raft::Role role) {
    switch (role) {
        case raft::Role::leader: return "leader";
        case raft::Role::candidate: return "candidate";
        case raft::Role::follower: return "follower";
        case raft::Role::unavailable: break;
    }
    return "unavailable";
}

}  // namespace

const char* Core::Impl::state() const {
    if (store_full_.active) return "store full";
    if (log_full_.active) return "log full";
    if (raft_->installing()) return "installing a snapshot";
    if (!ready_) return "starting";
    return raft_->leader() != 0 ? "ready" : "no leader";
}

// Fixed order; new names only at the end of their group (sdk/protocol/messages.hpp).
protocol::StatusReply Core::Impl::status() const {
    protocol::StatusReply reply;
    const auto add = [&](const char* name, uint64_t value) { reply.figures.emplace_back(name, value); };
    add("revision", keyspace_.revision().value);
    add("compacted", keyspace_.compacted().value);
    add("keys", keyspace_.key_count());
    add("epoch", options_.epoch);
    add("incarnation", options_.incarnation);
    add("member", options_.member_id);
    reply.figures.emplace_back("state", std::string(state()));
    reply.figures.emplace_back("raft.role", std::string(name_of(role())));
    add("raft.term", raft_->term().value);
    add("raft.leader", raft_->leader());
    add("raft.last", raft_->last_index().value);
    add("raft.persisted", persisted_.value);
    add("raft.commit", raft_->commit_index().value);
    add("raft.applied", applied_.value);
    add("raft.snapshot", snapshot_index_.value);
    add("proposals.waiting", proposer_.count());
    add("proposals.in_flight", raft_->last_index().value - persisted_.value);
    add("reads.waiting", waiting_reads_.count() + gate_->count());
    add("feed.channels", feed_.channel_count());
    if (const auto stats = raft_->installing() ? Result<plugin::StateStore::Stats>(Error{}) : store_.stats()) {
        add("store.bytes", stats->bytes_used);
        add("store.bytes_max", stats->bytes_max);
    }
    add("log.bytes_since_snapshot", log_bytes_);
    add("snapshots.failed", counters_.snapshots_failed);
    add("requests.puts", counters_.puts);
    add("requests.deletes", counters_.deletes);
    add("requests.txns", counters_.txns);
    add("requests.compactions", counters_.compactions);
    add("requests.ranges", counters_.ranges);
    add("requests.other_reads", counters_.other_reads);
    add("requests.refused", counters_.refused);
    add("applied.entries", counters_.entries_applied);
    add("applied.commands", counters_.commands_applied);
    add("applied.batches", counters_.batches_applied);
    add("forwards.waiting", forwarder_.count());
    add("digest.checked", agreement_.checked().value);
    std::string differing;
    for (const uint64_t id : agreement_.differing()) differing += (differing.empty() ? "" : " ") + std::to_string(id);
    reply.figures.emplace_back("digest.differing", differing);
    add("sessions", keyspace_.session_count());
    add("entry_format", releases_.allowed());
    reply.figures.emplace_back("entry_format.behind", releases_.behind(members_, now_ms_));
    reply.figures.emplace_back("plugins.unlike", releases_.unlike(members_));
    add("streams.waiting", waiting_changes_.count());
    reply.figures.emplace_back("auth", std::string(access_.is_open() ? "open" : "asked"));
    add("auth.refused", counters_.denied);
    add("leases", keyspace_.leases().all().size());
    add("leases.kept_alive", counters_.leases_kept_alive);
    add("leases.expired", counters_.leases_expired);
    for (const auto& [pattern, why] : policies_.failing()) reply.figures.emplace_back("policy." + pattern + ".error", why);
    keyspace_.quotas().for_each([&](BytesView pattern, const protocol::Quota& quota, const model::QuotaUse& use) {
        const std::string name = "quota." + std::string(pattern);
        add((name + ".keys").c_str(), use.keys);
        if (quota.keys_max) add((name + ".keys_max").c_str(), *quota.keys_max);
        add((name + ".bytes").c_str(), use.bytes);
        if (quota.bytes_max) add((name + ".bytes_max").c_str(), *quota.bytes_max);
    });
    for (const auto& figure : figures_.figures) reply.figures.push_back(figure);
    return reply;
}

}  // namespace belfry::hub::core

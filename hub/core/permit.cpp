// What each kind of request needs. A kind that is missing here does not compile.
//
//     read      range, history, digest; compares and ranges of transactions, `previous`; also good for the next line
//     watch     changes, snapshot, channel: over every key that the filter can match
//     write     put        delete    delete     lease    put with a lease
//     all of these, of a claim's claims, and read of its items
//     admin     compact, members, member change, leader transfer, backup, records and their changes
//     nothing   status, plugins, leases: whoever is known (of a lease then its owner alone, leases.cpp); authenticate
#include "hub/core/access.hpp"

namespace belfry::hub::core {

using auth::Action;

struct Permit {
    const Access& access;
    const Principal& principal;
    const RangeOf& range_of;

    Status may(Action action, const KeyRange& range) const {
        return access.authority_->authorize(principal.name, action, range);
    }
    Status may_key(Action action, BytesView key) const { return access.authority_->authorize(principal.name, action, key); }
    Status admin() const { return may(Action::admin, KeyRange::all()); }
    Status both(Status first, Status second) const { return first ? std::move(second) : std::move(first); }

    Result<KeyRange> keys_of(const protocol::FilterSpec& filter) const { return range_of(filter); }
    // The sentence is that of reading, which most roles are about.
    Status may_follow(const protocol::FilterSpec& filter) const {
        const auto range = keys_of(filter);
        if (!range) return range.error();
        if (may(Action::watch, *range)) return {};
        return may(Action::read, *range);
    }

    Status operator()(const protocol::RangeRequest& op) const { return may(Action::read, op.range); }
    Status operator()(const protocol::PutRequest& op) const {
        const auto may_here = [&](Action action) {
            return op.sequential ? may(action, KeyRange::prefix(op.key)) : may_key(action, op.key);
        };
        Status allowed = may_here(Action::write);
        if (allowed && op.lease.value != 0) allowed = may_here(Action::lease);
        if (allowed && op.previous) allowed = may_here(Action::read);
        return allowed;
    }
    Status operator()(const protocol::ClaimRequest& op) const {
        const KeyRange claims = KeyRange::prefix(op.claims);
        Status allowed = may(Action::read, KeyRange::prefix(op.items));
        for (const Action action : {Action::read, Action::write, Action::erase, Action::lease}) {
            if (allowed) allowed = may(action, claims);
        }
        return allowed;
    }
    Status operator()(const protocol::DeleteRequest& op) const {
        Status allowed = may(Action::erase, op.range);
        if (allowed && op.previous) allowed = may(Action::read, op.range);
        return allowed;
    }
    Status operator()(const protocol::TxnRequest& op) const {
        for (const protocol::Compare& compare : op.compares) {
            if (Status allowed = may(Action::read, compare.range); !allowed) return allowed;
        }
        for (const auto* branch : {&op.then_ops, &op.else_ops}) {
            for (const protocol::TxnOp& inner : *branch) {
                if (Status allowed = std::visit(*this, inner.op); !allowed) return allowed;
            }
        }
        return {};
    }
    Status operator()(const protocol::HistoryRequest& op) const { return may_key(Action::read, op.key); }
    Status operator()(const protocol::ChangesRequest& op) const { return may_follow(op.filter); }
    Status operator()(const protocol::SnapshotRequest& op) const { return may_follow(op.filter); }
    Status operator()(const protocol::ChannelRequest& op) const { return may_follow(op.filter); }
    Status operator()(const protocol::DigestRequest& op) const {
        const auto range = keys_of(op.filter);
        return range ? may(Action::read, *range) : Status(range.error());
    }
    Status operator()(const protocol::CompactRequest&) const { return admin(); }
    Status operator()(const protocol::MembersRequest&) const { return admin(); }
    Status operator()(const protocol::MemberChangeRequest&) const { return admin(); }
    Status operator()(const protocol::LeaderTransferRequest&) const { return admin(); }
    Status operator()(const protocol::BackupRequest&) const { return admin(); }
    Status operator()(const protocol::RecordChangeRequest&) const { return admin(); }
    Status operator()(const protocol::RecordsRequest&) const { return admin(); }
    Status operator()(const protocol::StatusRequest&) const { return access.still_good(principal); }
    Status operator()(const protocol::PluginsRequest&) const { return access.still_good(principal); }
    Status operator()(const protocol::LeaseGrantRequest&) const { return access.still_good(principal); }
    Status operator()(const protocol::LeaseRevokeRequest&) const { return access.still_good(principal); }
    Status operator()(const protocol::LeaseKeepAliveRequest&) const { return access.still_good(principal); }
    Status operator()(const protocol::LeaseTimeToLiveRequest&) const { return access.still_good(principal); }
    Status operator()(const protocol::LeasesRequest&) const { return access.still_good(principal); }
    Status operator()(const protocol::AuthenticateRequest&) const { return {}; }
};

Status Access::authorize(const Principal& principal, const protocol::RequestOp& op, const RangeOf& range_of) const {
    if (principal.is_root()) return {};
    return std::visit(Permit{*this, principal, range_of}, op);
}

namespace {

struct NameOf {
    const char* operator()(const protocol::RangeRequest&) const { return "range"; }
    const char* operator()(const protocol::PutRequest&) const { return "put"; }
    const char* operator()(const protocol::DeleteRequest&) const { return "delete"; }
    const char* operator()(const protocol::TxnRequest&) const { return "txn"; }
    const char* operator()(const protocol::CompactRequest&) const { return "compact"; }
    const char* operator()(const protocol::HistoryRequest&) const { return "history"; }
    const char* operator()(const protocol::ChangesRequest&) const { return "changes"; }
    const char* operator()(const protocol::SnapshotRequest&) const { return "snapshot"; }
    const char* operator()(const protocol::ChannelRequest&) const { return "channel"; }
    const char* operator()(const protocol::DigestRequest&) const { return "digest"; }
    const char* operator()(const protocol::StatusRequest&) const { return "status"; }
    const char* operator()(const protocol::MembersRequest&) const { return "members"; }
    const char* operator()(const protocol::MemberChangeRequest&) const { return "member change"; }
    const char* operator()(const protocol::LeaderTransferRequest&) const { return "leader transfer"; }
    const char* operator()(const protocol::BackupRequest&) const { return "backup"; }
    const char* operator()(const protocol::PluginsRequest&) const { return "plugins"; }
    const char* operator()(const protocol::RecordChangeRequest&) const { return "record change"; }
    const char* operator()(const protocol::RecordsRequest&) const { return "records"; }
    const char* operator()(const protocol::LeaseGrantRequest&) const { return "lease grant"; }
    const char* operator()(const protocol::LeaseRevokeRequest&) const { return "lease revoke"; }
    const char* operator()(const protocol::LeaseKeepAliveRequest&) const { return "lease keep alive"; }
    const char* operator()(const protocol::LeaseTimeToLiveRequest&) const { return "lease time to live"; }
    const char* operator()(const protocol::LeasesRequest&) const { return "leases"; }
    const char* operator()(const protocol::AuthenticateRequest&) const { return "authenticate"; }
};

}  // namespace

const char* name_of(const protocol::RequestOp& op) { return std::visit(NameOf{}, op); }

}  // namespace belfry::hub::core

// Members of several releases in one cluster. A newer release may have formats of log entries that an older one cannot
// read; an older member would have to stop at the first of them. So each member tells the others what it reads, and the
// leader writes a newer format only when all have said lately that they read it. Before the first one it says so in the
// log, by the hub's own record `cluster/entry_format`: from then on the format is allowed whoever is down. Pure; one
// thread.
//
//     told by all ─▶ the leader: record, then the write ─▶ allowed for good
//
// With it goes a digest of the filters, validators and authentication a member runs: where they are not the same, what a
// client sees and may do depends on the member it asks. That is no reason to stop, but one to warn.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "hub/core/member_message.hpp"
#include "hub/raft/raft.hpp"

namespace belfry::hub::core {

class Releases {
public:
    static constexpr const char* record_name = "cluster/entry_format";
    // How often a member tells what it reads, and how long that is believed: it may be gone, and back with an older
    // release.
    static constexpr uint64_t tell_every_ms = 1000;
    static constexpr uint64_t believed_ms = 3500;

    // `of_all`: what needs no asking.
    Releases(uint64_t own_id, const Release& own, uint64_t of_all)
        : own_id_(own_id), own_(own), of_all_(of_all), allowed_(of_all) {}
    // Of the plugins in use that decide something, in any order; never 0.
    static uint64_t digest_of(const std::vector<protocol::PluginFacts>& plugins);

    void receive(uint64_t peer, const Release& release, uint64_t now_ms) { told_[peer] = {release, now_ms}; }
    // What is due to the others, now and then, and at once when there is another leader.
    void tell(const std::vector<raft::Member>& members, uint64_t leader, uint64_t now_ms, std::vector<MemberMessage>& out);
    uint64_t wake_at_ms(const std::vector<raft::Member>& members) const;

    // The record, as it is in the state. It names a format that this member does not read: nothing can be done here.
    void set_allowed(uint64_t format) { allowed_ = std::max(format, of_all_); }
    uint64_t allowed() const { return allowed_; }
    // The record's content.
    static Bytes content_of(uint64_t format) { return std::to_string(format); }
    static uint64_t format_in(BytesView content);

    // May the leader write this format? `unavailable`: not known yet, ask again; `unsupported`: these members cannot read
    // it.
    Status may_write(uint64_t format, const std::vector<raft::Member>& members, uint64_t leads_since_ms,
                     uint64_t now_ms) const;
    // The leader reads it, as far as this member knows. `unavailable`: it has not said so yet; `unsupported`: it does not.
    Status leader_reads(uint64_t format, uint64_t leader) const;
    bool leader_is_older(uint64_t leader) const;
    // Members that have not said lately that they read what this one writes; "2 3".
    std::string behind(const std::vector<raft::Member>& members, uint64_t now_ms) const;
    // Members that said last that they run other plugins than this one; likewise.
    std::string unlike(const std::vector<raft::Member>& members) const;

private:
    struct Told {
        Release release;
        uint64_t at_ms = 0;
    };
    bool reads(uint64_t peer, uint64_t format, uint64_t now_ms) const;

    uint64_t own_id_;
    Release own_;
    uint64_t of_all_;
    uint64_t allowed_;
    std::map<uint64_t, Told> told_;  // by member
    uint64_t leader_ = 0;            // of the last tell()
    uint64_t tell_at_ms_ = 0;
};

}  // namespace belfry::hub::core

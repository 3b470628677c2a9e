// Writes that wait to be proposed. What waits is joined into one entry, up to a size; nothing is ever held back to wait for
// more: while the disk is busy with the entries in flight the next one fills by itself. An entry that would keep the
// members busy for long, or make much to answer, ends earlier.
#pragma once

#include <deque>
#include <memory>
#include <vector>

#include "hub/log/entry.hpp"
#include "hub/model/keyspace.hpp"

namespace belfry::hub::core {

// Who asked. `connection` 0 with `internal`: the hub itself; nobody waits for the reply.
struct Client {
    uint64_t connection = 0;
    uint64_t request = 0;
    bool internal = false;
};

// One entry to be: its octets, and the commands they stand for, so that the proposing member need not decode them again.
struct Proposal {
    std::shared_ptr<const Bytes> payload;
    log::CommandEntry entry;
    std::vector<Client> clients;  // one per command
};

class Proposer {
public:
    bool full() const;
    bool empty() const { return waiting_.empty(); }
    size_t count() const { return waiting_.size(); }
    // REQUIRES: !full().
    void add(Client client, log::Command command, size_t bytes, model::Reach reach = {});
    // The oldest that fit into one entry, at least one. REQUIRES: !empty().
    Proposal take(uint64_t time_ms);
    struct Waiting {
        Client client;
        log::Command command;
        size_t bytes = 0;
        model::Reach reach;
    };
    // Gives back all that waits.
    std::deque<Waiting> clear();

private:
    std::deque<Waiting> waiting_;
    size_t bytes_ = 0;
    log::EntryBuilder builder_;
};

// Changes go through the log, and so through the leader; everything else any member can answer.
bool needs_leader(const protocol::RequestOp& op);
bool is_administration(const protocol::RequestOp& op);
bool is_about_leases(const protocol::RequestOp& op);
bool is_lease_read(const protocol::RequestOp& op);

}  // namespace belfry::hub::core

// What connects this hub with the other members: the link for messages, and the exchange of snapshot files.
#pragma once

#include <memory>
#include <string>

#include "hub/peer/link.hpp"
#include "hub/peer/snapshot_exchange.hpp"
#include "hub/settings/settings.hpp"
#include "hub/shell/data_directory.hpp"
#include "hub/shell/logger.hpp"
#include "hub/shell/snapshots.hpp"

namespace belfry::hub::shell {

class MemberLinks {
public:
    // `on_input` and `on_fatal` are called on the links' threads. Everything given outlives the links.
    static Result<std::unique_ptr<MemberLinks>> open(const settings::Settings& settings, const DataDirectory& directory,
                                                     Logger& logger, std::function<void(core::Input)> on_input,
                                                     std::function<void(Error)> on_fatal);
    ~MemberLinks();

    // The core's thread:
    void send(const core::MemberMessage& message) { link_->send(message); }
    void fetch(const core::Fetch& wanted) { exchange_->fetch(wanted); }
    // Those of the log's configuration. An address in the settings is preferred: it may be newer.
    void set_members(const std::vector<raft::Member>& members);
    const peer::Link::Counters& counters() const { return link_->counters(); }
    const std::string& public_key() const { return link_->options().keys.public_key; }  // "" = the link is plain

private:
    MemberLinks(const settings::Settings& settings, Snapshots snapshots)
        : settings_(settings), snapshots_(std::move(snapshots)) {}
    const settings::Settings& settings_;
    Snapshots snapshots_;
    std::unique_ptr<peer::Link> link_;
    std::atomic<peer::SnapshotExchange*> exchange_now_{nullptr};
    std::unique_ptr<peer::SnapshotExchange> exchange_;
};

// The first voters of a new cluster as these settings say; empty if this member joins one. `public_key`: this member's.
std::vector<std::pair<uint64_t, std::string>> initial_voters(const settings::Settings& settings,
                                                             const std::string& public_key);

}  // namespace belfry::hub::shell

#include "hub/shell/member_links.hpp"

#include <algorithm>

namespace belfry::hub::shell {

namespace {

Error not_recognised(uint64_t member, uint64_t by) {
    const std::string id = std::to_string(member);
    return {Code::conflict,
            "member " + std::to_string(by) + " knows member " + id +
                " with another data directory, and takes nothing from this one: what member " + id +
                " promised before is not in it. Start it with its old data directory; if that is lost, give "
                "the machine a new member with an empty one: belfry member replace " +
                id + " NEW"};
}

}  // namespace

Result<std::unique_ptr<MemberLinks>> MemberLinks::open(const settings::Settings& settings, const DataDirectory& directory,
                                                       Logger& logger, std::function<void(core::Input)> on_input,
                                                       std::function<void(Error)> on_fatal) {
    auto known = directory.kept_acquaintances();
    if (!known) return known.error();
    peer::LinkOptions options;
    options.member = settings.member.id;
    options.cluster = directory.identity().epoch;
    options.directory = directory.identity().directory;
    options.known = *std::move(known);
    options.endpoint = settings.cluster.endpoint;
    options.insecure = settings.listen.insecure;
    auto keys = settings::own_keys(settings);
    if (!keys) return keys.error();
    options.keys = *std::move(keys);
    std::unique_ptr<MemberLinks> links(new MemberLinks(settings, Snapshots(directory.snapshots_path())));
    MemberLinks* const self = links.get();
    auto link = peer::Link::open(
        options, {[on_input](core::MemberMessage message) { on_input(core::MessageReceived{std::move(message)}); },
                  [self](uint64_t from, Bytes body) {
                      if (auto* exchange = self->exchange_now_.load()) exchange->on_frame(from, std::move(body));
                  },
                  [&logger](const std::string& sentence) {
                      logger.warning("member link", {{"reason", sentence}});
                  },
                  [&directory, &logger](const peer::Directories& directories) {
                      const auto kept = directory.keep_acquaintances(directories);
                      if (!kept) logger.warning("acquaintances not kept", {{"reason", kept.error().detail}});
                  },
                  [on_fatal, member = options.member](uint64_t by) { on_fatal(not_recognised(member, by)); }});
    if (!link) return link.error();
    links->link_ = std::move(*link);
    links->exchange_ = std::make_unique<peer::SnapshotExchange>(
        *links->link_, directory.snapshots_path(), settings.cluster.snapshot_bytes_per_second,
        peer::SnapshotExchange::Hooks{
            [self](Index index) { return self->snapshots_.path_of(index); },
            [self](const std::string& path, Index index) { return self->snapshots_.adopt(path, index); },
            [on_input, &logger](core::Input done) {
                if (const auto* failed = std::get_if<core::FetchFailed>(&done)) {
                    logger.warning("snapshot not fetched", {{"reason", failed->error.detail}});
                }
                on_input(std::move(done));
            }});
    links->exchange_now_ = links->exchange_.get();
    links->set_members({});
    return links;
}

// The link's thread may be about to give the exchange a frame: it ends first.
MemberLinks::~MemberLinks() {
    exchange_now_ = nullptr;
    if (link_) link_->stop();
}

void MemberLinks::set_members(const std::vector<raft::Member>& members) {
    std::vector<peer::Peer> peers;
    const auto& known = settings_.cluster.members;
    for (const auto& member : known) {
        const bool counts = members.empty() || raft::find_member(members, member.id) != nullptr;
        if (counts) peers.push_back({member.id, member.endpoint, member.public_key});
    }
    for (const raft::Member& member : members) {
        const bool named = std::any_of(known.begin(), known.end(), [&](const auto& one) { return one.id == member.id; });
        if (!named && member.address != "local") peers.push_back(peer::parse_address(member.id, member.address));
    }
    exchange_->set_peers(peers);
    link_->set_peers(std::move(peers));
}

std::vector<std::pair<uint64_t, std::string>> initial_voters(const settings::Settings& settings,
                                                             const std::string& public_key) {
    const auto& cluster = settings.cluster;
    if (cluster.join) return {};
    std::vector<std::pair<uint64_t, std::string>> voters;
    for (const auto& member : cluster.members) {
        voters.emplace_back(member.id, peer::format_address(member.endpoint, member.public_key));
    }
    std::sort(voters.begin(), voters.end());
    if (!voters.empty()) return voters;
    const bool reachable = !cluster.endpoint.empty();
    return {{settings.member.id, reachable ? peer::format_address(cluster.endpoint, public_key) : "local"}};
}

}  // namespace belfry::hub::shell

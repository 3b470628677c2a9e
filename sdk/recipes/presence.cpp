#include "sdk/recipes/presence.hpp"

namespace belfry {
namespace {

PresentMember member_of(const Bytes& name, const KeyValue& place) {
    return {place.key.substr(name.size() + 1), place.value, place.lease, place.create_revision};
}

}  // namespace

namespace recipes {

PresenceChange Members::apply(const DirectoryChange& change) {
    PresenceChange told;
    told.revision = change.revision;
    told.first = change.first;
    for (const ChildEvent& event : change.events) take(event, told);
    told.present = present_.size();
    return told;
}

void Members::take(const ChildEvent& event, PresenceChange& told) {
    if (!is_place(name_, name_ + "/" + event.child.name)) return;
    std::optional<PresentMember> now;
    if (event.child.kv) now = member_of(name_, *event.child.kv);
    const auto known = present_.find(event.child.name);
    const bool same = now && known != present_.end() && known->second == *now;
    if (same) return;
    if (known != present_.end()) {
        told.left.push_back(known->second);
        present_.erase(known);
    }
    if (!now) return;
    present_.emplace(event.child.name, *now);
    told.joined.push_back(*std::move(now));
}

}  // namespace recipes

Presence::Presence(std::shared_ptr<Client> client, std::shared_ptr<const Lease> lease, Bytes name)
    : place_(std::move(client), std::move(lease), std::move(name)) {}

Presence::~Presence() { (void)leave(); }

Status Presence::join(BytesView value, std::chrono::milliseconds timeout) {
    if (place_.joined()) return Error{Code::conflict, "'" + place_.name() + "': this object is there already"};
    Status joined = place_.join(value, recipes::Patience::of(timeout));
    if (!joined) (void)place_.leave();
    return joined;
}

Status Presence::leave() { return place_.leave(); }

Result<std::vector<PresentMember>> Presence::list(Client& client, const Bytes& name) {
    if (const Status good = recipes::check_name(name); !good) return good.error();
    const auto line = recipes::read_line(client, name, false);
    if (!line) return line.error();
    std::vector<PresentMember> members;
    for (const KeyValue& place : *line) members.push_back(member_of(name, place));
    return members;
}

Result<std::unique_ptr<PresenceObserver>> PresenceObserver::open(std::shared_ptr<Client> client, Bytes name,
                                                                 Callback on_change) {
    if (const Status good = recipes::check_name(name); !good) return good.error();
    const auto told = [members = std::make_shared<recipes::Members>(name),
                       call = std::move(on_change)](const DirectoryChange& change) {
        const PresenceChange now = members->apply(change);
        if (now.first || !now.joined.empty() || !now.left.empty()) call(now);
    };
    auto directory = Directory::open(std::move(client), name + "/", told);
    if (!directory) return directory.error();
    return std::unique_ptr<PresenceObserver>(new PresenceObserver(*std::move(directory)));
}

std::optional<PresenceAlert::State> PresenceAlert::take(uint64_t number) {
    const State before = state_;
    state_ = below_ && number < *below_ ? State::below : above_ && number > *above_ ? State::above : State::fine;
    if (state_ == before) return {};
    return state_;
}

}  // namespace belfry

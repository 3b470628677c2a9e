#include "tests/sim/folder_observers.hpp"

#include <algorithm>
#include <utility>

namespace belfry::sim {

namespace {

Bytes child_name(const Bytes& key, const Bytes& prefix) {
    const BytesView rest = BytesView(key).substr(prefix.size());
    return Bytes(rest.substr(0, rest.find('/')));
}

std::vector<PresentMember> by_id(std::vector<PresentMember> members) {
    std::sort(members.begin(), members.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
    return members;
}

// Those of one folder that are not in the other, or are others there.
std::vector<PresentMember> missing_in(const State& other, const State& state, const Bytes& prefix) {
    std::vector<PresentMember> missing;
    for (const auto& [key, kv] : state) {
        const auto found = other.find(key);
        if (found != other.end() && found->second == kv) continue;
        missing.push_back({key.substr(prefix.size()), kv.value, kv.lease, kv.create_revision});
    }
    return missing;
}

}  // namespace

// ---- where it is in the log ----

void Following::begin_anew() {
    folder_ = FolderTruth(truth_, folder_.prefix());
    begun_ = false;
}

bool Following::check_order(const Delivery& delivery) {
    const std::string at = std::to_string(delivery.revision.value);
    const bool first = !std::exchange(begun_, true);
    if (delivery.revision < folder_.at() || (!delivery.is_snapshot && delivery.revision == folder_.at()))
        fail("is told of revision " + at + " again");
    if (first && !delivery.is_snapshot) fail("is told of a change before it has a list");
    if (!delivery.is_snapshot && !folder_.touched(delivery.revision.previous()).empty())
        fail("is not told of what happened before revision " + at);
    return first;
}

void Following::check_end() const {
    if (!folder_.touched(truth_.revision()).empty())
        world_.fail("observer " + name_ + ": is not told of what happened after revision " +
                    std::to_string(folder_.at().value));
}

// ---- children ----

DirectoryObserver::DirectoryObserver(World& world, const Truth& truth, Subscriber& subscriber, ObserverPlants plants)
    : following_(world, truth, subscriber.name(), subscriber.filter().spec), deliveries_(subscriber, true, plants) {
    deliveries_.on_delivery = [this](const Delivery& delivery) { take(delivery); };
    deliveries_.on_new_owner = [this] { begin(); };
    begin();
}

void DirectoryObserver::begin() {
    following_.begin_anew();
    children_.emplace(following_.folder().prefix());
}

void DirectoryObserver::take(const Delivery& delivery) {
    const bool first = following_.check_order(delivery);
    FolderTruth& folder = following_.folder();
    std::map<Bytes, Standing> before;
    for (const Bytes& key : folder.touched(delivery.revision)) before.emplace(child_name(key, folder.prefix()), Standing());
    for (auto& [name, stood] : before) stood = standing(name);
    folder.advance(delivery.revision);
    for (const ChildEvent& event : children_->apply(delivery.changes)) {
        const auto stood = before.find(event.child.name);
        if (stood == before.end()) return following_.fail("is told of child '" + event.child.name + "', where nothing was");
        if (first && event.kind != ChildEvent::Kind::added) following_.fail("its first list is of changes");
        check_event(event, stood->second, standing(event.child.name), delivery.is_snapshot);
        before.erase(stood);
    }
    for (const auto& [name, stood] : before) {
        const Standing now = standing(name);
        const bool changed = delivery.is_snapshot ? stood != now : !stood.empty() || !now.empty();
        if (changed) return following_.fail("is not told of child '" + name + "'");
    }
    check_list();
}

void DirectoryObserver::check_event(const ChildEvent& event, const Standing& before, const Standing& after,
                                    bool is_listing) {
    const auto kind = before.empty()  ? ChildEvent::Kind::added
                      : after.empty() ? ChildEvent::Kind::removed
                                      : ChildEvent::Kind::changed;
    const bool nothing = is_listing ? before == after : before.empty() && after.empty();
    if (nothing || event.kind != kind)
        return following_.fail("child '" + event.child.name + "' is told of as another kind");
    const Bytes key = following_.folder().prefix() + event.child.name;
    const bool has_key = !after.empty() && after.front().key == key;
    const bool key_is_right = has_key ? event.child.kv == after.front() : !event.child.kv;
    if (!key_is_right || event.child.keys_below != after.size() - (has_key ? 1 : 0))
        following_.fail("child '" + event.child.name + "' is not told of as it is");
}

DirectoryObserver::Standing DirectoryObserver::standing(const Bytes& name) const {
    const FolderTruth& folder = following_.folder();
    const Bytes key = folder.prefix() + name, below = key + "/";
    Standing all;
    const auto own = folder.state().find(key);
    if (own != folder.state().end()) all.push_back(own->second);
    for (auto at = folder.state().lower_bound(below); at != folder.state().end() && at->first.starts_with(below); ++at)
        all.push_back(at->second);
    return all;
}

void DirectoryObserver::check_list() {
    const FolderTruth& folder = following_.folder();
    std::set<Bytes> names;
    for (const auto& [key, kv] : folder.state()) names.insert(child_name(key, folder.prefix()));
    const std::vector<Child> children = children_->all();
    const bool same = std::equal(children.begin(), children.end(), names.begin(), names.end(),
                                 [](const Child& child, const Bytes& name) { return child.name == name; });
    if (!same) following_.fail("its children are not those of revision " + std::to_string(folder.at().value));
}

// ---- members ----

PresentObserver::PresentObserver(World& world, const Truth& truth, PresenceChecks& checks, Subscriber& subscriber,
                                 ObserverPlants plants)
    : checks_(checks),
      following_(world, truth, subscriber.name(), PresenceKeys::all),
      deliveries_(subscriber, true, plants) {
    deliveries_.on_delivery = [this](const Delivery& delivery) { take(delivery); };
    deliveries_.on_new_owner = [this] { begin(); };
    begin();
}

void PresentObserver::begin() {
    following_.begin_anew();
    children_.emplace(PresenceKeys::all);
    members_.emplace(PresenceKeys::name);
}

void PresentObserver::take(const Delivery& delivery) {
    const bool first = following_.check_order(delivery);
    const State before = following_.folder().state();
    following_.folder().advance(delivery.revision);
    const DirectoryChange change{delivery.revision, first, children_->apply(delivery.changes)};
    check_told(members_->apply(change), before);
    checks_.keys().heard_of(following_.name(), delivery.revision);
}

void PresentObserver::check_told(const PresenceChange& told, const State& before) {
    const State& now = following_.folder().state();
    const Bytes all = PresenceKeys::all;
    const std::string at = std::to_string(told.revision.value);
    if (by_id(told.joined) != missing_in(before, now, all)) following_.fail("at revision " + at + " others have come");
    if (by_id(told.left) != missing_in(now, before, all)) following_.fail("at revision " + at + " others have gone");
    std::vector<PresentMember> listed;
    for (const auto& [id, member] : members_->all()) listed.push_back(member);
    if (listed != missing_in({}, now, all) || told.present != now.size())
        following_.fail("its list is not who is there at revision " + at);
}

}  // namespace belfry::sim

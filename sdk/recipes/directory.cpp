#include "sdk/recipes/directory.hpp"

namespace belfry {
namespace recipes {

std::vector<ChildEvent> Children::apply(const std::vector<KeyChange>& changes) {
    std::vector<Bytes> touched;
    std::map<Bytes, bool> was_there;
    for (const KeyChange& change : changes) {
        if (!change.key.starts_with(prefix_)) continue;
        const BytesView rest = BytesView(change.key).substr(prefix_.size());
        const Bytes name(rest.substr(0, rest.find('/')));
        if (was_there.emplace(name, children_.contains(name)).second) touched.push_back(name);
        Child& child = children_[name];
        child.name = name;
        if (name.size() == rest.size()) {
            child.kv = change.after;
        } else {
            child.keys_below += change.after && !change.before ? 1 : 0;
            child.keys_below -= change.before && !change.after ? 1 : 0;
        }
    }
    std::vector<ChildEvent> events;
    for (const Bytes& name : touched) {
        const Child child = children_[name];
        const bool is_there = child.kv || child.keys_below > 0;
        if (!is_there) children_.erase(name);
        if (!is_there && !was_there[name]) continue;
        const auto kind = !is_there         ? ChildEvent::Kind::removed
                          : was_there[name] ? ChildEvent::Kind::changed
                                            : ChildEvent::Kind::added;
        events.push_back({kind, child});
    }
    return events;
}

std::vector<Child> Children::all() const {
    std::vector<Child> children;
    for (const auto& [name, child] : children_) children.push_back(child);
    return children;
}

}  // namespace recipes

struct Directory::State {
    explicit State(Bytes prefix) : children(std::move(prefix)) {}
    std::mutex mutex;
    recipes::Children children;
    bool listed = false;
};

Result<std::unique_ptr<Directory>> Directory::open(std::shared_ptr<Client> client, Bytes folder, Callback on_change,
                                                   bool stream) {
    if (!folder.empty() && !folder.ends_with('/')) folder += '/';
    SubscriptionOptions options;
    options.filter = {"prefix", folder};
    options.private_stream = stream;
    auto state = std::make_shared<State>(std::move(folder));
    options.on_change = [state, call = std::move(on_change)](const Delivery& delivery) {
        DirectoryChange change;
        change.revision = delivery.revision;
        {
            const std::lock_guard lock(state->mutex);
            change.first = !std::exchange(state->listed, true);
            change.events = state->children.apply(delivery.changes);
        }
        if (change.first || !change.events.empty()) call(change);
    };
    auto subscription = Subscription::open(std::move(client), std::move(options));
    if (!subscription) return subscription.error();
    return std::unique_ptr<Directory>(new Directory(std::move(state), *std::move(subscription)));
}

std::vector<Child> Directory::children() const {
    const std::lock_guard lock(state_->mutex);
    return state_->children.all();
}

}  // namespace belfry

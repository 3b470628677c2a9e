#include "tests/support/observer.hpp"

#include <algorithm>
#include <stdexcept>
#include <thread>

namespace belfry::test {

namespace {

std::string joined(std::vector<std::string> parts) {
    std::sort(parts.begin(), parts.end());  // within one change set the order of keys says nothing
    std::string text;
    for (const auto& part : parts) text += part + " ";
    return text;
}

}  // namespace

Observer::Observer(std::shared_ptr<Client> client, const std::string& prefix) : prefix_(prefix) {
    SubscriptionOptions wanted;
    wanted.filter = {"prefix", prefix};
    wanted.from = Revision{0};
    wanted.on_change = [this](const Delivery& delivery) { note(delivery); };
    auto opened = Subscription::open(std::move(client), wanted);
    if (!opened) throw std::runtime_error(opened.error().detail);
    subscription_ = std::move(*opened);
}

void Observer::note(const Delivery& delivery) {
    std::vector<std::string> keys;
    for (const KeyChange& change : delivery.changes) {
        keys.push_back(change.after ? "+" + change.key + "=" + change.after->value : "-" + change.key);
    }
    const std::lock_guard lock(mutex_);
    told_.push_back({delivery.revision, delivery.is_snapshot, joined(std::move(keys))});
}

bool Observer::wait(Revision revision, std::chrono::milliseconds patience) {
    const auto end = std::chrono::steady_clock::now() + patience;
    if (!subscription_->wait_revision(revision, patience)) return false;
    while (std::chrono::steady_clock::now() < end) {  // the view is shown before the callbacks run
        {
            const std::lock_guard lock(mutex_);
            if (!told_.empty() && told_.back().revision >= revision) return true;
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return false;
}

std::string Observer::difference(Client& hub, Revision last) {
    const std::lock_guard lock(mutex_);
    size_t at = 0;
    for (Revision from; from < last;) {
        protocol::ChangesRequest request;
        request.filter = {"prefix", prefix_};
        request.from = from;
        request.to = last;
        const auto reply = hub.changes(request);
        if (!reply) return "the hub's history cannot be read: " + reply.error().detail;
        for (const ChangeSet& change : reply->changes) {
            std::vector<std::string> keys;
            for (const Event& event : change.events) {
                keys.push_back(event.type == EventType::put ? "+" + event.kv.key + "=" + event.kv.value
                                                            : "-" + event.kv.key);
            }
            const std::string wanted = joined(std::move(keys));
            const std::string where = "revision " + std::to_string(change.revision.value) + " (" + wanted + "): ";
            if (at == told_.size()) return where + "not told";
            const Told& told = told_[at++];
            if (told.is_snapshot) return where + "told by a snapshot";
            if (told.revision != change.revision) return where + "told " + std::to_string(told.revision.value);
            if (told.keys != wanted) return where + "told as " + told.keys;
        }
        if (reply->to <= from) return "the hub's history ends at revision " + std::to_string(from.value);
        from = reply->to;
    }
    return at == told_.size() ? "" : "told more than there is: revision " + std::to_string(told_[at].revision.value);
}

}  // namespace belfry::test

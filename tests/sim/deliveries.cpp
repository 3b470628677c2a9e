#include "tests/sim/deliveries.hpp"

namespace belfry::sim {

Deliveries::Deliveries(Subscriber& subscriber, bool keep_view, ObserverPlants plants)
    : keep_view_(keep_view), plants_(plants) {
    subscriber.on_snapshot = [this](const auto& snapshot) { take_snapshot(snapshot); };
    subscriber.on_change = [this](const ChangeSet& change) { take_change(change); };
    subscriber.on_forgotten = [this] {
        view_ = ViewBuilder();
        on_new_owner();
    };
}

// With a view the difference to what was there before; else all there is.
void Deliveries::take_snapshot(const client::TrackerOutput::Snapshot& snapshot) {
    Delivery delivery;
    delivery.revision = snapshot.at;
    delivery.is_snapshot = true;
    const ViewBuilder before = std::exchange(view_, {});
    for (const KeyValue& kv : snapshot.kvs) {
        const KeyValue* const old = keep_view_ ? before.present().find(kv.key) : nullptr;
        if (old == nullptr || *old != kv)
            delivery.changes.push_back({kv.key, old != nullptr ? std::optional(*old) : std::nullopt, kv});
        if (keep_view_) view_.put(kv);
    }
    before.present().for_each([&](const KeyValue& old) {
        const bool is_gone = view_.present().find(old.key) == nullptr;
        if (is_gone && !plants_.skip_removals) delivery.changes.push_back({old.key, old, {}});
    });
    on_delivery(delivery);
}

void Deliveries::take_change(const ChangeSet& change) {
    Delivery delivery;
    delivery.revision = change.revision;
    delivery.time_ms = change.time_ms;
    delivery.author = change.author;
    delivery.comment = change.comment;
    delivery.labels = change.labels;
    for (const Event& event : change.events) {
        const bool is_put = event.type == EventType::put;
        KeyChange one{event.kv.key, {}, is_put ? std::optional(event.kv) : std::nullopt};
        if (keep_view_) {
            const auto before = is_put ? view_.put(event.kv) : view_.erase(event.kv.key);
            if (before) one.before = *before;
        }
        delivery.changes.push_back(std::move(one));
    }
    on_delivery(delivery);
}

}  // namespace belfry::sim

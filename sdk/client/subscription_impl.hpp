// The loop's side of a Subscription: drives the tracker, keeps the view, delivers. Private to sdk/client.
#pragma once

#include <condition_variable>
#include <map>
#include <mutex>

#include "sdk/client/loop.hpp"
#include "sdk/client/subscription.hpp"
#include "sdk/client/tracker.hpp"

namespace belfry {

class Subscription::Impl : public client::Participant, public std::enable_shared_from_this<Subscription::Impl> {
public:
    Impl(std::shared_ptr<Client> client, std::shared_ptr<client::Loop> loop, SubscriptionOptions options);

    // ---- loop thread ----
    void start();
    void close();
    void bind(Bytes key, std::function<void(const KeyChange&)> callback);
    bool on_readable(uint64_t now_ms) override;
    void on_timer(uint64_t now_ms) override;
    void on_lost(size_t endpoint, uint64_t now_ms) override;
    uint64_t wake_at_ms() const override { return closed_ ? UINT64_MAX : tracker_.wake_at_ms(); }

    std::shared_ptr<Client> client;
    const std::shared_ptr<client::Loop> loop;
    const SubscriptionOptions options;

    // ---- any thread, under the mutex ----
    mutable std::mutex mutex;
    mutable std::condition_variable advanced;
    mutable size_t waiters = 0;
    std::shared_ptr<const View> view;
    std::optional<Revision> complete;
    uint64_t proved_ms = 0;  // 0 = never
    SubscriptionFigures figures;
    std::optional<Error> refused;

private:
    void take_frame(BytesView frame, uint64_t now_ms, client::TrackerOutput& output);
    void obey(client::TrackerOutput& output, uint64_t now_ms);
    void drive_socket(client::TrackerOutput& output);
    void ask(uint64_t id, protocol::RequestOp op);
    void take_snapshot(client::TrackerOutput::Snapshot& snapshot);
    void take_beginning(const client::TrackerOutput::Beginning& beginning);
    void take_change(ChangeSet& change);
    void note(KeyChange change, Delivery& delivery);
    void queue(Delivery delivery);
    void publish();
    void deliver(const Delivery& delivery, uint64_t number);
    bool wants_deliveries() const { return options.on_change || !bindings_.empty(); }

    client::Tracker tracker_;
    client::ZmqSocket socket_;
    size_t endpoint_ = 0;
    bool closed_ = false;
    bool changed_ = false;
    bool moved_ = false;
    std::optional<Revision> complete_;
    uint64_t proved_ms_ = 0;
    SubscriptionFigures figures_;
    std::optional<Error> refused_;
    ViewBuilder builder_;
    std::vector<Delivery> deliveries_;
    uint64_t queued_ = 0;  // deliveries so far: their numbers; the view has what they say
    struct Binding {
        std::function<void(const KeyChange&)> callback;
        uint64_t since = 0;  // it was told what the deliveries up to this one made of the key
    };
    std::multimap<Bytes, Binding, std::less<>> bindings_;
};

}  // namespace belfry

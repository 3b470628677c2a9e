#include "sdk/cli/bench_watch.hpp"

#include <algorithm>
#include <cstring>
#include <thread>

#include "sdk/cli/reading.hpp"
#include "sdk/cli/stop_signal.hpp"
#include "sdk/cli/text.hpp"
#include "sdk/client/subscription.hpp"

namespace belfry::cli {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

uint64_t now_ns() {
    return static_cast<uint64_t>(
        std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now().time_since_epoch()).count());
}

struct Subscriber {
    std::mutex mutex;  // its client's thread writes, the bench's reads at the end
    std::vector<uint32_t> us;
    std::atomic<uint64_t> delivered{0};
    std::shared_ptr<Subscription> subscription;

    // The value begins with the moment it was sent.
    void on_change(const Delivery& delivery) {
        const uint64_t now = now_ns();
        const std::lock_guard lock(mutex);
        for (const KeyChange& change : delivery.changes) {
            if (!change.after || change.after->value.size() < sizeof(uint64_t)) continue;
            uint64_t sent = 0;
            std::memcpy(&sent, change.after->value.data(), sizeof sent);
            us.push_back(static_cast<uint32_t>(std::min<uint64_t>(now > sent ? (now - sent) / 1000 : 0, UINT32_MAX)));
            delivered.fetch_add(1, std::memory_order_relaxed);
        }
    }
};

using Subscribers = std::vector<std::shared_ptr<Subscriber>>;

Result<Subscribers> subscribe_all(const std::vector<std::shared_ptr<Client>>& clients, const WatchLoad& load) {
    auto now = newest_revision(*clients[0], load.filter);
    if (!now) return now.error();
    Subscribers subscribers;
    for (const auto& client : clients) {
        auto subscriber = std::make_shared<Subscriber>();
        subscriber->us.reserve(load.changes);
        SubscriptionOptions options;
        options.filter = load.filter;
        options.from = *now;
        options.keep_view = false;
        options.on_change = [raw = subscriber.get()](const Delivery& delivery) { raw->on_change(delivery); };
        auto subscription = Subscription::open(client, std::move(options));
        if (!subscription) return subscription.error();
        subscriber->subscription = std::move(*subscription);
        subscribers.push_back(std::move(subscriber));
    }
    for (const auto& subscriber : subscribers) {
        if (!subscriber->subscription->wait_current(load.timeout)) {
            return Error{Code::unavailable, "the feed did not answer within the timeout; is --feed right?"};
        }
    }
    return subscribers;
}

protocol::RequestOp stamped(const WatchLoad& load, uint64_t number) {
    protocol::PutRequest put = load.put(number);
    const uint64_t now = now_ns();
    std::memcpy(put.value.data(), &now, sizeof now);
    return put;
}

// One change at each tick; a late tick is not made up for by a burst.
LoadResult write_at_rate(Client& client, const WatchLoad& load) {
    LoadResult result;
    const auto step = std::chrono::nanoseconds(1'000'000'000 / load.rate);
    std::vector<std::future<Result<protocol::Reply>>> replies;
    for (uint64_t i = 0; i < load.changes && !stop_requested(); ++i) {
        const auto tick = Clock::now() + step;
        replies.push_back(client.send(stamped(load, i)));
        ++result.begun;
        std::this_thread::sleep_until(tick);
    }
    for (auto& future : replies) {
        const auto reply = future.get();
        if (reply && reply->error.code == Code::ok) {
            ++result.done;
        } else {
            result.first_error = reply ? reply->error : reply.error();
        }
    }
    return result;
}

LoadResult write_all(const std::vector<std::shared_ptr<Client>>& clients, const WatchLoad& load) {
    if (load.rate > 0) return write_at_rate(*clients[0], load);
    LoadOptions options;
    options.count = load.changes;
    options.in_flight = load.in_flight;
    options.request = [&](uint64_t number) { return stamped(load, number); };
    return run_load({clients[0]}, options);
}

uint64_t delivered_by(const Subscribers& subscribers) {
    uint64_t sum = 0;
    for (const auto& subscriber : subscribers) sum += subscriber->delivered.load(std::memory_order_relaxed);
    return sum;
}

}  // namespace

Result<LoadResult> run_watch_load(const std::vector<std::shared_ptr<Client>>& clients, const WatchLoad& load) {
    auto subscribers = subscribe_all(clients, load);
    if (!subscribers) return subscribers.error();
    const auto begin = Clock::now();
    const LoadResult written = write_all(clients, load);
    const uint64_t expected = written.done * subscribers->size();
    const auto give_up = Clock::now() + load.timeout;
    while (delivered_by(*subscribers) < expected && Clock::now() < give_up && !stop_requested())
        std::this_thread::sleep_for(1ms);

    LoadResult result;
    result.seconds = std::chrono::duration<double>(Clock::now() - begin).count();
    result.begun = written.begun;
    result.done = delivered_by(*subscribers);
    result.failed = expected - std::min(expected, result.done);
    result.first_error = written.first_error;
    if (result.failed > 0 && result.first_error.code == Code::ok) {
        result.first_error = {Code::timeout, "deliveries missing after the timeout: " + human_count(result.failed)};
    }
    for (const auto& subscriber : *subscribers) {
        subscriber->subscription.reset();  // no callback after this
        const std::lock_guard lock(subscriber->mutex);
        result.latencies.us.insert(result.latencies.us.end(), subscriber->us.begin(), subscriber->us.end());
    }
    result.latencies.sort();
    return result;
}

}  // namespace belfry::cli

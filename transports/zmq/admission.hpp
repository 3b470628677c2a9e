// Whose keys are let in. What the settings say holds for ever, what the host says until it says otherwise.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>

#include "sdk/plugin/transport.hpp"
#include "transports/zmq/options.hpp"

namespace belfry::transports::zmq {

using KeySet = std::set<std::string, std::less<>>;

// As of one moment. Without keys of its own (plain) the transport knows nobody: all have the key "".
struct Admitted {
    bool plain = false;
    bool any_client = true;
    bool told = false;  // by the host
    bool feed_open = false;
    KeySet clients;  // if not any_client
    KeySet feed;     // if not feed_open

    bool to_requests(std::string_view key) const { return plain || any_client || clients.contains(key); }
    bool to_feed(std::string_view key) const { return feed_open ? to_requests(key) : !plain && feed.contains(key); }
    // Who reads the feed is not known yet, nor who is who: he waits, and hears nothing meanwhile.
    bool to_wait_for_feed() const { return plain && !feed_open && !told; }
    // The feed is for some, and there is no telling who is who: nothing may be published.
    bool feed_closed() const { return plain && !feed_open; }
};

// Any thread.
class Admission {
public:
    // `host_tells`: it will say whom the feed is for; until then it is for nobody. Else it is for everybody.
    Admission(const Options& options, bool host_tells) : settings_(options) {
        Admitted first = begin();
        first.feed_open = !host_tells;
        now_ = std::make_shared<const Admitted>(std::move(first));
    }

    void set(const plugin::TransportKeys& keys) {
        Admitted next = begin();
        next.told = true;
        next.feed_open = keys.feed_open;
        next.clients.insert(keys.known.begin(), keys.known.end());
        next.feed.insert(keys.feed.begin(), keys.feed.end());
        const std::lock_guard lock(mutex_);
        now_ = std::make_shared<const Admitted>(std::move(next));
        generation_.fetch_add(1, std::memory_order_release);
    }
    std::shared_ptr<const Admitted> now() const {
        const std::lock_guard lock(mutex_);
        return now_;
    }
    // Another number after each set().
    uint64_t generation() const { return generation_.load(std::memory_order_acquire); }

private:
    Admitted begin() const {
        Admitted admitted;
        admitted.plain = settings_.keys.empty();
        admitted.any_client = settings_.any_client;
        admitted.clients.insert(settings_.client_keys.begin(), settings_.client_keys.end());
        return admitted;
    }

    const Options settings_;
    mutable std::mutex mutex_;
    std::shared_ptr<const Admitted> now_;
    std::atomic<uint64_t> generation_ = 1;
};

}  // namespace belfry::transports::zmq

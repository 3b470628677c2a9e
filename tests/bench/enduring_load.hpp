// Puts that go on through fail-overs, over all members of a cluster, and an account afterwards: is an acknowledged write
// missing, was one done twice? Ends by itself after `puts_max` puts.
#pragma once

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "sdk/client/client.hpp"

namespace belfry::bench {

class EnduringLoad {
public:
    struct Account {
        uint64_t acknowledged = 0;
        uint64_t uncertain = 0;  // by what the client was told
        uint64_t refused = 0;    // certainly not done
        uint64_t lost = 0;       // acknowledged, and not there
        uint64_t doubled = 0;    // there more often than it was asked for
    };

    EnduringLoad(std::shared_ptr<Client> client, size_t in_flight) : client_(std::move(client)), keys_(keys_max) {
        running_ = in_flight;
        for (size_t at = 0; at < in_flight; ++at) next();
    }
    ~EnduringLoad() { stop(); }
    uint64_t acknowledged() const { return acknowledged_; }

    // Ends the load and reads every key back.
    Account end() {
        stop();
        Account account{acknowledged_, uncertain_, refused_, 0, 0};
        for (size_t number = 0; number < keys_.size(); ++number) {
            const Key& key = keys_[number];
            if (key.acknowledged + key.uncertain == 0) continue;
            const auto found = client_->get(name_of(number));
            const uint64_t times = found ? found->version : 0;
            if (times < key.acknowledged) account.lost += key.acknowledged - times;
            if (times > key.acknowledged + key.uncertain) account.doubled += times - key.acknowledged - key.uncertain;
        }
        return account;
    }

private:
    static constexpr size_t keys_max = 4096;
    static constexpr uint64_t puts_max = 50'000'000;
    struct Key {  // a key's version counts its puts
        std::atomic<uint64_t> acknowledged{0}, uncertain{0};
    };
    static std::string name_of(size_t key) { return "enduring/" + std::to_string(key); }

    void next() {
        const uint64_t number = started_.fetch_add(1);
        if (stopping_ || number >= puts_max) return finish();
        const size_t key = number % keys_.size();
        const auto done = [this, key](Result<protocol::Reply> reply) {
            const Code code = reply ? reply->error.code : reply.error().code;
            if (code == Code::ok) {
                ++keys_[key].acknowledged;
                ++acknowledged_;
            } else if (code == Code::uncertain) {
                ++keys_[key].uncertain;
                ++uncertain_;
            } else {
                ++refused_;
            }
            next();
        };
        if (!client_->send(protocol::PutRequest{name_of(key), std::string(256, 'v'), {}, false}, done)) finish();
    }
    void finish() {
        const std::lock_guard lock(mutex_);
        if (--running_ == 0) ended_.notify_all();
    }
    void stop() {
        stopping_ = true;
        std::unique_lock lock(mutex_);
        ended_.wait(lock, [this] { return running_ == 0; });
    }

    std::shared_ptr<Client> client_;
    std::vector<Key> keys_;
    std::atomic<uint64_t> started_{0}, acknowledged_{0}, uncertain_{0}, refused_{0};
    std::atomic<bool> stopping_{false};
    std::mutex mutex_;
    std::condition_variable ended_;
    size_t running_ = 0;
};

}  // namespace belfry::bench

// The hub through its own SDK.
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "sdk/client/client.hpp"
#include "sdk/client/subscription.hpp"
#include "tests/bench/driver.hpp"
#include "tests/support/process.hpp"

namespace belfry::bench {

using namespace belfry::test;

namespace {

using namespace std::chrono_literals;

class Belfry : public Driver {
public:
    explicit Belfry(const DriverOptions& options) : options_(options), port_(free_port_pair()) {
        std::filesystem::create_directories(options_.directory);
        start();
    }

    std::string name() const override { return "belfry"; }
    std::string version() const override { return "this tree"; }
    int pid() const override { return process_->pid(); }

    void put(const std::string& key, const std::string& value, Done done) override {
        send(protocol::PutRequest{key, value, {}, false}, std::move(done), [](const protocol::Reply&) { return true; });
    }
    void get(const std::string& key, Done done) override {
        protocol::RangeRequest request;
        request.range = KeyRange::one(key);
        send(std::move(request), std::move(done),
             [](const protocol::Reply& reply) { return std::get<protocol::RangeReply>(reply.result).kvs.size() == 1; });
    }
    void range(const std::string& prefix, size_t expected, Done done) override {
        protocol::RangeRequest request;
        request.range = KeyRange::prefix(prefix);
        send(std::move(request), std::move(done), [expected](const protocol::Reply& reply) {
            return std::get<protocol::RangeReply>(reply.result).kvs.size() == expected;
        });
    }

    bool subscribe(size_t count, const std::string& prefix, std::function<void(const std::string&)> on_event) override {
        on_event_ = std::move(on_event);
        for (size_t at = 0; at < count; ++at) {
            SubscriptionOptions options;
            options.filter = {"prefix", prefix};
            options.keep_view = false;
            options.on_change = [this](const Delivery& delivery) {
                if (delivery.is_snapshot) return;
                for (const auto& change : delivery.changes) {
                    if (change.after) on_event_(change.after->value);
                }
            };
            auto opened = Subscription::open(clients_[0], std::move(options));
            if (!opened) return false;
            subscriptions_.push_back(std::move(*opened));
        }
        for (const auto& subscription : subscriptions_) {
            if (!subscription->wait_current(60s)) return false;
        }
        return true;
    }
    void unsubscribe() override { subscriptions_.clear(); }

    double restart() override {
        process_->kill_now();
        clients_.clear();
        const auto begun = std::chrono::steady_clock::now();
        start();
        return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begun).count();
    }

private:
    template <class Check>
    void send(protocol::RequestOp op, Done done, Check check) {
        auto& client = *clients_[next_.fetch_add(1, std::memory_order_relaxed) % clients_.size()];
        auto shared = std::make_shared<Done>(std::move(done));
        const auto sent = client.send(std::move(op), Client::Completion([shared, check](Result<protocol::Reply> reply) {
                                          (*shared)(reply.ok() && reply->error.code == Code::ok && check(*reply));
                                      }));
        if (!sent) (*shared)(false);
    }

    void start() {
        const std::string host = "tcp://127.0.0.1:";
        process_.reset();
        // As etcd by default: no compaction by itself during the run.
        process_ = std::make_unique<Process>(
            std::vector<std::string>{options_.binary, "--data-dir", options_.directory + "/belfry", "--listen",
                                     host + std::to_string(port_), "--feed", host + std::to_string(port_ + 1), "--set",
                                     "history.keep_revisions=0"},
            options_.directory + "/belfryd.log");
        ClientOptions client;
        client.endpoints = {host + std::to_string(port_)};
        client.feed_endpoints = {host + std::to_string(port_ + 1)};
        client.timeout = 60s;
        if (process_->wait(0.05) >= 0) {
            std::fprintf(stderr, "the hub ended at once; see %s/belfryd.log\n", options_.directory.c_str());
            std::exit(1);
        }
        clients_.clear();
        for (size_t at = 0; at < options_.connections; ++at) clients_.push_back(std::move(*Client::connect(client)));
        for (int tries = 0; tries < 3000; ++tries) {
            const auto ready = clients_[0]->get("ready");
            if (ready.ok() || ready.error().code == Code::not_found) return;
            std::this_thread::sleep_for(5ms);
        }
    }

    DriverOptions options_;
    int port_;
    std::unique_ptr<Process> process_;
    std::vector<std::shared_ptr<Client>> clients_;
    std::atomic<size_t> next_{0};
    std::function<void(const std::string&)> on_event_;
    std::vector<std::shared_ptr<Subscription>> subscriptions_;
};

}  // namespace

std::unique_ptr<Driver> make_belfry(const DriverOptions& options) { return std::make_unique<Belfry>(options); }

}  // namespace belfry::bench

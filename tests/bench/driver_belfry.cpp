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
#include "tests/bench/enduring_load.hpp"
#include "tests/support/process.hpp"

namespace belfry::bench {

using namespace belfry::test;

namespace {

using namespace std::chrono_literals;

class Belfry : public Driver {
public:
    explicit Belfry(const DriverOptions& options) : options_(options), processes_(options.members) {
        for (size_t i = 0; i < options.members; ++i) ports_.push_back({free_port_pair(), free_port_pair()});
        std::filesystem::create_directories(options_.directory);
        start();
    }

    std::string name() const override { return "belfry"; }
    std::string version() const override { return "this tree"; }
    int pid() const override { return processes_[leader_]->pid(); }

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
        processes_[leader_]->kill_now();
        clients_.clear();
        const auto begun = std::chrono::steady_clock::now();
        start();
        return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begun).count();
    }

    double fail_over() override {
        const size_t victim = leader_;
        auto other = connect((victim + 1) % processes_.size(), 3s);
        (void)other->get("ready");  // is connected
        processes_[victim]->kill_now();
        const auto begun = std::chrono::steady_clock::now();
        while (!other->put("fail-over", "x")) {
        }
        const auto took = std::chrono::steady_clock::now() - begun;
        start_member(victim);
        await_all();
        return std::chrono::duration<double, std::milli>(took).count();
    }

    bool begin_enduring_load(size_t in_flight) override {
        ClientOptions client;
        client.endpoints.clear();
        client.feed_endpoints.clear();
        for (size_t member = 0; member < processes_.size(); ++member) {
            client.endpoints.push_back(endpoint(member, 0));
            client.feed_endpoints.push_back(endpoint(member, 1));
        }
        enduring_ = std::make_unique<EnduringLoad>(std::move(*Client::connect(client)), in_flight);
        return true;
    }
    std::map<std::string, double> end_enduring_load() override {
        const EnduringLoad::Account account = enduring_->end();
        enduring_.reset();
        return {{"puts acknowledged", static_cast<double>(account.acknowledged)},
                {"puts uncertain", static_cast<double>(account.uncertain)},
                {"puts refused", static_cast<double>(account.refused)},
                {"puts lost", static_cast<double>(account.lost)},
                {"puts doubled", static_cast<double>(account.doubled)}};
    }

private:
    std::string endpoint(size_t member, int offset) const {
        return "tcp://127.0.0.1:" + std::to_string(ports_[member].first + offset);
    }
    std::shared_ptr<Client> connect(size_t member, std::chrono::milliseconds timeout) const {
        ClientOptions client;
        client.endpoints = {endpoint(member, 0)};
        client.feed_endpoints = {endpoint(member, 1)};
        client.timeout = timeout;
        return std::move(*Client::connect(client));
    }
    std::string peer(size_t member) const { return "tcp://127.0.0.1:" + std::to_string(ports_[member].second); }

    void start_member(size_t member) {
        // As etcd by default: no compaction by itself during the run.
        std::vector<std::string> arguments = {options_.binary,
                                              "--data-dir",
                                              options_.directory + "/belfry" + std::to_string(member + 1),
                                              "--listen",
                                              endpoint(member, 0),
                                              "--feed",
                                              endpoint(member, 1),
                                              "--set",
                                              "history.keep_revisions=0",
                                              "--set",
                                              "member.id=" + std::to_string(member + 1),
                                              "--set",
                                              "store.plugin=" + options_.store};
        if (processes_.size() > 1) {
            std::string members;
            for (size_t i = 0; i < processes_.size(); ++i) {
                members += (i > 0 ? "," : "") + std::to_string(i + 1) + "=" + peer(i);
            }
            arguments.insert(arguments.end(),
                             {"--set", "cluster.endpoint=" + peer(member), "--set", "cluster.members=" + members});
        }
        const std::string log = options_.directory + "/belfryd" + std::to_string(member + 1) + ".log";
        processes_[member].reset();
        processes_[member] = std::make_unique<Process>(arguments, log);
        if (processes_[member]->wait(0.05) < 0) return;
        std::fprintf(stderr, "the hub ended at once; see %s\n", log.c_str());
        std::exit(1);
    }

    // Each answers a linearizable read, and all know the same leader.
    void await_all() {
        for (size_t member = 0; member < processes_.size(); ++member) {
            const auto client = connect(member, 60s);
            for (int tries = 0; tries < 3000; ++tries) {
                const auto ready = client->get("ready");
                if (ready.ok() || ready.error().code == Code::not_found) break;
                std::this_thread::sleep_for(5ms);
            }
            const auto status = client->status();
            if (!status) continue;
            for (const auto& [name, figure] : status->figures) {
                if (name == "raft.leader") leader_ = std::get<uint64_t>(figure) - 1;
            }
        }
    }

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
        for (size_t member = 0; member < processes_.size(); ++member) start_member(member);
        await_all();
        clients_.clear();
        for (size_t at = 0; at < options_.connections; ++at) clients_.push_back(connect(leader_, 60s));
    }

    DriverOptions options_;
    std::vector<std::pair<int, int>> ports_;  // for clients (and the one after it), for other members
    std::vector<std::unique_ptr<Process>> processes_;
    size_t leader_ = 0;
    std::vector<std::shared_ptr<Client>> clients_;
    std::atomic<size_t> next_{0};
    std::function<void(const std::string&)> on_event_;
    std::vector<std::shared_ptr<Subscription>> subscriptions_;
    std::unique_ptr<EnduringLoad> enduring_;
};

}  // namespace

std::unique_ptr<Driver> make_belfry(const DriverOptions& options) { return std::make_unique<Belfry>(options); }

}  // namespace belfry::bench

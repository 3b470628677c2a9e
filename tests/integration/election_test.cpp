// Elections on real hubs: one leader at a time, whom everybody sees.
#include "sdk/recipes/election.hpp"

#include <signal.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <mutex>
#include <thread>

#include "tests/support/cluster_processes.hpp"
#include "tests/support/one_hub.hpp"
#include "tests/support/recipes.hpp"

using namespace belfry;
using namespace belfry::test;
using namespace std::chrono_literals;

namespace {

using Clock = std::chrono::steady_clock;

// What an observer was told, in order; "-" = nobody.
class Seen {
public:
    ElectionObserver::Callback callback() {
        return [this](const std::optional<Leader>& leader) {
            const std::lock_guard lock(mutex_);
            values_.push_back(leader ? leader->value : "-");
            if (leader) tokens_.push_back(leader->token);
        };
    }
    std::vector<Bytes> values() const {
        const std::lock_guard lock(mutex_);
        return values_;
    }
    std::vector<Revision> tokens() const {
        const std::lock_guard lock(mutex_);
        return tokens_;
    }
    bool wait_for_last(const Bytes& value) const {
        return wait_for([&] { return !values().empty() && values().back() == value; });
    }

private:
    mutable std::mutex mutex_;
    std::vector<Bytes> values_;
    std::vector<Revision> tokens_;
};

}  // namespace

TEST_CASE("election: one of five candidates leads at a time, and observers see each in order", "[integration][election]") {
    const OneHub one;
    const auto client = one.hub.client();
    Seen by_feed, by_stream;
    auto options = one.hub.client_options();
    options.feed_endpoints.clear();
    const auto streaming = *Client::connect(options);
    const auto observer = ElectionObserver::open(client, "e", by_feed.callback());
    const auto other = ElectionObserver::open(streaming, "e", by_stream.callback());
    REQUIRE(observer);
    REQUIRE(other);
    REQUIRE(by_feed.wait_for_last("-"));
    REQUIRE(by_stream.wait_for_last("-"));

    constexpr int candidates = 5, terms = 4;
    std::atomic<int> leading = 0, failures = 0;
    std::mutex mutex;
    std::vector<std::pair<Revision, Bytes>> elected;
    std::vector<std::thread> threads;
    for (int i = 0; i < candidates; ++i) {
        threads.emplace_back([&, i] {
            const auto own = one.hub.client();
            Election election(own, lease_of(own), "e");
            for (int term = 0; term < terms; ++term) {
                const Bytes value = std::to_string(i) + "." + std::to_string(term);
                if (!election.campaign(value, 20s)) ++failures;
                if (++leading != 1) ++failures;
                const auto told = Election::leader(*own, "e");
                if (!told || told->value != value || told->token != election.fencing_token()) ++failures;
                {
                    const std::lock_guard lock(mutex);
                    elected.emplace_back(election.fencing_token(), value);
                }
                --leading;
                if (!election.resign()) ++failures;
            }
        });
    }
    for (auto& thread : threads) thread.join();
    CHECK(failures == 0);
    REQUIRE(elected.size() == candidates * terms);
    CHECK(std::is_sorted(elected.begin(), elected.end()));
    const auto all_seen = [&](const Seen& seen) {
        return seen.tokens().size() >= elected.size() && seen.values().back() == "-";
    };
    CHECK(wait_for([&] { return all_seen(by_feed) && all_seen(by_stream); }));
    for (const Seen* seen : {&by_feed, &by_stream}) {
        auto values = seen->values();
        std::erase(values, "-");
        std::vector<Bytes> expected;
        for (const auto& [token, value] : elected) expected.push_back(value);
        CHECK(values == expected);
        const auto tokens = seen->tokens();
        CHECK(std::is_sorted(tokens.begin(), tokens.end()));
    }
    CHECK(Election::leader(*client, "e").error().code == Code::not_found);
}

TEST_CASE("election: who lost it proclaims nothing, and the next leads with a greater token", "[integration][election]") {
    const OneHub one;
    const auto client = one.hub.client();
    Seen seen;
    const auto observer = ElectionObserver::open(client, "e", seen.callback());
    const auto lease = lease_of(client, 2s);
    Election first(client, lease, "e");
    Election second(client, lease_of(client), "e");
    CHECK(first.proclaim("early").error().code == Code::conflict);
    REQUIRE(first.campaign("a", 5s));
    CHECK(first.campaign("a", 5s).error().code == Code::conflict);
    CHECK(second.campaign("b", 300ms).error().code == Code::timeout);
    REQUIRE(first.proclaim("a2"));
    CHECK(first.leads());
    CHECK(Election::leader(*client, "e")->value == "a2");
    CHECK(Election::leader(*client, "e")->token == first.fencing_token());
    REQUIRE(seen.wait_for_last("a2"));
    lease->release();  // as if this process did not come to keep it alive
    REQUIRE(second.campaign("b", 20s));
    CHECK_FALSE(first.leads());
    CHECK(first.proclaim("late").error().code == Code::conflict);
    CHECK(second.fencing_token() > first.fencing_token());
    protocol::TxnRequest txn;
    txn.compares = {first.guard()};
    txn.then_ops.push_back({protocol::PutRequest{"result", "late", {}}});
    CHECK_FALSE(client->txn(std::move(txn))->succeeded);
    REQUIRE(seen.wait_for_last("b"));
    const auto values = seen.values();
    CHECK((values == std::vector<Bytes>{"-", "a", "a2", "b"} || values == std::vector<Bytes>{"a", "a2", "b"}));
    // By hand: the leader is not told, and still changes nothing.
    REQUIRE(client->erase(KeyRange::one(second.key())));
    CHECK(second.leads());
    CHECK(second.proclaim("late").error().code == Code::conflict);
}

TEST_CASE("election: an observer misses nobody while the leader of three hubs is killed",
          "[integration][cluster][election]") {
    const TemporaryDirectory directory;
    ClusterProcesses cluster(directory.path(), 3);
    REQUIRE(cluster.start());
    const uint64_t hub_leader = cluster.leader();
    REQUIRE(hub_leader != 0);
    Seen seen;
    const auto observer = ElectionObserver::open(cluster.client(1s), "e", seen.callback());
    REQUIRE(observer);
    std::atomic<bool> stop = false;
    std::mutex mutex;
    std::vector<Revision> elected;
    std::vector<std::thread> threads;
    for (uint64_t i = 0; i < 3; ++i) {
        const auto client = cluster.client(1s, 1 + i);
        threads.emplace_back([&, client] {
            while (!stop) {
                auto lease = Lease::grant(client, {.ttl = 3s});
                if (!lease) continue;
                const std::shared_ptr<const Lease> shared = std::move(*lease);
                Election election(client, shared, "e");
                while (!stop && shared->alive()) {
                    if (!election.campaign("v", 1s)) continue;
                    {
                        const std::lock_guard lock(mutex);
                        elected.push_back(election.fencing_token());
                    }
                    std::this_thread::sleep_for(20ms);
                    (void)election.resign();
                }
            }
        });
    }
    const auto count = [&] {
        const std::lock_guard lock(mutex);
        return elected.size();
    };
    std::this_thread::sleep_for(1s);
    cluster.at(hub_leader).kill();
    std::this_thread::sleep_for(3s);
    CHECK(cluster.at(hub_leader).start());
    const size_t before = count();
    CHECK(wait_for([&] { return count() > before + 10; }));
    stop = true;
    for (auto& thread : threads) thread.join();
    INFO(cluster.logs());
    CHECK(std::is_sorted(elected.begin(), elected.end()));
    CHECK(seen.wait_for_last("-"));
    // One whose campaign ended for its client, though it was at the head, is seen as well.
    const auto tokens = seen.tokens();
    CHECK(std::is_sorted(tokens.begin(), tokens.end()));
    CHECK(std::includes(tokens.begin(), tokens.end(), elected.begin(), elected.end()));
}

TEST_CASE("election: `belfry elect` leads until a signal, and --observe prints who does", "[integration][election]") {
    const OneHub one;
    const std::string output = one.directory.path() + "/output";
    const auto text = [&](const std::string& name) { return read_text(output + name); };
    Process observer(one.line({"elect", "e", "--observe"}), output);
    Process json(one.line({"elect", "e", "--observe", "-o", "json"}), output + "json");
    REQUIRE(wait_for([&] { return text("") == "belfry elect: nobody leads\n"; }));
    REQUIRE(wait_for([&] { return text("json") == "{\"leads\":false}\n"; }));
    Process first(one.line({"elect", "e", "a:80"}), output + "1");
    REQUIRE(wait_for([&] { return text("1").starts_with("OK elected, e/"); }));
    Process second(one.line({"elect", "e", "b:80", "-o", "json"}), output + "2");
    REQUIRE(wait_for([&] { return in_line(*one.hub.client(), "e") == 2; }));
    std::this_thread::sleep_for(300ms);
    CHECK(text("2").empty());
    first.signal(SIGINT);
    CHECK(first.wait(20) == 0);
    REQUIRE(wait_for([&] { return text("2").starts_with("{\"leads\":true,\"value\":\"b:80\",\"token\":"); }));
    CHECK(run_program(one.line({"elect", "e", "c:80", "--wait", "200ms"})).exit_code == 1);
    CHECK(run_program(one.line({"elect", "e"})).exit_code == 2);
    CHECK(run_program(one.line({"elect", "e", "c:80", "--observe"})).exit_code == 2);
    REQUIRE(wait_for([&] { return text("") == "belfry elect: nobody leads\na:80\nb:80\n"; }));
    const std::string lines = text("json");
    CHECK(std::count(lines.begin(), lines.end(), '\n') == 3);
    observer.signal(SIGTERM);
    CHECK(observer.wait(20) == 0);
    json.signal(SIGTERM);
    CHECK(json.wait(20) == 0);
    // Paused for longer than its time: it says that it does not lead any more.
    Process third(one.line({"elect", "f", "c:80", "--ttl", "2s"}), output + "3");
    REQUIRE(wait_for([&] { return text("3").starts_with("OK"); }));
    third.signal(SIGSTOP);
    CHECK(wait_for([&] { return !Election::leader(*one.hub.client(), "f"); }));
    third.signal(SIGCONT);
    CHECK(third.wait(20) == 4);
    CHECK(text("3").find("uncertain: does not lead any more: lease ") != std::string::npos);
    second.signal(SIGTERM);
    CHECK(second.wait(20) == 0);
}

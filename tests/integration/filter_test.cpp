// Filters by regular expression and by content with a real hub: what subscribers hold is the range of the same revision,
// filtered here, through random writes, values that stop matching, a killed hub and a subscriber that comes back.
#include <catch2/catch_test_macros.hpp>
#include <map>
#include <mutex>
#include <random>
#include <regex>
#include <thread>

#include "sdk/client/subscription.hpp"
#include "tests/support/hub_process.hpp"

using namespace belfry;
using namespace belfry::test;
using namespace std::chrono_literals;

namespace {

constexpr auto patience = 20s;
using State = std::map<Bytes, KeyValue>;

// What a document written by this test holds.
struct Facts {
    int port = -1;  // -1: the value is no JSON
    std::string name;
};

Bytes document(const Facts& facts) {
    if (facts.port < 0) return "port: none";
    return R"({"db": {"port": )" + std::to_string(facts.port) + R"(, "name": ")" + facts.name + R"("}, "list": [)" +
           std::to_string(facts.port % 3) + "]}";
}

Facts facts_of(BytesView value) {
    const size_t port = value.find("\"port\": ");
    if (port == BytesView::npos) return {};
    const size_t name = value.find("\"name\": \"") + 9;
    return {std::stoi(std::string(value.substr(port + 8))), std::string(value.substr(name, value.find('"', name) - name))};
}

// A filter of the hub, and the same in this test's words.
struct Wish {
    protocol::FilterSpec filter;
    std::function<bool(const KeyValue&)> wanted;
};

bool begins(const KeyValue& kv, BytesView prefix) { return kv.key.starts_with(prefix); }

std::vector<Wish> wishes() {
    const auto port = [](const KeyValue& kv) { return facts_of(kv.value).port; };
    const auto regex = [](const char* text) {
        return [pattern = std::regex(text)](const KeyValue& kv) { return std::regex_match(kv.key, pattern); };
    };
    return {
        {{"regex", "app/[0-4]/(db|web)"}, regex("app/[0-4]/(db|web)")},
        {{"regex", ".*/db$"}, regex(".*/db")},
        {{"json", "app/** /db/port >= 1024"}, [=](const auto& kv) { return begins(kv, "app/") && port(kv) >= 1024; }},
        {{"json", R"(** /db/name = "main" and /db/port < 1024)"},
         [=](const auto& kv) { return facts_of(kv.value).name == "main" && port(kv) < 1024; }},
        {{"json", "lib/*/* /list/0 != 0"}, [=](const auto& kv) { return begins(kv, "lib/") && port(kv) % 3 > 0; }},
        {{"json", "** . exists"}, [=](const auto& kv) { return port(kv) >= 0; }},
        {{"json", "none/** . exists"}, [](const auto&) { return false; }},
    };
}

State range_of_all(Client& client, Revision at) {
    State state;
    protocol::RangeRequest request;
    request.range = KeyRange::all();
    request.at = at;
    auto reply = client.range(request);
    REQUIRE(reply.ok());
    REQUIRE_FALSE(reply->more);
    for (KeyValue& kv : reply->kvs) state.emplace(kv.key, std::move(kv));
    return state;
}

State state_of(const View& view) {
    State state;
    view.for_each([&](const KeyValue& kv) { state.emplace(kv.key, kv); });
    return state;
}

class Fleet {
public:
    explicit Fleet(const std::shared_ptr<Client>& client) : client_(client) {
        for (const Wish& wish : wishes_) {
            SubscriptionOptions options;
            options.filter = wish.filter;
            auto opened = Subscription::open(client, std::move(options));
            REQUIRE(opened.ok());
            members_.push_back(*opened);
        }
    }
    // Every view is the range of its own revision, filtered, and that is at least `revision`.
    void check(Revision revision) {
        for (size_t i = 0; i < members_.size(); ++i) {
            INFO(wishes_[i].filter.kind << " " << wishes_[i].filter.spec);
            REQUIRE(members_[i]->wait_revision(revision, patience));
            const auto view = members_[i]->view();
            State expected = range_of_all(*client_, view->revision);
            std::erase_if(expected, [&](const auto& entry) { return !wishes_[i].wanted(entry.second); });
            CHECK(state_of(*view) == expected);
            const auto digest = client_->digest({.filter = wishes_[i].filter, .at = view->revision});
            REQUIRE(digest.ok());
            CHECK(digest->digest == view->digest.value());
        }
    }
    size_t keys(size_t member) const { return members_[member]->view()->size(); }

private:
    std::shared_ptr<Client> client_;
    std::vector<Wish> wishes_ = wishes();
    std::vector<std::shared_ptr<Subscription>> members_;
};

class Writer {
public:
    explicit Writer(std::shared_ptr<Client> client) : client_(std::move(client)) {}
    Revision write(int changes) {
        Revision last;
        for (int i = 0; i < changes; ++i) {
            protocol::TxnRequest txn;
            std::map<Bytes, protocol::TxnOp> ops;
            for (uint64_t n = 1 + random_() % 3; n > 0; --n) {
                const Bytes key = some_key();
                if (random_() % 5 == 0) {
                    ops[key] = {protocol::DeleteRequest{KeyRange::one(key), false}};
                } else {
                    ops[key] = {protocol::PutRequest{key, some_value(), {}, false}};
                }
            }
            for (auto& [key, op] : ops) txn.then_ops.push_back(std::move(op));
            const auto reply = client_->txn(txn);
            REQUIRE(reply.ok());
            last = reply->revision;
        }
        return last;
    }

private:
    Bytes some_key() {
        static const char* const roots[] = {"app", "lib", "x"};
        static const char* const leaves[] = {"db", "web", "log"};
        return std::string(roots[random_() % 3]) + "/" + std::to_string(random_() % 8) + "/" + leaves[random_() % 3];
    }
    Bytes some_value() {
        if (random_() % 6 == 0) return document({});
        Bytes value = document({static_cast<int>(random_() % 2048), random_() % 2 ? "main" : "other"});
        if (random_() % 40 == 0) value += Bytes(70'000, ' ');  // too large for the feed
        return value;
    }
    std::shared_ptr<Client> client_;
    std::mt19937_64 random_{20261124};
};

}  // namespace

TEST_CASE("filter: views by regular expression and by content are the filtered range, through kills and returns",
          "[integration][filter]") {
    const TemporaryDirectory directory;
    HubProcess hub(directory.path() + "/data");
    REQUIRE(hub.start());
    const auto client = hub.client(20s);
    Writer writer(client);
    writer.write(100);
    Fleet early(client);
    early.check({});
    early.check(writer.write(300));

    hub.kill();
    REQUIRE(hub.start());
    early.check(writer.write(300));

    const auto second_client = hub.client(20s);
    Fleet late(second_client);
    const Revision last = writer.write(200);
    late.check(last);
    early.check(last);
    CHECK(late.keys(0) > 0);
    CHECK(late.keys(2) > 0);
    CHECK(late.keys(6) == 0);
    CHECK(hub.stop() == 0);
}

TEST_CASE("filter: the tool takes every kind, and says why one is refused", "[integration][filter]") {
    const TemporaryDirectory directory;
    HubProcess hub(directory.path() + "/data");
    REQUIRE(hub.start());
    const auto options = hub.client_options();
    const auto belfry = [&](std::vector<std::string> words) {
        std::vector<std::string> all = {program("belfry"), "--endpoint", options.endpoints[0], "--feed",
                                        options.feed_endpoints[0]};
        all.insert(all.end(), words.begin(), words.end());
        return run_program(all);
    };
    const auto client = hub.client();
    REQUIRE(client->put("app/a", document({2000, "main"})).ok());
    REQUIRE(client->put("app/b", document({80, "main"})).ok());
    REQUIRE(client->put("app/a", document({443, "main"})).ok());
    const auto watched = belfry({"watch", "app/** /db/port >= 1024", "--kind", "json", "--rev", "1", "--count", "2"});
    INFO(watched.output);
    CHECK(watched.exit_code == 0);
    CHECK(watched.output.find("rev 1 PUT app/a") != std::string::npos);
    CHECK(watched.output.find("rev 3 DEL app/a") != std::string::npos);
    CHECK(watched.output.find("app/b") == std::string::npos);
    const auto kept = belfry({"subscribe", "app/.", "--kind", "regex", "--until-revision", "3"});
    CHECK(kept.exit_code == 0);
    CHECK(kept.output.find("\"keys\":2") != std::string::npos);

    const auto refused = belfry({"watch", "app/(", "--kind", "regex"});
    CHECK(refused.exit_code != 0);
    CHECK(refused.output.find("missing )") != std::string::npos);
    const auto unquoted = belfry({"subscribe", "app/** /name = main", "--kind", "json"});
    CHECK(unquoted.exit_code != 0);
    CHECK(unquoted.output.find("string in quotes") != std::string::npos);
    for (const char* plugin : {"filter_regex", "filter_json", "filter_author", "filter_label"}) {
        const auto checked = run_program(
            {program("belfry"), "plugin", "check", program("../lib/belfry/plugins/" + std::string(plugin) + ".so")}, 60);
        INFO(checked.output);
        CHECK(checked.exit_code == 0);
    }
    CHECK(hub.stop() == 0);
}

TEST_CASE("filter: change sets by author come once and in order through kills, and what compaction took is told",
          "[integration][filter]") {
    const TemporaryDirectory directory;
    HubProcess hub(directory.path() + "/data");
    REQUIRE(hub.start());
    const auto client_of = [&](const std::string& author) {
        ClientOptions options = hub.client_options();
        options.author = author;
        options.timeout = 20s;
        return *Client::connect(std::move(options));
    };
    const auto alice = client_of("alice@ops");
    const auto deploy = client_of("deploy-7");
    const auto write = [](Client& client, const Bytes& key, const Bytes& value) {
        const auto reply = client.put(key, value);
        REQUIRE(reply.ok());
        return reply->revision;
    };

    std::mutex mutex;
    std::vector<Delivery> deliveries;
    SubscriptionOptions options;
    options.filter = {"author", "deploy-* app/**"};
    options.from = Revision{0};
    options.keep_view = false;
    options.on_change = [&](const Delivery& delivery) {
        const std::lock_guard lock(mutex);
        deliveries.push_back(delivery);
    };
    SubscriptionOptions with_view = options;
    with_view.keep_view = true;
    CHECK(Subscription::open(alice, with_view).error().code == Code::invalid_argument);
    auto subscription = *Subscription::open(alice, options);

    // Waiters are woken before the callbacks run.
    const auto wait_for = [&](size_t count) {
        const auto give_up = std::chrono::steady_clock::now() + patience;
        for (;; std::this_thread::sleep_for(10ms)) {
            const std::lock_guard lock(mutex);
            if (deliveries.size() >= count || std::chrono::steady_clock::now() > give_up) return;
        }
    };
    std::vector<Revision> expected;
    Revision last;
    for (int i = 0; i < 60; ++i) {
        if (i == 30) {
            hub.kill();
            REQUIRE(hub.start());
        }
        write(*alice, "app/" + std::to_string(i % 7), "a" + std::to_string(i));
        expected.push_back(write(*deploy, "app/" + std::to_string(i % 5), "d" + std::to_string(i)));
        last = write(*deploy, "other/" + std::to_string(i), "x");
    }
    REQUIRE(subscription->wait_revision(last, patience));
    wait_for(expected.size());
    {
        const std::lock_guard lock(mutex);
        std::vector<Revision> came;
        for (const Delivery& delivery : deliveries) {
            CHECK(delivery.author == "deploy-7");
            CHECK(delivery.changes.size() == 1);
            came.push_back(delivery.revision);
        }
        CHECK(came == expected);
        deliveries.clear();
    }

    // Another one begins at what is compacted: it is told so, and gets the rest.
    subscription.reset();
    const Revision cut = expected[40];
    REQUIRE(alice->compact(cut).ok());
    auto late = *Subscription::open(alice, options);
    REQUIRE(late->wait_revision(last, patience));
    wait_for(20);
    const std::lock_guard lock(mutex);
    REQUIRE(deliveries.size() == 20);
    CHECK(deliveries[0].lost_after == Revision{0});
    CHECK(deliveries[0].revision == cut);
    CHECK(deliveries[0].changes.empty());
    CHECK(deliveries[1].revision == expected[41]);
    CHECK(deliveries.back().revision == expected.back());

    const auto belfry = [&](std::vector<std::string> words) {
        std::vector<std::string> all = {program("belfry"), "--endpoint", hub.client_options().endpoints[0], "--feed",
                                        hub.client_options().feed_endpoints[0]};
        all.insert(all.end(), words.begin(), words.end());
        return run_program(all);
    };
    const std::string rev = std::to_string(last.value - 5);
    const auto watched = belfry({"watch", "--by", "deploy-*", "app/", "--rev", rev, "--count", "2"});
    INFO(watched.output);
    CHECK(watched.exit_code == 0);
    CHECK(watched.output.find("(deploy-7)") != std::string::npos);
    CHECK(watched.output.find("alice") == std::string::npos);
    CHECK(watched.output.find("other/") == std::string::npos);
    const auto compacted = belfry({"watch", "--by", "deploy-7", "--rev", "1", "--count", "1"});
    CHECK(compacted.output.find("[compacted] changes after revision 0 up to " + std::to_string(cut.value)) !=
          std::string::npos);
    CHECK(belfry({"watch", "--by", "x", "--snapshot"}).exit_code == 2);
    CHECK(belfry({"watch"}).exit_code == 2);
    CHECK(belfry({"digest", "x", "--kind", "author"}).output.find("has no state") != std::string::npos);
    CHECK(hub.stop() == 0);
}

// Labels with a real hub: from the command line and the SDK into the history, and out again by filters, over the feed, by a
// private stream and by what is stored, through a killed hub.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <mutex>
#include <thread>

#include "sdk/client/subscription.hpp"
#include "tests/support/hub_process.hpp"

using namespace belfry;
using namespace belfry::test;
using namespace std::chrono_literals;

namespace {

constexpr auto patience = 20s;

// One subscriber's deliveries, from revision 1 on.
class Subscriber {
public:
    Subscriber(const std::shared_ptr<Client>& client, const Bytes& spec, bool private_stream) {
        SubscriptionOptions options;
        options.filter = {"label", spec};
        options.from = Revision{0};
        options.keep_view = false;
        options.private_stream = private_stream;
        options.on_change = [this](const Delivery& delivery) {
            const std::lock_guard lock(mutex_);
            deliveries_.push_back(delivery);
        };
        subscription_ = *Subscription::open(client, std::move(options));
    }
    // Waiters are woken before the callbacks run.
    std::vector<Delivery> up_to(Revision revision, size_t count) {
        REQUIRE(subscription_->wait_revision(revision, patience));
        const auto give_up = std::chrono::steady_clock::now() + patience;
        for (;; std::this_thread::sleep_for(10ms)) {
            const std::lock_guard lock(mutex_);
            if (deliveries_.size() >= count || std::chrono::steady_clock::now() > give_up) return deliveries_;
        }
    }

private:
    std::mutex mutex_;
    std::vector<Delivery> deliveries_;
    std::shared_ptr<Subscription> subscription_;  // goes first
};

std::vector<Revision> revisions_of(const std::vector<Delivery>& deliveries) {
    std::vector<Revision> all;
    for (const Delivery& delivery : deliveries) all.push_back(delivery.revision);
    return all;
}

}  // namespace

TEST_CASE("label: marked change sets come once, in order and with their labels, through a kill", "[integration][label]") {
    const bool private_stream = GENERATE(false, true);
    const TemporaryDirectory directory;
    HubProcess hub(directory.path() + "/data");
    REQUIRE(hub.start());
    const auto client = hub.client(patience);
    Subscriber one(client, "rollout=42", private_stream);
    Subscriber any(client, "rollout app/**", private_stream);
    std::vector<Revision> of_42, of_app;
    Revision last;
    for (int i = 0; i < 40; ++i) {
        if (i == 20) {
            hub.kill();
            REQUIRE(hub.start());
        }
        const Bytes number = std::to_string(42 + i % 2);
        const auto marked = client->put("app/" + number, "v", {.labels = {"rollout=" + number, "canary", "canary"}});
        REQUIRE(marked.ok());
        if (i % 2 == 0) of_42.push_back(marked->revision);
        of_app.push_back(marked->revision);
        const auto elsewhere = client->erase(KeyRange::prefix("other/"), {.labels = {"rollout=42"}});
        REQUIRE(elsewhere.ok());
        if (elsewhere->deleted > 0) of_42.push_back(elsewhere->revision);
        REQUIRE(client->put("other/a", "v", {.labels = {"rollouts=42"}}).ok());
        last = client->put("app/" + number, "unmarked")->revision;
    }
    const auto came = one.up_to(last, of_42.size());
    CHECK(revisions_of(came) == of_42);
    REQUIRE(came.size() == of_42.size());
    CHECK(came[0].labels == Labels{"canary", "rollout=42"});
    CHECK(came[1].labels == Labels{"rollout=42"});
    CHECK(revisions_of(any.up_to(last, of_app.size())) == of_app);

    // Later ones get the same from what is stored; two spellings are one filter.
    Subscriber late(client, "rollout=42 **", private_stream);
    CHECK(revisions_of(late.up_to(last, of_42.size())) == of_42);
    const auto channel = [&](const Bytes& spec) {
        const auto reply = client->call(protocol::ChannelRequest{{"label", spec}});
        REQUIRE(reply.ok());
        return std::get<protocol::ChannelReply>(reply->result).channel;
    };
    CHECK(channel("rollout=42 **") == channel("rollout=42"));
    CHECK(channel("rollout=43") != channel("rollout=42"));
    CHECK(hub.stop() == 0);
}

TEST_CASE("label: the command line marks, shows and waits for them, and says what is wrong", "[integration][label]") {
    const TemporaryDirectory directory;
    HubProcess hub(directory.path() + "/data");
    REQUIRE(hub.start());
    const auto belfry = [&](std::vector<std::string> words) {
        std::vector<std::string> all = {program("belfry"),
                                        "--endpoint",
                                        hub.client_options().endpoints[0],
                                        "--feed",
                                        hub.client_options().feed_endpoints[0],
                                        "--author",
                                        "ann"};
        all.insert(all.end(), words.begin(), words.end());
        return run_program(all);
    };
    const auto says = [&](const std::vector<std::string>& words, int exit_code, const std::string& text) {
        const auto outcome = belfry(words);
        INFO(outcome.output);
        CHECK(outcome.exit_code == exit_code);
        CHECK(outcome.output.find(text) != std::string::npos);
    };
    const std::string file = directory.path() + "/txn";
    run_program({"/bin/sh", "-c", "printf 'then\\nput a 2\\nput b 2\\n' > " + file});
    says({"put", "a", "1", "--label", "rollout=42", "--label=canary", "--comment", "why"}, 0, "revision 1");
    says({"txn", file, "--label", "rollout=43"}, 0, "revision 2");
    says({"put", "a", "3", "--cas", "2", "--label", "rollout=44"}, 0, "revision 3");
    says({"del", "a", "--label", "rollout"}, 0, "revision 4");
    says({"put", "a", "5"}, 0, "revision 5");
    says({"put", "a", "6", "--dry-run", "--label", "rollout=45"}, 0, "nothing was changed");

    says({"history", "a"}, 0, "PUT v1 = 1 (ann: why) [canary rollout=42]\n");
    says({"history", "a", "-o", "json"}, 0, R"("labels":["rollout=43"])");
    says({"log", "--from", "4", "--to", "4"}, 0, "DEL a (ann) [rollout]\n");
    says({"watch", "--label", "canary", "--rev", "1", "--count", "1", "-o", "json"}, 0,
         R"("labels":["canary","rollout=42"],"events")");
    const auto any = belfry({"watch", "--label", "rollout", "a", "--kind", "exact", "--rev", "1", "--count", "4"});
    CHECK(any.exit_code == 0);
    CHECK(any.output.find("rev 2 PUT a = 2 (ann) [rollout=43]\n") != std::string::npos);
    CHECK(any.output.find("rev 3 PUT a = 3 (ann) [rollout=44]\n") != std::string::npos);
    CHECK(any.output.find("rev 4 DEL a (ann) [rollout]\n") != std::string::npos);
    CHECK(any.output.find("PUT b") == std::string::npos);

    says({"put", "a", "7", "--label", "two words"}, 5, "label: write WORD or NAME=VALUE");
    says({"put", "a", "7", "--label", std::string(65, 'x')}, 5, "65 octets; at most 64 are allowed");
    says({"watch", "--label", "two words", "--rev", "1"}, 2, "not 'two words'");
    says({"watch", "a=b=c", "--kind", "label", "--rev", "1"}, 5, "not 'a=b=c'");
    says({"watch", "--label", "a", "--by", "ann"}, 2, "exclude one another");
    says({"watch", "--label", "a", "--label", "b"}, 2, "one only");
    says({"watch", "--label", "a", "--snapshot"}, 2, "have no snapshot");
    says({"digest", "rollout", "--kind", "label"}, 5, "has no state");
    CHECK(hub.stop() == 0);
}

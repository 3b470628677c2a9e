// Three and more real daemons: what a client and a subscriber see while leaders die, hand over, and members come and go.
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <random>
#include <thread>

#include "sdk/client/subscription.hpp"
#include "tests/support/cluster_processes.hpp"
#include "tests/support/one_hub.hpp"
#include "tests/support/sanitizers.hpp"
#include "tests/support/witness.hpp"

using namespace belfry;
using namespace belfry::test;
using namespace std::chrono_literals;

namespace {

bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

uint64_t ms_since(std::chrono::steady_clock::time_point start) {
    return static_cast<uint64_t>((std::chrono::steady_clock::now() - start) / 1ms);
}

Result<protocol::MembersReply> ask(Client& client, protocol::RequestOp op) {
    auto reply = client.call(std::move(op));
    if (!reply) return reply.error();
    if (reply->error.code != Code::ok) return reply->error;
    return std::get<protocol::MembersReply>(std::move(reply->result));
}

}  // namespace

TEST_CASE("cluster: what clients see while leaders are killed and paused is linearizable", "[integration][cluster]") {
    const TemporaryDirectory directory;
    ClusterProcesses cluster(directory.path(), 3);
    REQUIRE(cluster.start());
    auto observer = cluster.client();
    SubscriptionOptions wanted;
    wanted.filter = {"prefix", "shared/"};
    auto subscription = Subscription::open(observer, wanted);
    REQUIRE(subscription);
    std::vector<Operation> history;
    {
        std::vector<std::unique_ptr<Witness>> witnesses;
        for (unsigned number = 1; number <= 4; ++number) {
            witnesses.push_back(std::make_unique<Witness>(cluster.client(1500ms, number % 3 + 1), number));
        }
        for (int kills = 0; kills < 8; ++kills) {
            std::this_thread::sleep_for(300ms);
            const uint64_t leader = cluster.leader();
            INFO(cluster.logs());
            REQUIRE(leader != 0);
            if (kills % 3 == 2) {  // it comes back and believes that it still leads
                cluster.at(leader).process().signal(SIGSTOP);
                std::this_thread::sleep_for(1200ms);
                cluster.at(leader).process().signal(SIGCONT);
                continue;
            }
            cluster.at(leader).kill();
            std::this_thread::sleep_for(std::chrono::milliseconds(100 + 150 * (kills % 4)));
            REQUIRE(cluster.at(leader).start());
        }
        std::this_thread::sleep_for(500ms);
        history = finish_all(witnesses);
    }
    INFO(history.size() << " operations");
    CHECK(history.size() > 200);
    const auto verdict = check_linearizability(history);
    INFO("key " << verdict.key << ": " << verdict.longest.substr(0, 2000));
    CHECK(verdict.kind == LinearizabilityVerdict::Kind::linearizable);
    // Every member holds the same, and so does the subscriber.
    const auto last = cluster.client()->put("shared/last", "1");
    REQUIRE(last);
    CHECK((*subscription)->wait_revision(last->revision, 20s));
    protocol::DigestRequest request;
    request.filter = {"prefix", "shared/"};
    request.at = last->revision;
    const auto first = cluster.at(1).client()->digest(request);
    REQUIRE(first);
    for (const uint64_t id : cluster.ids()) {
        const auto digest = cluster.at(id).client()->digest(request);
        REQUIRE(digest);
        CHECK(digest->digest == first->digest);
    }
    CHECK((*subscription)->figures().digest == first->digest);
    for (const uint64_t id : cluster.ids()) CHECK(cluster.at(id).stop() == 0);
}

TEST_CASE("cluster: a crowd of reads that look at many keys deposes nobody, and writes go on", "[integration][cluster]") {
    constexpr int keys = 100'000, keys_of_txn = 1000;
    constexpr int reads = thread_sanitizer ? 150 : 500;  // many seconds of looking
    // Of a round: some 50 ms, and much more where each look is watched.
    const std::string silence_max = thread_sanitizer || address_sanitizer ? "4s" : "1s";
    const TemporaryDirectory directory;
    ClusterProcesses cluster(directory.path(), 3, {"cluster.election_timeout=" + silence_max});
    REQUIRE(cluster.start());
    const uint64_t leader = cluster.leader();
    const auto crowd = cluster.client(60s, leader), writer = cluster.client(20s, leader);
    for (int at = 0; at < keys; at += keys_of_txn) {
        protocol::TxnRequest txn;
        for (int i = 0; i < keys_of_txn; ++i) {
            txn.then_ops.push_back({protocol::PutRequest{"many/" + std::to_string(at + i), "v", {}, false}});
        }
        REQUIRE(writer->txn(std::move(txn)));
    }
    const uint64_t term = figure(cluster.at(leader), "raft.term");
    protocol::RangeRequest count;
    count.range = KeyRange::prefix("many/");
    count.count_only = true;
    std::vector<std::future<Result<protocol::Reply>>> answers;
    for (int i = 0; i < reads; ++i) answers.push_back(crowd->send(count));
    const auto start = std::chrono::steady_clock::now();
    for (int puts = 0; puts < 10; ++puts) {
        INFO(cluster.logs());
        CHECK(writer->put("one/" + std::to_string(puts), "v"));
    }
    INFO("10 puts in " << ms_since(start) << " ms");
    size_t counted = 0;
    for (auto& answer : answers) {
        const auto reply = answer.get();
        counted += reply && reply->error.code == Code::ok;
    }
    CHECK(counted > 10);  // some are told that this member had too much to do
    CHECK(cluster.leader() == leader);
    CHECK(figure(cluster.at(leader), "raft.term") == term);
    UNSCOPED_INFO(counted << " of " << reads << " counted in " << ms_since(start) << " ms");
}

TEST_CASE("cluster: a handed over leadership costs no client an error", "[integration][cluster]") {
    const TemporaryDirectory directory;
    ClusterProcesses cluster(directory.path(), 3);
    REQUIRE(cluster.start());
    std::atomic<bool> stop{false};
    std::atomic<uint64_t> done{0}, failed{0}, slowest_ms{0};
    std::vector<std::thread> writers;
    for (uint64_t place = 1; place <= 3; ++place) {
        writers.emplace_back([&, client = cluster.client(5000ms, place), place] {
            for (uint64_t i = 0; !stop; ++i) {
                const auto start = std::chrono::steady_clock::now();
                const auto put = client->put("w/" + std::to_string(place), std::to_string(i));
                put ? ++done : ++failed;
                if (!put) WARN("writer " << place << ": " << put.error().detail);
                slowest_ms = std::max(slowest_ms.load(), ms_since(start));
            }
        });
    }
    const auto end_writers = [&] {
        stop = true;
        for (auto& writer : writers) {
            if (writer.joinable()) writer.join();
        }
    };
    const std::shared_ptr<void> guard(nullptr, [&](void*) { end_writers(); });
    auto admin = cluster.client();
    for (int i = 0; i < 6; ++i) {
        std::this_thread::sleep_for(200ms);
        const uint64_t before = cluster.leader();
        const auto reply = ask(*admin, protocol::LeaderTransferRequest{before % 3 + 1});
        INFO((reply ? "" : reply.error().detail) << cluster.logs());
        REQUIRE(reply);
        CHECK(reply->leader == before % 3 + 1);
    }
    CHECK(wait_for([&] { return done > 50; }));
    end_writers();
    INFO(done << " writes, the slowest took " << slowest_ms << " ms");
    CHECK(failed == 0);
}

TEST_CASE("cluster: it grows from one member, loses its first leader, and refuses what is not safe",
          "[integration][cluster]") {
    const TemporaryDirectory directory;
    ClusterProcesses cluster(directory.path(), 1, {"snapshot_log_bytes=1MiB"});
    REQUIRE(cluster.start());
    auto client = cluster.client();
    for (int i = 0; i < 40; ++i) REQUIRE(client->put("k/" + std::to_string(i), std::string(100'000, 'x')));
    const auto alone = ask(*client, protocol::MembersRequest{});
    REQUIRE(alone);
    REQUIRE(alone->members.size() == 1);
    for (const uint64_t id : {2, 3}) {
        HubProcess& joining = cluster.add(id, alone->cluster);
        using Change = protocol::MemberChangeRequest;
        const auto added = ask(*client, Change{Change::Kind::add, id, cluster.endpoint(id)});
        INFO((added ? "" : added.error().detail));
        REQUIRE(added);
        joining.launch();
        Result<protocol::MembersReply> promoted = Error{Code::busy, "not tried"};
        for (int tries = 0; tries < 100 && !promoted; ++tries) {
            promoted = ask(*client, Change{Change::Kind::promote, id, {}});
            if (!promoted) std::this_thread::sleep_for(100ms);
        }
        INFO((promoted ? "" : promoted.error().detail) << cluster.logs());
        REQUIRE(promoted);
        REQUIRE(joining.is_ready());
        CHECK(joining.client()->get("k/39")->value.size() == 100'000);
    }
    using Change = protocol::MemberChangeRequest;
    // Through a follower; the leader hands over first.
    const auto removed = ask(*cluster.at(2).client(), Change{Change::Kind::remove, 1, {}});
    INFO((removed ? "" : removed.error().detail) << cluster.logs());
    REQUIRE(removed);
    CHECK(removed->members.size() == 2);
    CHECK(cluster.at(2).client()->put("after", "1").ok());
    const auto refused = ask(*cluster.at(3).client(), Change{Change::Kind::remove, 2, {}});
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == Code::conflict);
    CHECK(cluster.at(3).client()->get("after")->value == "1");
}

TEST_CASE("cluster: with keys, members know each other and nobody else is let in", "[integration][cluster]") {
    const TemporaryDirectory directory;
    ClusterProcesses cluster(directory.path(), 3, {}, ClusterProcesses::Keys::yes);
    REQUIRE(cluster.start());
    for (const uint64_t id : cluster.ids()) CHECK(cluster.at(id).client()->put("k", std::to_string(id)).ok());
    // Somebody else takes the place of a member that is away: with the same settings, but not with its key.
    const uint64_t leader = cluster.leader();
    const uint64_t away = leader % 3 + 1;
    CHECK(cluster.at(away).stop() == 0);
    const std::string key = directory.path() + "/" + std::to_string(away) + ".key";
    std::filesystem::remove(key);
    REQUIRE(run_program({program("belfry"), "keygen", key}).exit_code == 0);
    cluster.at(away).launch();
    CHECK(wait_for([&] { return has(cluster.at(leader).log(), "a stranger with the public key"); }));
    CHECK(figure(cluster.at(away), "raft.leader") == 0);
    CHECK(cluster.at(leader).client()->put("k", "on").ok());
    // A key that others may read is no key.
    std::filesystem::permissions(key, std::filesystem::perms::others_read, std::filesystem::perm_options::add);
    cluster.at(away).kill();
    cluster.at(away).launch();
    CHECK(cluster.at(away).process().wait(20) == 1);
    CHECK(cluster.at(away).log().find("chmod 600") != std::string::npos);
}

TEST_CASE("cluster: a member of another cluster is refused and named", "[integration][cluster]") {
    const TemporaryDirectory directory;
    ClusterProcesses cluster(directory.path(), 2);
    REQUIRE(cluster.start());
    HubProcess& stray = cluster.add(2 + 1, 0xbad);
    const auto members = ask(*cluster.client(), protocol::MembersRequest{});
    REQUIRE(members);
    using Change = protocol::MemberChangeRequest;
    REQUIRE(ask(*cluster.client(), Change{Change::Kind::add, 3, cluster.endpoint(3)}));
    stray.launch();
    CHECK(wait_for([&] { return has(stray.log(), "it belongs to another cluster"); }));
    CHECK(figure(stray, "raft.leader") == 0);
}

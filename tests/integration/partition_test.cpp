// Three daemons, each in a network namespace: cables are pulled, also in one direction only and again and again, while
// clients work. Skipped with a sentence where the test may not make namespaces.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <iostream>
#include <thread>

#include "sdk/client/subscription.hpp"
#include "tests/support/hub_process.hpp"
#include "tests/support/network_namespaces.hpp"
#include "tests/support/witness.hpp"

using namespace belfry;
using namespace belfry::test;
using namespace std::chrono_literals;

namespace {

constexpr unsigned members = 3;

class Machines {
public:
    Machines(const NetworkNamespaces& network, const std::string& directory) : network_(network) {
        std::string list;
        for (unsigned id = 1; id <= members; ++id) {
            list += (id > 1 ? "," : "") + std::to_string(id) + "=tcp://" + network.address(id) + ":7422";
        }
        for (unsigned id = 1; id <= members; ++id) {
            auto arguments = network.prefix(id);
            const std::string host = "tcp://" + network.address(id);
            arguments.insert(arguments.end(),
                             {program("belfryd"), "--data-dir", directory + "/m" + std::to_string(id), "--listen",
                              host + ":7420", "--feed", host + ":7421", "--set", "listen.insecure=true", "--set",
                              "member.id=" + std::to_string(id), "--set", "cluster.endpoint=" + host + ":7422", "--set",
                              "cluster.members=" + list, "--set", "log.settings.segment_bytes=4194304"});
            processes_.push_back(std::make_unique<Process>(arguments, directory + "/m" + std::to_string(id) + ".log"));
        }
    }
    // All members, `first` in front.
    std::shared_ptr<Client> client(unsigned first, std::chrono::milliseconds timeout, bool alone = false) const {
        ClientOptions options;
        options.endpoints.clear();
        options.feed_endpoints.clear();
        options.timeout = timeout;
        options.author = "test";
        for (unsigned i = 0; i < (alone ? 1 : members); ++i) {
            const std::string host = "tcp://" + network_.address((first - 1 + i) % members + 1);
            options.endpoints.push_back(host + ":7420");
            options.feed_endpoints.push_back(host + ":7421");
        }
        return std::move(*Client::connect(options));
    }
    uint64_t leader() const {
        for (int tries = 0; tries < 200; ++tries) {
            const auto reply = client(1, 2s)->call(protocol::MembersRequest{});
            if (reply && reply->error.code == Code::ok) return std::get<protocol::MembersReply>(reply->result).leader;
            std::this_thread::sleep_for(50ms);
        }
        return 0;
    }

private:
    const NetworkNamespaces& network_;
    std::vector<std::unique_ptr<Process>> processes_;
};

}  // namespace

TEST_CASE("partition: full, one-way and flapping cuts leave every history linearizable", "[integration][cluster]") {
    NetworkNamespaces network(members);
    if (!network.missing().empty()) SKIP(network.missing());
    const TemporaryDirectory directory;
    const Machines machines(network, directory.path());
    unsigned leader = static_cast<unsigned>(machines.leader());
    REQUIRE(leader != 0);
    SubscriptionOptions wanted;
    wanted.filter = {"prefix", "shared/"};
    auto observer = machines.client(leader, 2s);
    auto subscription = Subscription::open(observer, wanted);
    REQUIRE(subscription);
    std::vector<Operation> history;
    {
        std::vector<std::unique_ptr<Witness>> witnesses;
        for (unsigned id = 1; id <= members; ++id) {
            witnesses.push_back(std::make_unique<Witness>(machines.client(id, 1s), id));
        }
        for (int round = 0; round < 6; ++round) {
            std::this_thread::sleep_for(500ms);
            leader = static_cast<unsigned>(machines.leader());
            REQUIRE(leader != 0);
            const unsigned other = leader % members + 1;
            if (round % 3 == 0) {  // the leader is alone
                network.plug(leader, false);
                std::this_thread::sleep_for(1500ms);
                network.plug(leader, true);
            } else if (round % 3 == 1) {  // its words do not reach one of them
                network.block(leader, other, true);
                std::this_thread::sleep_for(1500ms);
                network.block(leader, other, false);
            } else {
                for (int flap = 0; flap < 8; ++flap) {
                    network.plug(leader, flap % 2 == 1);
                    std::this_thread::sleep_for(150ms);
                }
            }
        }
        std::this_thread::sleep_for(1s);
        history = finish_all(witnesses);
    }
    INFO(history.size() << " operations");
    CHECK(history.size() > 100);
    const auto verdict = check_linearizability(history);
    INFO("key " << verdict.key << ": " << verdict.longest.substr(0, 2000));
    CHECK(verdict.kind == LinearizabilityVerdict::Kind::linearizable);

    const auto last = machines.client(1, 10s)->put("shared/last", "1");
    REQUIRE(last);
    CHECK((*subscription)->wait_revision(last->revision, 30s));
    protocol::DigestRequest request;
    request.filter = {"prefix", "shared/"};
    request.at = last->revision;
    for (unsigned id = 1; id <= members; ++id) {
        const auto digest = machines.client(id, 10s, true)->digest(request);
        REQUIRE(digest);
        CHECK(digest->digest == (*subscription)->figures().digest);
    }
}

// Real belfryds, each in a network namespace, that are one cluster; clients on the bridge; and the judgement at the end.
#pragma once

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <thread>

#include "tests/support/hub_process.hpp"
#include "tests/support/network_namespaces.hpp"
#include "tests/support/observer.hpp"
#include "tests/support/witness.hpp"

namespace belfry::test {

using namespace std::chrono_literals;

class Machines {
public:
    Machines(const NetworkNamespaces& network, const std::string& directory, unsigned count)
        : network_(network), count_(count) {
        std::string list;
        for (unsigned id = 1; id <= count_; ++id) {
            list += (id > 1 ? "," : "") + std::to_string(id) + "=tcp://" + network.address(id) + ":7422";
        }
        for (unsigned id = 1; id <= count_; ++id) {
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
    unsigned count() const { return count_; }
    // All members, `first` in front.
    std::shared_ptr<Client> client(unsigned first, std::chrono::milliseconds timeout, bool alone = false) const {
        ClientOptions options;
        options.endpoints.clear();
        options.feed_endpoints.clear();
        options.timeout = timeout;
        options.author = "test";
        for (unsigned i = 0; i < (alone ? 1 : count_); ++i) {
            const std::string host = "tcp://" + network_.address((first - 1 + i) % count_ + 1);
            options.endpoints.push_back(host + ":7420");
            options.feed_endpoints.push_back(host + ":7421");
        }
        return std::move(*Client::connect(options));
    }
    // As the members say it; 0: none within 20 s.
    unsigned leader() const {
        const auto asked = client(1, 2s);
        for (const auto end = std::chrono::steady_clock::now() + 20s; std::chrono::steady_clock::now() < end;) {
            const auto reply = asked->call(protocol::MembersRequest{});
            if (reply && reply->error.code == Code::ok)
                return static_cast<unsigned>(std::get<protocol::MembersReply>(reply->result).leader);
            std::this_thread::sleep_for(50ms);
        }
        return 0;
    }

private:
    const NetworkNamespaces& network_;
    const unsigned count_;
    std::vector<std::unique_ptr<Process>> processes_;
};

// CHECKs that the history is linearizable, that the observer was told every change once, in order and whole, and that all
// members hold the same.
inline void judge(const Machines& machines, const std::vector<Operation>& history, Observer& observer,
                  size_t operations_min) {
    INFO(history.size() << " operations");
    CHECK(history.size() >= operations_min);
    const auto verdict = check_linearizability(history);
    INFO("key " << verdict.key << ": " << verdict.longest.substr(0, 2000));
    CHECK(verdict.kind == LinearizabilityVerdict::Kind::linearizable);
    const auto last = machines.client(1, 10s)->put("shared/last", "1");
    REQUIRE(last);
    CHECK(observer.wait(last->revision, 30s));
    CHECK(observer.difference(*machines.client(1, 10s), last->revision) == "");
    protocol::DigestRequest request;
    request.filter = {"prefix", "shared/"};
    request.at = last->revision;
    for (unsigned id = 1; id <= machines.count(); ++id) {
        const auto digest = machines.client(id, 10s, true)->digest(request);
        REQUIRE(digest);
        CHECK(digest->digest == observer.digest());
    }
}

}  // namespace belfry::test

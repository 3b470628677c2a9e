// Clients and subscribers that work while a test makes trouble for a cluster, and the judgement afterwards:
//
//     witnesses    what they saw is linearizable
//     writer       one put after the other: how long writes paused
//     observers    every change once, in order, complete, whole, as the log of the members has it
//     members      all hold the same
#pragma once

#include <catch2/catch_test_macros.hpp>

#include "tests/support/cluster_processes.hpp"
#include "tests/support/observer.hpp"
#include "tests/support/witness.hpp"

namespace belfry::test {

class Load {
public:
    // As many witnesses as members, each beginning at another one; an observer at the first and at the last member. Waits
    // until all of them work.
    explicit Load(ClusterProcesses& cluster, std::chrono::milliseconds timeout = std::chrono::milliseconds(5000));
    ~Load();

    // Ends the clients; once. What follows holds from then on.
    void finish();
    // CHECKs the four above on those members that run. `operations_min`: fewer prove nothing.
    void judge(const std::vector<uint64_t>& running, size_t operations_min);
    uint64_t longest_pause_ms() const { return longest_pause_ms_; }
    uint64_t writes() const { return writes_; }  // by the writer so far
    // What clients were told in spite of their own repetitions; "" = nothing.
    std::string errors() const;
    // Waits until the writer has been answered `count` times more.
    bool writes_go_on(uint64_t count, std::chrono::milliseconds patience);

private:
    void write();
    ClusterProcesses& cluster_;
    std::vector<std::unique_ptr<Witness>> witnesses_;
    std::vector<std::unique_ptr<Observer>> observers_;
    std::vector<Operation> history_;
    std::shared_ptr<Client> writers_client_;
    std::atomic<bool> stop_{false};
    std::atomic<uint64_t> writes_{0}, longest_pause_ms_{0};
    std::string writers_errors_;
    std::thread writer_;
};

}  // namespace belfry::test

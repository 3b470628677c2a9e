// Three daemons, each in a network namespace: cables are pulled, also in one direction only and again and again, while
// clients work. Skipped with a sentence where the test may not make namespaces.
#include <catch2/catch_test_macros.hpp>
#include <thread>

#include "tests/support/network_machines.hpp"

using namespace belfry;
using namespace belfry::test;

namespace {

constexpr unsigned members = 3;

}  // namespace

TEST_CASE("partition: full, one-way and flapping cuts leave every history linearizable", "[integration][cluster]") {
    NetworkNamespaces network(members);
    if (!network.missing().empty()) SKIP(network.missing());
    const TemporaryDirectory directory;
    const Machines machines(network, directory.path(), members);
    unsigned leader = machines.leader();
    REQUIRE(leader != 0);
    Observer observer(machines.client(leader, 2s), "shared/");
    std::vector<Operation> history;
    {
        std::vector<std::unique_ptr<Witness>> witnesses;
        for (unsigned id = 1; id <= members; ++id) {
            witnesses.push_back(std::make_unique<Witness>(machines.client(id, 1s), id));
        }
        for (int round = 0; round < 6; ++round) {
            std::this_thread::sleep_for(500ms);
            leader = machines.leader();
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
    judge(machines, history, observer, 100);
}

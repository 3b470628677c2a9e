// A network that is slow and loses packets, by tc, while clients work. What the kernel here cannot do is skipped with a
// sentence.
#include <catch2/catch_test_macros.hpp>
#include <thread>

#include "tests/support/network_machines.hpp"

using namespace belfry;
using namespace belfry::test;

namespace {

constexpr unsigned members = 3;

// Each of the disciplines for a while on the cards of all machines, then on the leader's alone.
void work_over(const std::vector<std::string>& disciplines, uint64_t writes_min) {
    NetworkNamespaces network(members);
    if (!network.missing().empty()) SKIP(network.missing());
    for (const auto& discipline : disciplines) {
        if (!network.shape(1, discipline)) SKIP("this kernel's tc knows no " << discipline);
    }
    network.shape(1, "");
    const TemporaryDirectory directory;
    const Machines machines(network, directory.path(), members);
    unsigned leader = machines.leader();
    REQUIRE(leader != 0);
    Observer observer(machines.client(leader % members + 1, 2s), "shared/");
    std::vector<Operation> history;
    std::atomic<bool> stop{false};
    std::atomic<uint64_t> writes{0};
    std::thread writer([&, client = machines.client(leader, 2s)] {  // fills the queues: large values
        for (unsigned i = 0; !stop; ++i) {
            if (client->put("large/" + std::to_string(i % 10), std::string(5'000, 'l'))) ++writes;
        }
    });
    const std::shared_ptr<void> guard(nullptr, [&](void*) {
        stop = true;
        if (writer.joinable()) writer.join();
    });
    {
        std::vector<std::unique_ptr<Witness>> witnesses;
        for (unsigned id = 1; id <= members; ++id) {
            witnesses.push_back(std::make_unique<Witness>(machines.client(id, 2s), id));
        }
        for (const auto& discipline : disciplines) {
            for (const bool all : {true, false}) {
                leader = machines.leader();
                REQUIRE(leader != 0);
                const uint64_t before = writes;
                for (unsigned id = 1; id <= members; ++id)
                    REQUIRE(network.shape(id, all || id == leader ? discipline : ""));
                std::this_thread::sleep_for(1500ms);
                for (int tries = 0; tries < 160 && writes < before + writes_min; ++tries) {
                    std::this_thread::sleep_for(50ms);
                }
                INFO(discipline << (all ? " everywhere" : " at the leader"));
                CHECK(writes >= before + writes_min);
            }
        }
        for (unsigned id = 1; id <= members; ++id) network.shape(id, "");
        history = finish_all(witnesses);
    }
    stop = true;
    judge(machines, history, observer, 50);
}

}  // namespace

TEST_CASE("slow network: packets that are late, lost and doubled leave every history linearizable",
          "[integration][cluster]") {
    work_over({"netem delay 5ms 4ms loss 3%", "netem delay 40ms 30ms loss 1% duplicate 2%"}, 3);
}

TEST_CASE("slow network: narrow cables that drop what does not fit leave every history linearizable",
          "[integration][cluster]") {
    // 8 Mbit/s; what waits longer than 50 ms is lost. Then a quarter of it, and a queue of six packets.
    work_over({"tbf rate 8mbit burst 16kb latency 50ms", "tbf rate 2mbit burst 8kb limit 9kb"}, 1);
}

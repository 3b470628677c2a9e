// belfry_queue_bench [MEMBERS [CONSUMERS [BATCH [ITEMS]]]]: how many items of a queue are handed out and acknowledged in a
// second, and how many pushed. A cluster on this machine (1 or 3 members), ITEMS values of 100 octets, CONSUMERS threads
// that take BATCH items at once and acknowledge them with the transaction that takes the next; then one producer and one
// consumer hand over item by item. docs/benchmarks.md has the figures.
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include "sdk/recipes/queue.hpp"
#include "tests/support/cluster_processes.hpp"

using namespace belfry;
using namespace belfry::test;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

namespace {

constexpr size_t push_batch = 500;
constexpr int hand_overs = 1000;

void must(bool condition, const std::string& what) {
    if (condition) return;
    std::fprintf(stderr, "belfry_queue_bench: %s\n", what.c_str());
    std::exit(1);
}

double seconds(Clock::duration time) { return std::chrono::duration<double>(time).count(); }

std::shared_ptr<const Lease> lease_of(const std::shared_ptr<Client>& client) {
    auto lease = Lease::grant(client, {.ttl = 30s});
    must(lease.ok(), "no lease");
    return std::move(*lease);
}

double push_all(const std::shared_ptr<Client>& client, size_t items) {
    Queue queue(client, "q");
    const std::vector<Bytes> values(push_batch, Bytes(100, 'v'));
    const auto begin = Clock::now();
    for (size_t i = 0; i < items; i += push_batch) {
        const auto pushed = queue.push(values);
        must(pushed.ok(), "a push failed: " + (pushed.ok() ? "" : to_string(pushed.error())));
    }
    return static_cast<double>(items) / seconds(Clock::now() - begin);
}

double take_all(const ClusterProcesses& cluster, uint64_t leader, size_t consumers, size_t batch, size_t items) {
    std::atomic<size_t> done{0};
    std::vector<std::jthread> threads;
    const auto begin = Clock::now();
    for (size_t i = 0; i < consumers; ++i) {
        threads.emplace_back([&, client = cluster.client(30s, leader)] {
            Consumer consumer(client, lease_of(client), "q",
                              {.attempts_max = 0, .cancelled = [&] { return done == items; }});
            auto held = consumer.take(batch, 10s);
            while (held) {
                const size_t count = held->size();
                if (done + count >= items || count < batch) {
                    must(consumer.acknowledge(*held).ok(), "an acknowledgement failed");
                    done += count;
                    if (done == items) return;
                    held = consumer.take(batch, 10s);
                    continue;
                }
                done += count;  // before it waits for more than there are
                held = consumer.acknowledge_and_take(*held, batch, 10s);
            }
            must(done == items, "taking failed: " + to_string(held.error()));
        });
    }
    threads.clear();
    return static_cast<double>(items) / seconds(Clock::now() - begin);
}

// From a push until the consumer, which waits, has the item.
void hand_over(const ClusterProcesses& cluster, uint64_t leader) {
    const auto client = cluster.client(30s, leader), other = cluster.client(30s, leader);
    std::atomic<int> taken{0};
    std::jthread waiter([&] {
        Consumer consumer(other, lease_of(other), "one");
        for (int i = 0; i < hand_overs; ++i) {
            const auto items = consumer.take(1, 10s);
            must(items.ok(), "a hand-over failed");
            ++taken;
            must(consumer.acknowledge(*items).ok(), "an acknowledgement failed");
        }
    });
    Queue queue(client, "one");
    std::vector<double> times;
    for (int i = 0; i < hand_overs; ++i) {
        std::this_thread::sleep_for(5ms);  // it waits again
        const auto begin = Clock::now();
        must(queue.push("v").ok(), "a push failed");
        while (taken <= i) std::this_thread::sleep_for(20us);
        times.push_back(seconds(Clock::now() - begin) * 1e3);
    }
    std::sort(times.begin(), times.end());
    std::printf("| from push to the waiting consumer | p50 %.2f ms, p99 %.2f ms |\n", times[times.size() / 2],
                times[times.size() * 99 / 100]);
}

}  // namespace

int main(int count, char** arguments) {
    const auto number = [&](int at, uint64_t otherwise) {
        return count > at ? std::strtoull(arguments[at], nullptr, 10) : otherwise;
    };
    const uint64_t members = number(1, 3), consumers = number(2, 8), batch = number(3, 100);
    const uint64_t items = number(4, 100'000) / push_batch * push_batch;
    must(members >= 1 && members <= 5 && consumers >= 1 && batch >= 1 && items > 0, "see the file's head");
    const TemporaryDirectory directory;
    ClusterProcesses cluster(directory.path(), members);
    must(cluster.start(), "the cluster does not start: " + cluster.logs());
    const uint64_t leader = cluster.leader();
    const auto client = cluster.client(30s, leader);
    std::printf("%llu members; %llu items of 100 octets, %llu consumers that take %llu at once\n\n",
                static_cast<unsigned long long>(members), static_cast<unsigned long long>(items),
                static_cast<unsigned long long>(consumers), static_cast<unsigned long long>(batch));
    std::printf("| pushed, %zu at once by one producer | %.0f items/s |\n", push_batch, push_all(client, items));
    std::printf("| claimed and acknowledged | %.0f items/s |\n", take_all(cluster, leader, consumers, batch, items));
    hand_over(cluster, leader);
    return 0;
}

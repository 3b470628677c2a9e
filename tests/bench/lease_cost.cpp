// belfry_lease_bench [MEMBERS [LEASES [PER_REQUEST]]]: what many leases cost. A cluster on this machine (1 or 3 members),
// LEASES leases of 10 s with a key each, kept alive every 3.3 s by PER_REQUEST in one request. Prints the leader's CPU for
// that, the rate of durable puts with and without it, and how long it takes when half of the leases end at once: until the
// last key is gone, and the longest that a put waited meanwhile. docs/benchmarks.md has the figures.
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include "tests/support/cluster_processes.hpp"

using namespace belfry;
using namespace belfry::test;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

namespace {

constexpr uint64_t ttl_s = 10;
constexpr auto period = 3300ms;
// Of puts, and of keep-alives: whoever keeps 100,000 leases alive does not wait for one answer before asking about others.
constexpr size_t in_flight_max = 256, keep_alives_in_flight_max = 1500;
constexpr auto measured = 8s;

void must(bool condition, const std::string& what) {
    if (condition) return;
    std::fprintf(stderr, "belfry_lease_bench: %s\n", what.c_str());
    std::exit(1);
}

double seconds(Clock::duration time) { return std::chrono::duration<double>(time).count(); }

Bytes key_of(uint64_t lease) { return "lease/" + std::to_string(lease); }

// Many requests at once, so many at most.
class Pipe {
public:
    explicit Pipe(std::shared_ptr<Client> client, size_t most = in_flight_max) : client_(std::move(client)), most_(most) {}
    ~Pipe() { drain(); }
    void send(protocol::RequestOp op) {
        while (in_flight_ >= most_) std::this_thread::sleep_for(50us);
        ++in_flight_;
        const Status sent = client_->send(std::move(op), [this](Result<protocol::Reply> reply) {
            if (!reply || reply->error.code != Code::ok) ++failed_;
            if (reply) note(reply->result);
            ++done_;
            --in_flight_;
        });
        must(sent.ok(), "a request is refused: " + (sent ? "" : sent.error().detail));
    }
    void drain() {
        while (in_flight_ > 0) std::this_thread::sleep_for(50us);
    }
    uint64_t done() const { return done_; }
    uint64_t failed() const { return failed_; }

private:
    void note(const protocol::ReplyResult& result) {
        const auto* kept = std::get_if<protocol::LeaseKeepAliveReply>(&result);
        for (const uint64_t ttl : kept == nullptr ? std::vector<uint64_t>() : kept->ttl_s) failed_ += ttl == 0 ? 1 : 0;
    }
    std::shared_ptr<Client> client_;
    const size_t most_;
    std::atomic<uint64_t> in_flight_{0}, done_{0}, failed_{0};
};

// Keeps leases first .. last alive, each once in a period, evenly, until it is stopped.
void keep_alive(std::shared_ptr<Client> client, uint64_t first, uint64_t last, uint64_t per_request,
                const std::atomic<bool>& stop, std::atomic<uint64_t>& lost) {
    Pipe pipe(std::move(client), keep_alives_in_flight_max);
    while (!stop) {
        const auto begin = Clock::now();
        for (uint64_t id = first; id <= last && !stop; id += per_request) {
            protocol::LeaseKeepAliveRequest request;
            for (uint64_t i = id; i <= last && i < id + per_request; ++i) request.leases.push_back({i});
            pipe.send(std::move(request));
            const double share = static_cast<double>(id - first + 1) / static_cast<double>(last - first + 1);
            const auto due = begin + std::chrono::duration_cast<Clock::duration>(period * share);
            if (due > Clock::now() + 1ms) std::this_thread::sleep_until(due);
        }
        std::this_thread::sleep_until(std::min(begin + period, Clock::now() + 100ms));
    }
    pipe.drain();
    lost += pipe.failed();
}

void grant(const std::shared_ptr<Client>& client, uint64_t first, uint64_t last) {
    Pipe pipe(client);
    for (uint64_t id = first; id <= last; ++id) {
        pipe.send(protocol::LeaseGrantRequest{{id}, ttl_s});
        pipe.send(protocol::PutRequest{key_of(id), "v", {id}, false});
    }
    pipe.drain();
    must(pipe.failed() == 0, "a grant, or a put with a lease, failed");
}

double puts_per_second(const std::shared_ptr<Client>& client) {
    Pipe pipe(client);
    const auto begin = Clock::now();
    for (uint64_t i = 0; Clock::now() < begin + measured; ++i) {
        pipe.send(protocol::PutRequest{"put/" + std::to_string(i % 1000), Bytes(256, 'v'), {}, false});
    }
    pipe.drain();
    must(pipe.failed() == 0, "a put failed");
    return static_cast<double>(pipe.done()) / seconds(Clock::now() - begin);
}

uint64_t keys_left(Client& client) {
    protocol::RangeRequest request;
    request.range = KeyRange::prefix("lease/");
    request.count_only = true;
    const auto reply = client.range(request);
    must(reply.ok(), "no count of keys");
    return reply->count;
}

// Half of the leases end together: they are kept alive together, for one request after the other would wait for a round
// of the hub's each, and so would the ends.
void end_many(const std::shared_ptr<Client>& client, uint64_t count, uint64_t stay) {
    Pipe pipe(client);
    for (uint64_t id = 1; id <= count; id += 1000) {
        protocol::LeaseKeepAliveRequest request;
        for (uint64_t i = id; i <= count && i < id + 1000; ++i) request.leases.push_back({i});
        pipe.send(std::move(request));
    }
    pipe.drain();
    must(pipe.failed() == 0, "leases are not kept alive");
    const auto over = Clock::now() + std::chrono::seconds(ttl_s);
    double longest = 0;
    Clock::time_point begin{}, end{};
    for (uint64_t i = 0; end == Clock::time_point{}; ++i) {
        const auto sent = Clock::now();
        must(client->put("probe", std::to_string(i)).ok(), "a probe failed");
        if (Clock::now() > over - 500ms) longest = std::max(longest, seconds(Clock::now() - sent));
        if (i % 20 != 0) continue;
        const uint64_t left = keys_left(*client);
        if (begin == Clock::time_point{} && left < stay + count) begin = sent;
        if (left <= stay) end = Clock::now();
        must(Clock::now() < over + 60s, "leases do not end");
    }
    std::printf("| %llu leases end at once | %.2f s | longest put %.1f ms |\n", static_cast<unsigned long long>(count),
                seconds(end - begin), longest * 1e3);
}

}  // namespace

int main(int count, char** arguments) {
    const uint64_t members = count > 1 ? std::strtoull(arguments[1], nullptr, 10) : 3;
    const uint64_t leases = count > 2 ? std::strtoull(arguments[2], nullptr, 10) : 100'000;
    const uint64_t per_request = count > 3 ? std::strtoull(arguments[3], nullptr, 10) : 1;
    must(members >= 1 && members <= 5 && leases >= 100 && per_request >= 1 && per_request <= 1000, "see the file's head");
    const TemporaryDirectory directory;
    ClusterProcesses cluster(directory.path(), members);
    must(cluster.start(), "the cluster does not start: " + cluster.logs());
    const uint64_t leader = cluster.leader();
    const int process = cluster.at(leader).process().pid();
    const auto client = cluster.client(30s, leader), keeper = cluster.client(30s, leader);
    puts_per_second(client);
    const double before = puts_per_second(client);

    std::atomic<bool> stop_first{false}, stop_second{false};
    std::atomic<uint64_t> lost{0};
    const auto granting = Clock::now();
    grant(client, 1, leases / 2);
    std::jthread first([&] { keep_alive(keeper, 1, leases / 2, per_request, stop_first, lost); });
    grant(client, leases / 2 + 1, leases);
    std::jthread second([&] { keep_alive(keeper, leases / 2 + 1, leases, per_request, stop_second, lost); });
    std::printf(
        "%llu members; %llu leases of %llu s granted with a key each in %.1f s; kept alive every %.1f s, %llu per "
        "request\n\n",
        static_cast<unsigned long long>(members), static_cast<unsigned long long>(leases),
        static_cast<unsigned long long>(ttl_s), seconds(Clock::now() - granting), seconds(period),
        static_cast<unsigned long long>(per_request));
    std::this_thread::sleep_for(period);
    const double cpu = cpu_seconds(process);
    const auto begin = Clock::now();
    std::this_thread::sleep_for(measured);
    const double share = (cpu_seconds(process) - cpu) / seconds(Clock::now() - begin);
    std::printf("| leader's CPU, keep-alives alone | %.1f %% of a core | |\n", 100 * share);
    const double with = puts_per_second(client);
    std::printf("| puts/s without, with | %.0f, %.0f | %.0f %% |\n", before, with, 100 * with / before);
    stop_first = true;
    first.join();
    end_many(client, leases / 2, leases - leases / 2);
    stop_second = true;
    second.join();
    must(lost == 0, "leases were lost that were kept alive: " + std::to_string(lost));
    return 0;
}

// The hub through its own SDK.
#include <stdexcept>

#include "sdk/recipes/election.hpp"
#include "sdk/recipes/lock.hpp"
#include "tests/bench/waiters.hpp"
#include "tests/support/cluster_processes.hpp"

namespace belfry::bench {

namespace {

using namespace std::chrono_literals;

constexpr auto patience = 60s;

void must(const Status& done, const char* what) {
    if (!done) throw std::runtime_error(std::string(what) + ": " + to_string(done.error()));
}

std::shared_ptr<const Lease> lease_of(const std::shared_ptr<Client>& client) {
    auto lease = Lease::grant(client, {.ttl = patience});
    if (!lease) throw std::runtime_error("no lease: " + to_string(lease.error()));
    return std::move(*lease);
}

class LockWaiter : public Waiter {
public:
    LockWaiter(const std::shared_ptr<Client>& client, const std::string& name) : lock_(client, lease_of(client), name) {}
    void acquire() override { must(lock_.lock(patience), "lock"); }
    void release() override { must(lock_.unlock(), "unlock"); }

private:
    Lock lock_;
};

class Candidate : public Waiter {
public:
    Candidate(const std::shared_ptr<Client>& client, const std::string& name) : election_(client, lease_of(client), name) {}
    void acquire() override { must(election_.campaign("me", patience), "campaign"); }
    void release() override { must(election_.resign(), "resign"); }

private:
    Election election_;
};

class Belfry : public Peer {
public:
    explicit Belfry(const std::string& directory) : cluster_(directory, members_count) {
        if (!cluster_.start()) throw std::runtime_error("the hubs do not start: " + cluster_.logs());
        const uint64_t leader = cluster_.leader();
        for (size_t i = 0; i < connections_count; ++i) clients_.push_back(cluster_.client(10s, leader));
    }
    std::unique_ptr<Waiter> waiter(Kind kind, const std::string& name) override {
        const auto& client = clients_[next_++ % clients_.size()];
        if (kind == Kind::lock) return std::make_unique<LockWaiter>(client, name);
        return std::make_unique<Candidate>(client, name);
    }
    size_t in_line(const std::string& name) override {
        protocol::RangeRequest request;
        request.range = KeyRange::prefix(name + "/");
        request.count_only = true;
        const auto reply = clients_[0]->range(request);
        if (!reply) throw std::runtime_error("no count: " + to_string(reply.error()));
        return reply->count;
    }

private:
    test::ClusterProcesses cluster_;
    std::vector<std::shared_ptr<Client>> clients_;
    size_t next_ = 0;
};

}  // namespace

std::unique_ptr<Peer> belfry_peer(const std::string& directory) { return std::make_unique<Belfry>(directory); }

}  // namespace belfry::bench

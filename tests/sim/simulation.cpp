#include "tests/sim/simulation.hpp"

#include "sdk/base/hash.hpp"
#include "tests/sim/filters.hpp"

namespace belfry::sim {

namespace {

constexpr uint64_t trouble_ms = 20'000;
constexpr uint64_t heal_ms = trouble_ms + 3'000;  // every trouble is over
constexpr uint64_t settle_ms = heal_ms + 12'000;  // longest back-off, two connection time-outs
constexpr uint64_t final_put_ms = heal_ms + 8'000;
constexpr uint64_t end_ms = settle_ms + 1'000;

class Simulation {
public:
    Simulation(uint64_t seed, const Plants& plants, size_t trace_lines)
        : world_(seed), filters_(make_filters()), hub_(world_, publisher_, truth_, filters_), net_(world_, hub_) {
        SimStore::set_full(false);
        world_.tracing = trace_lines > 0;
        world_.trace_lines_max = trace_lines;
        hub_.plants = plants.hub;
        for (const auto& filter : subscribed_filters()) add_subscriber(filter, plants.subscriber);
        const uint64_t clients = world_.random.between(1, 4);
        for (uint64_t i = 0; i < clients; ++i) {
            const Bytes name = "c" + std::to_string(i);
            clients_.push_back(std::make_unique<Client>(world_, truth_, ledger_, net_.connect(name), name));
        }
    }

    Outcome run() {
        hub_.start();
        for (auto& client : clients_) client->start(world_.random.between(10, 200));
        for (auto& subscriber : subscribers_) {
            world_.after(world_.random.below(4000), [&subscriber] { subscriber->start(); });
        }
        const uint64_t calm = world_.random.between(100, 1500);  // how often something goes wrong in this run
        for (uint64_t at = 500; at < trouble_ms; at += world_.random.between(10, calm))
            world_.at(at, [this] { trouble(); });
        world_.at(heal_ms, [this] { heal(); });
        world_.at(final_put_ms, [this] { final_writes(); });
        world_.at(settle_ms, [this] { ask_digests(); });
        world_.run_until(end_ms);
        if (world_.failure().empty()) check_end();
        return outcome();
    }

private:
    void add_subscriber(const protocol::FilterSpec& filter, const SubscriberPlants& plants) {
        const std::string name = "s" + std::to_string(subscribers_.size()) + ":" + filter.kind + ":" + filter.spec;
        subscribers_.push_back(std::make_unique<Subscriber>(world_, publisher_, truth_.histories(), net_.connect(name),
                                                            Subscriber::Setup{name, filter}));
        subscribers_.back()->plants = plants;
        subscribers_.back()->link().troubles = {10, world_.random.between(3, 300), world_.random.between(0, 50)};
    }

    void trouble() {
        Subscriber& victim = *subscribers_[world_.random.below(subscribers_.size())];
        switch (world_.random.below(12)) {
            case 0: return crash(Hub::Crash::process);
            case 1: return crash(Hub::Crash::machine);
            case 2: return victim.link().cut();
            case 3:
            case 4: return victim.link().lose_until(world_.now() + world_.random.below(4000));
            case 5:
            case 6:
                victim.pause(true);
                return world_.after(world_.random.between(10, 6000), [&victim] { victim.pause(false); });
            case 7: return victim.restart(world_.random.chance(70));
            case 8:
                hub_.set_sync_ms_max(world_.random.between(50, 400));
                return world_.after(world_.random.below(3000), [this] { hub_.set_sync_ms_max(8); });
            case 9:
                hub_.set_log_full(true);
                return world_.after(world_.random.below(4000), [this] { hub_.set_log_full(false); });
            case 10:
                SimStore::set_full(true);
                return world_.after(world_.random.below(4000), [] { SimStore::set_full(false); });
            default: return burst();
        }
    }

    void crash(Hub::Crash how) {
        if (!hub_.alive()) return;
        ++crashes_;
        hub_.stop(how);
        world_.after(world_.random.between(5, 4000), [this] {
            if (hub_.alive()) return;
            hub_.start();
            ledger_.check(world_, truth_);
        });
    }

    void burst() {
        Client& client = *clients_[world_.random.below(clients_.size())];
        for (uint64_t i = world_.random.between(10, 200); i > 0; --i) {
            client.put("b/" + std::to_string(world_.random.below(6)), "burst " + std::to_string(i));
        }
    }

    void heal() {
        world_.trace([] { return std::string("troubles end"); });
        net_.loss_percent = 0;
        SimStore::set_full(false);
        hub_.set_log_full(false);
        hub_.set_sync_ms_max(8);
        if (!hub_.alive()) hub_.start();
        for (auto& client : clients_) client->stop();
        for (auto& subscriber : subscribers_) {
            subscriber->pause(false);
            subscriber->link().lose_until(0);
            subscriber->link().troubles.join_loss_percent = 0;
        }
    }

    // The last word before the silence, and none of it may be lost in it.
    void final_writes() {
        acknowledged_before_ = clients_[0]->acknowledged();
        for (int i = 0; i < 6; ++i) clients_[0]->put("a/" + std::to_string(i), "final");
        for (int i = 0; i < 6; ++i) clients_[0]->put("d/" + std::to_string(i), "final");
    }

    void ask_digests() {
        asker_ = net_.connect("checker");
        for (auto& subscriber : subscribers_) {
            asker_(protocol::DigestRequest{subscriber->filter(), {}}, [this, &subscriber](auto reply) {
                const auto* digest = reply ? std::get_if<protocol::DigestReply>(&reply->result) : nullptr;
                if (digest == nullptr) return world_.fail("no digest for " + subscriber->name());
                StateDigest mine;
                for (const auto& [key, kv] : subscriber->state()) mine.add(kv);
                if (mine.value() != digest->digest || mine.count() != digest->count) {
                    world_.fail(subscriber->name() + ": its digest is not the hub's");
                }
                ++digests_;
            });
        }
    }

    void check_end() {
        ledger_.check(world_, truth_);
        if (clients_[0]->acknowledged() < acknowledged_before_ + 12) world_.fail("the hub does not take writes any more");
        for (auto& subscriber : subscribers_) {
            if (subscriber->known() != truth_.revision()) {
                world_.fail(subscriber->name() + ": knows " + std::to_string(subscriber->known().value) + " of " +
                            std::to_string(truth_.revision().value));
            }
            if (!subscriber->proved_since(end_ms - 2500))
                world_.fail(subscriber->name() + ": cannot prove that it is current");
        }
        if (digests_ < subscribers_.size()) world_.fail("digests are missing");
    }

    Outcome outcome() {
        Outcome outcome;
        outcome.failure = world_.failure();
        for (auto& client : clients_) outcome.acknowledged += client->acknowledged();
        for (auto& subscriber : subscribers_) {
            outcome.deliveries += subscriber->deliveries();
            outcome.gaps_by_chain += subscriber->figures().gaps_by_chain;
            outcome.gaps_by_mark += subscriber->figures().gaps_by_mark;
            outcome.deltas += subscriber->figures().deltas;
            outcome.snapshot_catch_ups += subscriber->figures().snapshots;
        }
        outcome.reads = ledger_.reads;
        outcome.crashes = crashes_;
        outcome.snapshots = hub_.snapshots();
        outcome.trace.assign(world_.trace_lines().begin(), world_.trace_lines().end());
        return outcome;
    }

    World world_;
    hub::plugin::Filters filters_;
    Publisher publisher_;
    Truth truth_;
    Hub hub_;
    RequestNet net_;
    Ledger ledger_;
    std::vector<std::unique_ptr<Client>> clients_;
    std::vector<std::unique_ptr<Subscriber>> subscribers_;
    Send asker_;
    uint64_t acknowledged_before_ = 0, digests_ = 0, crashes_ = 0;
};

}  // namespace

const std::vector<std::string>& Plants::names() {
    static const std::vector<std::string> names = {"no_mark", "ack_before_durable", "skip_fetch", "apply_twice"};
    return names;
}

bool Plants::set(const std::string& name) {
    if (name == "no_mark") return hub.no_mark = true;
    if (name == "ack_before_durable") return hub.ack_before_durable = true;
    if (name == "skip_fetch") return subscriber.skip_fetch = true;
    if (name == "apply_twice") return subscriber.apply_twice = true;
    return false;
}

Outcome simulate(uint64_t seed, const Plants& plants, size_t trace_lines) {
    return Simulation(seed, plants, trace_lines).run();
}

}  // namespace belfry::sim

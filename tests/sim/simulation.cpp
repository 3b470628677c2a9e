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
        : world_(seed), filters_(make_filters()), member_net_(world_) {
        SimStore::set_full(false);
        world_.tracing = trace_lines > 0;
        world_.trace_lines_max = trace_lines;
        make_hubs(plants.hub);
        for (const auto& filter : subscribed_filters()) add_subscriber(filter, plants.subscriber);
        const uint64_t clients = world_.random.between(1, 4);
        for (uint64_t i = 0; i < clients; ++i) {
            const Bytes name = "c" + std::to_string(i);
            clients_.push_back(std::make_unique<Client>(world_, truth_, ledger_, net_->connect_anywhere(name), name));
        }
    }

    Outcome run() {
        for (auto& hub : hubs_) hub->start();
        watch_leaders();
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
    void make_hubs(const HubPlants& plants) {
        const uint64_t dice = world_.random.below(10);
        const uint64_t count = dice < 3 ? 1 : dice < 9 ? 3 : 5;
        Hub::Members members;
        for (uint64_t id = 1; id <= count; ++id) members.emplace_back(id, "m" + std::to_string(id));
        std::vector<Hub*> hubs;
        for (uint64_t id = 1; id <= count; ++id) {
            publishers_.push_back(std::make_unique<Publisher>());
            hubs_.push_back(std::make_unique<Hub>(world_, *publishers_.back(), truth_, filters_, id, members));
            hubs_.back()->plants = plants;
            member_net_.connect(*hubs_.back());
            hubs.push_back(hubs_.back().get());
        }
        net_.emplace(world_, std::move(hubs));
    }

    // Two leaders of one term would be the end of everything.
    void watch_leaders() {
        for (auto& hub : hubs_) {
            if (!hub->leads()) continue;
            const auto [known, fresh] = leaders_.emplace(hub->term().value, hub->id());
            if (known->second != hub->id()) world_.fail("two leaders in term " + std::to_string(known->first));
        }
        world_.after(5, [this] { watch_leaders(); });
    }

    void add_subscriber(const protocol::FilterSpec& filter, const SubscriberPlants& plants) {
        const std::string name = "s" + std::to_string(subscribers_.size()) + ":" + filter.kind + ":" + filter.spec;
        auto place = std::make_shared<size_t>(world_.random.below(hubs_.size()));
        subscribers_.push_back(std::make_unique<Subscriber>(world_, *publishers_[*place], truth_.histories(),
                                                            net_->connect(name, place), Subscriber::Setup{name, filter}));
        subscribers_.back()->plants = plants;
        subscribers_.back()->link().choose = [this, place]() -> Publisher& {
            *place = (*place + 1) % publishers_.size();
            return *publishers_[*place];
        };
        subscribers_.back()->link().troubles = {10, world_.random.between(3, 300), world_.random.between(0, 50)};
    }

    void trouble() {
        Subscriber& victim = *subscribers_[world_.random.below(subscribers_.size())];
        Hub& hub = *hubs_[world_.random.below(hubs_.size())];
        switch (world_.random.below(16)) {
            case 0: return crash(hub, Hub::Crash::process);
            case 1: return crash(hub, Hub::Crash::machine);
            case 2: return victim.link().cut();
            case 3:
            case 4: return victim.link().lose_until(world_.now() + world_.random.below(4000));
            case 5:
            case 6:
                victim.pause(true);
                return world_.after(world_.random.between(10, 6000), [&victim] { victim.pause(false); });
            case 7: return victim.restart(world_.random.chance(70));
            case 8:
                hub.set_sync_ms_max(world_.random.between(50, 400));
                return world_.after(world_.random.below(3000), [&hub] { hub.set_sync_ms_max(8); });
            case 9:
                hub.set_log_full(true);
                return world_.after(world_.random.below(4000), [&hub] { hub.set_log_full(false); });
            case 10:
                SimStore::set_full(true);
                return world_.after(world_.random.below(4000), [] { SimStore::set_full(false); });
            case 11: return hub.stall_until(world_.now() + world_.random.below(3000));
            case 12: return hub.move_clock(static_cast<int64_t>(world_.random.below(20'000)) - 10'000);
            case 13: return partition();
            case 14:
                for (auto& one : hubs_) crash(*one, world_.random.chance(50) ? Hub::Crash::process : Hub::Crash::machine);
                return;
            default: return burst();
        }
    }

    // One member is cut off, or some links in one direction.
    void partition() {
        const uint64_t alone = hubs_[world_.random.below(hubs_.size())]->id();
        const bool whole = world_.random.chance(50);
        for (auto& one : hubs_) {
            for (auto& other : hubs_) {
                const bool at_the_border = one->id() == alone || other->id() == alone;
                if (whole ? at_the_border : world_.random.chance(25)) member_net_.cut(one->id(), other->id());
            }
        }
        world_.after(world_.random.below(4000), [this] { member_net_.heal(); });
    }

    void crash(Hub& hub, Hub::Crash how) {
        if (!hub.alive()) return;
        ++crashes_;
        hub.stop(how);
        world_.after(world_.random.between(5, 4000), [this, &hub] {
            if (hub.alive()) return;
            hub.start();
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
        net_->loss_percent = 0;
        member_net_.heal();
        member_net_.loss_percent = member_net_.late_percent = 0;
        SimStore::set_full(false);
        for (auto& hub : hubs_) {
            hub->set_log_full(false);
            hub->set_sync_ms_max(8);
            hub->stall_until(0);
            if (!hub->alive()) hub->start();
        }
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
        asker_ = net_->connect_anywhere("checker");
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
        const Index applied = hubs_[0]->applied();
        const Bytes image = hubs_[0]->image();
        for (auto& hub : hubs_) {
            const std::string who = "hub " + std::to_string(hub->id());
            if (hub->applied() != applied)
                world_.fail(who + " has applied " + std::to_string(hub->applied().value) + ", hub 1 " +
                            std::to_string(applied.value));
            if (hub->image() != image) world_.fail(who + " holds another state than hub 1");
        }
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
        outcome.members = hubs_.size();
        outcome.leaders = leaders_.size();
        for (auto& hub : hubs_) {
            outcome.snapshots += hub->snapshots();
            outcome.installs += hub->installs();
        }
        outcome.trace.assign(world_.trace_lines().begin(), world_.trace_lines().end());
        return outcome;
    }

    World world_;
    hub::plugin::Filters filters_;
    std::vector<std::unique_ptr<Publisher>> publishers_;  // one per hub
    Truth truth_;
    std::vector<std::unique_ptr<Hub>> hubs_;
    MemberNet member_net_;
    std::optional<RequestNet> net_;
    std::map<uint64_t, uint64_t> leaders_;  // term -> member
    Ledger ledger_;
    std::vector<std::unique_ptr<Client>> clients_;
    std::vector<std::unique_ptr<Subscriber>> subscribers_;
    Send asker_;
    uint64_t acknowledged_before_ = 0, digests_ = 0, crashes_ = 0;
};

}  // namespace

namespace {

using Row = std::pair<std::string, bool& (*)(Plants&)>;

const std::vector<Row>& table() {
    static const std::vector<Row> rows = {
        {"no_mark", [](Plants& p) -> bool& { return p.hub.no_mark; }},
        {"ack_before_durable", [](Plants& p) -> bool& { return p.hub.ack_before_durable; }},
        {"skip_sync", [](Plants& p) -> bool& { return p.hub.skip_sync; }},
        {"forget_vote", [](Plants& p) -> bool& { return p.hub.forget_vote; }},
        {"messages_before_vote", [](Plants& p) -> bool& { return p.hub.messages_before_vote; }},
        {"forget_truncation", [](Plants& p) -> bool& { return p.hub.forget_truncation; }},
        {"install_keeps_state", [](Plants& p) -> bool& { return p.hub.install_keeps_state; }},
        {"old_snapshot", [](Plants& p) -> bool& { return p.hub.old_snapshot; }},
        {"stale_read", [](Plants& p) -> bool& { return p.hub.core.stale_read; }},
        {"reply_before_quorum", [](Plants& p) -> bool& { return p.hub.core.reply_before_quorum; }},
        {"skip_fetch", [](Plants& p) -> bool& { return p.subscriber.skip_fetch; }},
        {"apply_twice", [](Plants& p) -> bool& { return p.subscriber.apply_twice; }},
    };
    return rows;
}

}  // namespace

const std::vector<std::string>& Plants::names() {
    static const std::vector<std::string> names = [] {
        std::vector<std::string> all;
        for (const auto& [name, flag] : table()) all.push_back(name);
        return all;
    }();
    return names;
}

bool Plants::set(const std::string& name) {
    for (const auto& [known, flag] : table()) {
        if (known == name) return flag(*this) = true;
    }
    return false;
}

Outcome simulate(uint64_t seed, const Plants& plants, size_t trace_lines) {
    return Simulation(seed, plants, trace_lines).run();
}

}  // namespace belfry::sim

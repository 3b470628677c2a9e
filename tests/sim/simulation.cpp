#include "tests/sim/simulation.hpp"

#include <memory>
#include <optional>

#include "sdk/base/hash.hpp"
#include "tests/sim/administrator.hpp"
#include "tests/sim/clients.hpp"
#include "tests/sim/filters.hpp"
#include "tests/sim/lease_holders.hpp"
#include "tests/sim/members.hpp"
#include "tests/sim/registers.hpp"
#include "tests/sim/request_net.hpp"
#include "tests/sim/session_link.hpp"

namespace belfry::sim {

namespace {

constexpr uint64_t trouble_ms = 20'000;
constexpr uint64_t heal_ms = trouble_ms + 3'000;  // every trouble is over
constexpr uint64_t final_put_ms = heal_ms + 8'000;
constexpr uint64_t calm_ms = 12'000;  // longest back-off, two connection time-outs
constexpr uint64_t calm_after_removals_ms =
    30'000;  // a member may be gone for good by then: its subscribers' joins time out
// Since when one member leads: some time after the troubles, or after the last change of the members.
constexpr uint64_t one_leads_ms = heal_ms + 3'000;
constexpr uint64_t one_leads_after_removals_ms = heal_ms + 15'000;
constexpr uint64_t answer_ms = 1'000;  // until the digests are there
constexpr uint64_t final_writes = 12;
constexpr uint64_t last_uses_ms = 6'000;          // of recipes, before the end
constexpr uint64_t holders_max = 10;              // of leases, where a planted bug is about them
constexpr unsigned private_streams_percent = 35;  // of the subscribers

struct Shape {
    uint64_t founders, joiners;
};

Shape some_shape(Random& random) {
    const uint64_t dice = random.below(20);
    if (dice < 4) return {1, 0};
    if (dice < 12) return {3, 0};
    if (dice < 14) return {5, 0};
    if (dice < 17) return {1, random.between(2, 4)};
    return {3, random.between(1, 2)};
}

class Simulation {
public:
    Simulation(uint64_t seed, const Plants& plants, size_t trace_lines)
        : world_(seed),
          filters_(make_filters()),
          shape_(some_shape(world_.random)),
          members_(world_, truth_, filters_, shape_.founders, shape_.joiners, plants.hub),
          net_(world_, members_.hubs(), [this] { return members_.some_place(); }),
          administrator_(world_, truth_, members_, net_.connect("admin")) {
        world_.tracing = trace_lines > 0;
        world_.trace_lines_max = trace_lines;
        members_.net().requests_twice = plants.requests_twice;
        for (const auto& filter : subscribed_filters()) add_subscriber(filter, plants.subscriber);
        const uint64_t clients = world_.random.between(1, 4);
        for (uint64_t i = 0; i < clients; ++i) {
            const Bytes name = "c" + std::to_string(i);
            clients_.push_back(std::make_unique<Client>(world_, truth_, ledger_, connect(name), name));
        }
        const uint64_t holders = plants.use == Use::leases ? holders_max : world_.random.between(1, 3);
        for (uint64_t i = 0; i < holders; ++i) add_holder("h" + std::to_string(i), i);
        truth_.on_change = [this](const ChangeSet& change) { return recipes_.on_change(change); };
        recipes_.add_one(plants);
    }

    Outcome run() {
        members_.start();
        for (auto& client : clients_) client->start(world_.random.between(10, 200));
        for (const char* const name : {"r0", "r1", "r2"}) registers_.start(connect(name), name);
        promises_.watch();
        for (auto& holder : holders_) holder->start();
        recipes_.start();
        for (auto& subscriber : subscribers_) {
            world_.after(world_.random.below(4000), [&subscriber] { subscriber->start(); });
        }
        administered_ = shape_.joiners > 0 || world_.random.chance(30);
        if (administered_) administrator_.start();
        const uint64_t settle_ms = heal_ms + (administered_ ? calm_after_removals_ms : calm_ms);
        const uint64_t calm = world_.random.between(100, 1500);  // how often something goes wrong in this run
        for (uint64_t at = 500; at < trouble_ms; at += world_.random.between(10, calm))
            world_.at(at, [this] { trouble(); });
        world_.at(heal_ms, [this] { heal(); });
        world_.at(final_put_ms, [this] { write_finally(); });
        world_.at(settle_ms - last_uses_ms, [this] { recipes_.end(); });
        world_.at(settle_ms, [this] {
            ask_digests();
            ask_leases();
        });
        world_.run_until(settle_ms + answer_ms);
        if (world_.failure().empty()) check_end();
        return outcome();
    }

private:
    Send connect(const Bytes& name) {
        return SessionLink::perhaps_over(world_, [&] { return net_.connect(name); });
    }

    // Who has a session does not choose the number: `conflict` says something else to it. Often they ask the leader itself:
    // when it is cut off from the others, they are the ones who may be told too much.
    void add_holder(const Bytes& name, uint64_t number) {
        const LeaseId own_number{world_.random.chance(50) ? 10'000 + number : 0};
        auto place = std::make_shared<size_t>(members_.some_place());
        Send send = [this, place, plain = net_.connect(name, place)](Call call, Answer answer) {
            if (world_.random.chance(30)) *place = members_.leaders_place();
            plain(std::move(call), std::move(answer));
        };
        const bool has_session = own_number == LeaseId{} && world_.random.chance(50);
        if (has_session) send = SessionLink::over(world_, std::move(send), net_.connect(name));
        holders_.push_back(std::make_unique<LeaseHolder>(world_, ledger_, promises_, std::move(send), name, own_number));
    }

    Subscriber& add_subscriber(const protocol::FilterSpec& filter, const SubscriberPlants& plants) {
        const bool stream = world_.random.chance(private_streams_percent);
        const std::string name =
            "s" + std::to_string(subscribers_.size()) + ":" + filter.kind + ":" + filter.spec + (stream ? " stream" : "");
        auto place = std::make_shared<size_t>(members_.some_place());
        subscribers_.push_back(std::make_unique<Subscriber>(world_, members_.publisher(*place), truth_.histories(),
                                                            net_.connect(name, place),
                                                            Subscriber::Setup{name, filter, stream}));
        subscribers_.back()->plants = plants;
        // As in the SDK: the feed follows the requests, which leave a member that does not serve the feed.
        subscribers_.back()->link().choose = [this, place, feed = *place]() mutable -> Publisher& {
            if (*place == feed) *place = members_.some_place();
            feed = *place;
            return members_.publisher(feed);
        };
        subscribers_.back()->link().troubles = {10, world_.random.between(3, 300), world_.random.between(0, 50)};
        return *subscribers_.back();
    }

    void trouble() {
        if (world_.random.chance(50)) return members_.trouble();
        Subscriber& victim = *subscribers_[world_.random.below(subscribers_.size())];
        switch (world_.random.below(7)) {
            case 0: return victim.link().cut();
            case 1:
            case 2: return victim.link().lose_until(world_.now() + world_.random.below(4000));
            case 3:
            case 4:
                victim.pause(true);
                return world_.after(world_.random.between(10, 6000), [&victim] { victim.pause(false); });
            case 5: return victim.restart(world_.random.chance(70));
            default: return burst();
        }
    }

    void burst() {
        Client& client = *clients_[world_.random.below(clients_.size())];
        for (uint64_t i = world_.random.between(10, 100); i > 0; --i) {
            client.put("b/" + std::to_string(world_.random.below(6)), "burst " + std::to_string(i));
        }
    }

    void heal() {
        world_.trace([] { return std::string("troubles end"); });
        net_.loss_percent = 0;
        members_.heal();
        administrator_.stop();
        registers_.stop();
        for (auto& client : clients_) client->stop();
        for (auto& holder : holders_) holder->stop(world_.random.chance(25));
        recipes_.calm_down();
        for (auto& subscriber : subscribers_) {
            subscriber->pause(false);
            subscriber->link().lose_until(0);
            subscriber->link().troubles.join_loss_percent = 0;
        }
    }

    // The last word before the silence, and none of it may be lost in it.
    void write_finally() {
        acknowledged_before_ = clients_[0]->acknowledged();
        for (uint64_t i = 0; i < final_writes; ++i) {
            clients_[0]->insist((i % 2 == 0 ? "a/" : "d/") + std::to_string(i / 2), "final");
        }
    }

    void ask_digests() {
        asker_ = net_.connect("checker");
        for (auto& subscriber : subscribers_) {
            if (!subscriber->has_state()) continue;
            ++digests_wanted_;
            asker_({protocol::DigestRequest{subscriber->filter(), {}}, {}}, [this, &subscriber](const auto& reply) {
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

    void ask_leases() {
        for (auto& holder : holders_) holder->ask_finally(asker_);
        asker_({protocol::LeasesRequest{}, {}}, [this](const auto& reply) {
            if (!reply) return world_.fail("no answer about leases");
            promises_.answered_list(*reply);
            leases_listed_ = true;
        });
    }

    void check_end() {
        ledger_.check_refused();
        promises_.check_end(administered_ ? one_leads_after_removals_ms : one_leads_ms);
        for (auto& holder : holders_) {
            if (holder->unanswered() > 0) world_.fail("nobody knows about some leases");
        }
        recipes_.check_end();
        if (!leases_listed_) world_.fail("the list of leases is missing");
        if (!registers_.check()) ++searches_given_up_;
        if (clients_[0]->acknowledged() < acknowledged_before_ + final_writes) {
            world_.fail("the hub does not take writes any more");
        }
        for (auto& subscriber : subscribers_) {
            if (subscriber->known() != truth_.revision()) {
                world_.fail(subscriber->name() + ": knows " + std::to_string(subscriber->known().value) + " of " +
                            std::to_string(truth_.revision().value));
            }
            if (!subscriber->proved_since(world_.now() - 2500))
                world_.fail(subscriber->name() + ": cannot prove that it is current");
        }
        if (digests_ < digests_wanted_) world_.fail("digests are missing");
        members_.check_equal();
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
        for (const Hub* hub : members_.hubs()) {
            outcome.snapshots += hub->snapshots();
            outcome.installs += hub->installs();
        }
        outcome.reads = ledger_.reads();
        outcome.register_calls = registers_.calls();
        outcome.searches_given_up = searches_given_up_;
        for (const auto& life : truth_.leases().all()) {
            ++outcome.leases;
            if (life.expired()) ++outcome.leases_expired;
        }
        outcome.leases_kept_alive = promises_.kept_alive();
        outcome.recipes = recipes_.figures();
        outcome.members = members_.hubs().size();
        outcome.changes = administrator_.changes();
        outcome.leaders = members_.leaders();
        outcome.crashes = members_.crashes();
        outcome.trace.assign(world_.trace_lines().begin(), world_.trace_lines().end());
        return outcome;
    }

    World world_;
    hub::plugin::Filters filters_;
    Truth truth_;
    Shape shape_;
    Members members_;
    RequestNet net_;
    Ledger ledger_{world_, truth_};
    LeasePromises promises_{world_, truth_, ledger_};
    Registers registers_{world_};
    Recipes recipes_{{world_, ledger_, promises_}, truth_, net_, [this](const auto& filter) -> Subscriber& {
                         return add_subscriber(filter, {});
                     }};
    Administrator administrator_;
    std::vector<std::unique_ptr<Client>> clients_;
    std::vector<std::unique_ptr<LeaseHolder>> holders_;
    std::vector<std::unique_ptr<Subscriber>> subscribers_;
    bool administered_ = false, leases_listed_ = false;
    Send asker_;
    uint64_t acknowledged_before_ = 0, digests_ = 0, digests_wanted_ = 0, searches_given_up_ = 0;
};

}  // namespace

void Outcome::add(const Outcome& other) {
    for (uint64_t Outcome::*figure :
         {&Outcome::acknowledged, &Outcome::deliveries, &Outcome::reads, &Outcome::register_calls,
          &Outcome::searches_given_up, &Outcome::members, &Outcome::changes, &Outcome::leaders, &Outcome::crashes,
          &Outcome::snapshots, &Outcome::installs, &Outcome::gaps_by_chain, &Outcome::gaps_by_mark, &Outcome::deltas,
          &Outcome::snapshot_catch_ups, &Outcome::leases, &Outcome::leases_expired, &Outcome::leases_kept_alive}) {
        this->*figure += other.*figure;
    }
    recipes.add(other.recipes);
}

Outcome simulate(uint64_t seed, const Plants& plants, size_t trace_lines) {
    return Simulation(seed, plants, trace_lines).run();
}

}  // namespace belfry::sim

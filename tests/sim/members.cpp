#include "tests/sim/members.hpp"

namespace belfry::sim {

namespace {

constexpr uint64_t sync_ms_usual = 8;
constexpr uint64_t restart_ms_max = 2000;  // after a clean stop
constexpr uint64_t down_ms_max = 4000;
constexpr uint64_t cut_ms_max = 4000;
constexpr uint64_t stall_ms_max = 3000;
constexpr uint64_t clock_jump_ms = 10'000;

}  // namespace

Members::Members(World& world, Truth& truth, const hub::plugin::Filters& filters, uint64_t founders, uint64_t joiners,
                 const HubPlants& plants)
    : world_(world), truth_(truth), net_(world, truth) {
    Hub::Members first;
    for (uint64_t id = 1; id <= founders; ++id) first.emplace_back(id, Hub::address_of(id));
    for (uint64_t id = 1; id <= founders + joiners; ++id) {
        const bool founds = id <= founders;
        publishers_.push_back(std::make_unique<Publisher>());
        hubs_.push_back(
            std::make_unique<Hub>(world, *publishers_.back(), truth, filters, id, founds ? first : Hub::Members()));
        hubs_.back()->plants = plants;
        hubs_.back()->on_ended = [this, hub = hubs_.back().get()] { start_again(*hub, restart_ms_max); };
        net_.connect(*hubs_.back());
        if (founds) {
            wanted_.insert(id);
        } else {
            joiners_.push_back(id);
        }
    }
}

void Members::start() {
    for (const uint64_t id : wanted_) hub(id).start();
    watch_leaders();
}

void Members::admit(uint64_t id) {
    wanted_.insert(id);
    hub(id).start();
}

void Members::retire_removed() {
    std::set<uint64_t> now;
    for (const auto& member : truth_.members()) now.insert(member.id);
    seen_.insert(now.begin(), now.end());
    for (const uint64_t id : seen_) {
        if (now.contains(id) || wanted_.erase(id) == 0) continue;
        world_.trace([&] { return "hub " + std::to_string(id) + " is a member no more"; });
        hub(id).stop(Hub::Crash::process);
    }
}

std::vector<Hub*> Members::hubs() {
    std::vector<Hub*> all;
    for (auto& one : hubs_) all.push_back(one.get());
    return all;
}

size_t Members::some_place() {
    auto at = wanted_.begin();
    std::advance(at, static_cast<std::ptrdiff_t>(world_.random.below(wanted_.size())));
    return *at - 1;
}

size_t Members::leaders_place() {
    for (auto& hub : hubs_) {
        if (hub->leads()) return hub->id() - 1;
    }
    return some_place();
}

// Two leaders of one term would be the end of everything.
void Members::watch_leaders() {
    for (auto& hub : hubs_) {
        if (!hub->leads()) continue;
        const auto [known, fresh] = leaders_.emplace(hub->term().value, hub->id());
        if (known->second != hub->id()) world_.fail("two leaders in term " + std::to_string(known->first));
    }
    world_.after(5, [this] { watch_leaders(); });
}

// ---- troubles ----

// Often the one that leads: it has most to lose.
Hub& Members::victim() { return *hubs_[world_.random.chance(60) ? some_place() : leaders_place()]; }

void Members::trouble() {
    Hub& hub = victim();
    switch (world_.random.below(10)) {
        case 0: return crash(hub, Hub::Crash::process);
        case 1: return crash(hub, Hub::Crash::machine);
        case 2:
            hub.set_sync_ms_max(world_.random.between(50, 400));
            return world_.after(world_.random.below(3000), [&hub] { hub.set_sync_ms_max(sync_ms_usual); });
        case 3: hub.set_log_full(true); return world_.after(world_.random.below(4000), [&hub] { hub.set_log_full(false); });
        case 4:
            hub.set_store_full(world_.random.chance(50) ? SimStore::Full::at_commit : SimStore::Full::at_put);
            return world_.after(world_.random.below(4000), [&hub] { hub.set_store_full(SimStore::Full::no); });
        case 5: return hub.stall_until(world_.now() + world_.random.below(stall_ms_max));
        case 6: return hub.move_clock(static_cast<int64_t>(world_.random.below(2 * clock_jump_ms)) - clock_jump_ms);
        case 7: return partition();
        case 8: return hub.ask_to_stop();
        default: return crash_all();
    }
}

void Members::crash(Hub& hub, Hub::Crash how) {
    if (!hub.alive()) return;
    ++crashes_;
    hub.stop(how);
    start_again(hub, down_ms_max);
}

void Members::start_again(Hub& hub, uint64_t within_ms) {
    world_.after(world_.random.between(5, within_ms), [this, &hub] {
        if (wanted_.contains(hub.id())) hub.start();
    });
}

void Members::crash_all() {
    for (auto& hub : hubs_) crash(*hub, world_.random.chance(50) ? Hub::Crash::process : Hub::Crash::machine);
}

void Members::partition() {
    const uint64_t id = victim().id();
    switch (world_.random.below(6)) {
        case 0: cut_off(id, false, false); break;
        case 1: cut_off(id, false, true); break;
        case 2: cut_off(id, true, false); break;
        case 3: cut_in_halves(); break;
        case 4: cut_some(); break;
        default: return flap(id, world_.random.between(3, 12));
    }
    world_.after(world_.random.below(cut_ms_max), [this] { net_.heal(); });
}

void Members::cut_off(uint64_t id, bool hears, bool is_heard) {
    for (auto& other : hubs_) {
        if (!hears) net_.cut(other->id(), id);
        if (!is_heard) net_.cut(id, other->id());
    }
}

void Members::cut_in_halves() {
    const uint64_t side = world_.random.next();
    const auto left = [&](const auto& hub) { return ((side >> hub->id()) & 1) != 0; };
    for (auto& one : hubs_) {
        for (auto& other : hubs_) {
            if (left(one) != left(other)) net_.cut(one->id(), other->id());
        }
    }
}

void Members::cut_some() {
    for (auto& one : hubs_) {
        for (auto& other : hubs_) {
            if (world_.random.chance(25)) net_.cut(one->id(), other->id());
        }
    }
}

// Gone and back again, each time for about as long as an election takes.
void Members::flap(uint64_t id, uint64_t times) {
    if (times == 0 || calm_) return;
    cut_off(id, false, false);
    world_.after(world_.random.between(50, 600), [this, id, times] {
        net_.heal();
        world_.after(world_.random.between(20, 400), [this, id, times] { flap(id, times - 1); });
    });
}

void Members::heal() {
    calm_ = true;
    net_.heal();
    net_.loss_percent = net_.late_percent = 0;
    for (auto& hub : hubs_) {
        hub->set_log_full(false);
        hub->set_store_full(SimStore::Full::no);
        hub->set_sync_ms_max(sync_ms_usual);
        if (wanted_.contains(hub->id())) hub->start();
    }
}

// ---- the end ----

void Members::check_equal() {
    std::optional<Bytes> first;
    for (const auto& member : truth_.members()) {
        Hub& one = hub(member.id);
        const std::string who = "hub " + std::to_string(member.id);
        if (member.role != hub::raft::MemberRole::voter) world_.fail(who + " has no vote yet");
        if (one.applied() != truth_.learned()) {
            return world_.fail(who + " has applied " + std::to_string(one.applied().value) + " of " +
                               std::to_string(truth_.learned().value));
        }
        Bytes image = one.image();
        if (!first)
            first = std::move(image);
        else if (image != *first)
            world_.fail(who + " holds another state than the others");
    }
}

}  // namespace belfry::sim

#include "tests/sim/recipes.hpp"

#include <array>

#include "tests/sim/session_link.hpp"

namespace belfry::sim {

namespace {

constexpr uint64_t uses_end_ms = 2'000;  // before the end: what has begun comes to its end, and subscribers hear of it
constexpr uint64_t final_pushes = 6;
constexpr uint64_t patient_ms = 25'000;
constexpr uint64_t hasty_ms_min = 700, hasty_ms_max = 3'000;  // until an answer is not waited for any more
constexpr uint64_t own_numbers_from = 20'000;                 // of leases: no holder of leases chooses these
// In every other run one of them, for the time that they take.
constexpr std::array shares = {Use::queue, Use::queue, Use::line,    Use::line,     Use::barrier,  Use::gate,
                               Use::once,  Use::once,  Use::counter, Use::presence, Use::discovery};
constexpr uint64_t dice_sides = 2 * shares.size();

}  // namespace

void RecipeFigures::add(const RecipeFigures& other) {
    for (uint64_t RecipeFigures::*figure :
         {&RecipeFigures::items, &RecipeFigures::items_handed_out, &RecipeFigures::items_buried, &RecipeFigures::turns,
          &RecipeFigures::guarded_writes, &RecipeFigures::rounds, &RecipeFigures::passages, &RecipeFigures::job_tries,
          &RecipeFigures::job_results, &RecipeFigures::adds, &RecipeFigures::joined, &RecipeFigures::registrations}) {
        this->*figure += other.*figure;
    }
}

std::string RecipeFigures::words() const {
    return std::to_string(items) + " items of queues, handed out " + std::to_string(items_handed_out) + " times, " +
           std::to_string(items_buried) + " buried; " + std::to_string(turns) + " turns in lines, " +
           std::to_string(guarded_writes) + " guarded writes; " + std::to_string(rounds) + " rounds, " +
           std::to_string(passages) + " passages; " + std::to_string(job_tries) + " tries of jobs, " +
           std::to_string(job_results) + " results; " + std::to_string(adds) + " additions; " + std::to_string(joined) +
           " came to be there, " + std::to_string(registrations) + " registrations";
}

Recipes::Recipes(RecipeParts parts, const Truth& truth, RequestNet& net, Subscribe subscribe)
    : parts_(parts),
      world_(parts.world),
      truth_(truth),
      net_(net),
      subscribe_(std::move(subscribe)),
      queue_(world_, truth),
      lines_(world_),
      barrier_(world_),
      gate_(world_, parts.ledger),
      once_(world_, parts.ledger),
      counter_(world_),
      presence_(world_, truth),
      discovery_(world_, truth) {}

template <class Action>
void Recipes::each_user(const Action& action) {
    for (auto& one : workers_) action(one);
    for (auto& one : in_line_) action(one);
    for (auto& one : at_barrier_) action(one);
    for (auto& one : at_gate_) action(one);
    for (auto& one : at_jobs_) action(one);
    for (auto& one : counting_) action(one);
    for (auto& one : present_) action(one);
    for (auto& one : registrants_) action(one);
}

// ---- who is there ----

void Recipes::add_one(const Plants& plants) {
    const uint64_t dice = world_.random.below(dice_sides);
    const std::optional<Use> drawn = dice < shares.size() ? std::optional(shares[dice]) : std::nullopt;
    const std::optional<Use> use = plants.use ? plants.use : drawn;
    if (!use) return;
    switch (*use) {
        case Use::leases: return;  // their holders are there anyway
        case Use::queue: return add_queue(plants.queue);
        case Use::line: return add_line(plants.line);
        case Use::barrier: return add_barrier(plants.barrier);
        case Use::gate: return add_gate(plants.gate);
        case Use::once: return add_once(plants.once);
        case Use::counter: return add_counter(plants.counter);
        case Use::presence: return add_presence(plants.presence, plants.observer);
        case Use::discovery: return add_discovery(plants.discovery, plants.observer);
    }
}

void Recipes::add_queue(const QueuePlants& plants) {
    Send send = SessionLink::perhaps_over(world_, [this] { return net_.connect("p0"); });
    pusher_ = std::make_unique<QueuePusher>(world_, parts_.ledger, queue_, std::move(send), "p0");
    for (uint64_t i = world_.random.between(1, 3); i > 0; --i)
        workers_.emplace_back(parts_, queue_, some_client("w" + std::to_string(i), i), plants);
}

void Recipes::add_line(const LinePlants& plants) {
    for (uint64_t i = world_.random.between(3, 5); i > 0; --i)
        in_line_.emplace_back(parts_, lines_, some_client("k" + std::to_string(i), i), plants);
}

void Recipes::add_barrier(const BarrierPlants& plants) {
    for (uint64_t i = world_.random.between(3, 4); i > 0; --i)
        at_barrier_.emplace_back(parts_, barrier_, some_client("d" + std::to_string(i), i), plants);
}

// Without a session a closing that is late could come after its own release.
void Recipes::add_gate(const GatePlants& plants) {
    for (uint64_t i = world_.random.between(3, 5); i > 0; --i)
        at_gate_.emplace_back(parts_, gate_, session_client("g" + std::to_string(i)), plants);
}

// All with sessions, as in the SDK: without one a beginning that is late could come after its own end, and a forgetting.
void Recipes::add_once(const OncePlants& plants) {
    for (uint64_t i = world_.random.between(3, 5); i > 0; --i) {
        const Bytes name = "j" + std::to_string(i);
        at_jobs_.emplace_back(parts_, once_, world_.random.chance(50) ? session_client(name) : hasty_client(name), plants);
    }
}

void Recipes::add_counter(const CounterPlants& plants) {
    for (uint64_t i = world_.random.between(3, 5); i > 0; --i)
        counting_.emplace_back(world_, parts_.ledger, counter_, counter_client("n" + std::to_string(i)), plants);
}

// Those who observe the folder of all who are there, and one who observes all that is there at all.
void Recipes::add_presence(const PresencePlants& plants, const ObserverPlants& of_observers) {
    for (uint64_t i = world_.random.between(3, 5); i > 0; --i)
        present_.emplace_back(parts_, presence_, some_client("m" + std::to_string(i), i), plants);
    for (uint64_t i = world_.random.between(1, 2); i > 0; --i)
        of_members_.emplace_back(world_, truth_, presence_, subscribe_({"prefix", PresenceKeys::all}), of_observers);
    const Bytes folder = world_.random.chance(50) ? Bytes() : PresenceKeys::all;
    of_folders_.emplace_back(world_, truth_, subscribe_({"prefix", folder}), of_observers);
}

// The hub chooses the numbers of their leases, as for the SDK's.
void Recipes::add_discovery(const DiscoveryPlants& plants, const ObserverPlants& of_observers) {
    for (uint64_t i = world_.random.between(3, 5); i > 0; --i) {
        RecipeClient client = some_client("v" + std::to_string(i), i);
        client.own_number = {};
        registrants_.emplace_back(parts_, discovery_, std::move(client), DiscoveryKeys::id(i % DiscoveryKeys::instances),
                                  plants);
    }
    FindOptions passing, zone;
    passing.passing_only = true;
    zone.selector = *Selector::parse({"zone=a"});
    for (const FindOptions& find : {FindOptions(), passing, zone})
        of_services_.emplace_back(world_, truth_, discovery_, subscribe_({"prefix", DiscoveryKeys::all}), find,
                                  of_observers);
    finder_ = std::make_unique<Finder>(parts_, discovery_, net_.connect("hand"), "hand");
}

// With a session it has the patience that its writes are sent again with, and does not choose the number of its lease:
// `conflict` says something else to it.
RecipeClient Recipes::some_client(const Bytes& name, uint64_t number) {
    if (world_.random.chance(25)) return session_client(name);
    const LeaseId own_number = world_.random.chance(67) ? LeaseId{own_numbers_from + number} : LeaseId();
    return {net_.connect(name), name, own_number, world_.random.between(hasty_ms_min, hasty_ms_max)};
}

RecipeClient Recipes::session_client(const Bytes& name) {
    Send first = net_.connect(name);
    return {SessionLink::over(world_, std::move(first), net_.connect(name)), name, {}, patient_ms, true};
}

// With a session, and a timeout after which its writes are not sent again.
RecipeClient Recipes::hasty_client(const Bytes& name) {
    Send first = net_.connect(name);
    const uint64_t timeout_ms = world_.random.between(hasty_ms_min, hasty_ms_max);
    return {SessionLink::over(world_, std::move(first), net_.connect(name), timeout_ms), name, {}, timeout_ms, true};
}

// Some of them without a session: what is uncertain may come later then.
CounterClient Recipes::counter_client(const Bytes& name) {
    if (world_.random.chance(25))
        return {net_.connect(name), name, false, world_.random.between(hasty_ms_min, hasty_ms_max)};
    const RecipeClient client = world_.random.chance(50) ? session_client(name) : hasty_client(name);
    return {client.send, name, true, client.timeout_ms};
}

// ---- what they do, and what must hold of it ----

void Recipes::start() {
    if (pusher_) pusher_->start();
    if (finder_) finder_->start();
    each_user([](auto& one) { one.start(); });
}

Status Recipes::on_change(const ChangeSet& change) {
    Status good = queue_.on_change(change);
    if (good) good = lines_.on_change(change);
    if (good) good = barrier_.on_change(change);
    if (good) good = gate_.on_change(change);
    if (good) good = once_.on_change(change);
    if (good) good = counter_.on_change(change);
    if (good) good = presence_.on_change(change);
    return good ? discovery_.on_change(change) : good;
}

void Recipes::calm_down() {
    if (pusher_) pusher_->stop();
    if (finder_) finder_->calm_down();
    each_user([](auto& one) { one.calm_down(); });
}

void Recipes::end() {
    queue_.be_quick();
    lines_.be_quick();
    barrier_.be_quick();
    gate_.be_quick();
    once_.be_quick();
    presence_.keys().be_quick();
    discovery_.keys().be_quick();
    for (auto& one : present_) one.perhaps_vanish();
    for (auto& one : registrants_) one.perhaps_vanish();
    if (finder_) finder_->delete_one();
    // An item or a job is not to wait for longer than those are there who take it up.
    const bool is_taken_up = !workers_.empty() || !at_jobs_.empty();
    const uint64_t stay_ms = is_taken_up ? uses_end_ms * 2 : uses_end_ms;
    world_.after(stay_ms, [this] { each_user([](auto& one) { one.stop(); }); });
    // At once or soon after each other: the last ones come while the workers are about to wait.
    const uint64_t first_ms = world_.random.below(uses_end_ms / 2), pause_ms = world_.random.below(uses_end_ms / 2);
    for (uint64_t i = 0; pusher_ && i < final_pushes; ++i)
        world_.after(first_ms + i * pause_ms / final_pushes, [this] { pusher_->insist(); });
}

void Recipes::check_end() {
    queue_.check_end();
    lines_.check_end();
    barrier_.check_end();
    gate_.check_end();
    once_.check_end();
    presence_.keys().check_end();
    discovery_.keys().check_end();
    for (auto& one : registrants_) one.check_end();
    for (const auto& one : of_members_) one.check_end();
    for (const auto& one : of_folders_) one.check_end();
    for (const auto& one : of_services_) one.check_end();
}

RecipeFigures Recipes::figures() const {
    RecipeFigures figures;
    figures.items = queue_.pushed();
    figures.items_handed_out = queue_.handed_out();
    figures.items_buried = queue_.buried();
    figures.turns = lines_.turns();
    figures.guarded_writes = lines_.writes();
    figures.rounds = barrier_.rounds();
    figures.passages = gate_.passages();
    figures.job_tries = once_.tries();
    figures.job_results = once_.results();
    figures.adds = counter_.adds();
    figures.joined = presence_.joined();
    figures.registrations = discovery_.registrations();
    return figures;
}

}  // namespace belfry::sim

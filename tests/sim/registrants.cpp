#include "tests/sim/registrants.hpp"

#include <algorithm>
#include <utility>

namespace belfry::sim {

namespace {

using namespace std::chrono_literals;
using protocol::Compare;

constexpr uint64_t step_ms_max = 150;                      // from one thing that happens to the next
constexpr uint64_t look_ms_min = 300, look_ms_max = 1000;  // shorter than in the SDK: runs are
constexpr std::chrono::milliseconds beat_ms = 1000ms, withdraw_ms = 800ms;
constexpr uint64_t silent_ms_max = 3000;  // without a beat: it may be withdrawn
constexpr uint64_t heavy = 200;           // a weight

HealthRecord::Options some_options(Random& random) {
    HealthRecord::Options options;
    if (random.chance(50)) options.beat_ttl = beat_ms;
    if (random.chance(50)) options.withdraw_after = withdraw_ms;
    return options;
}

}  // namespace

Registrant::Registrant(RecipeParts parts, DiscoveryChecks& checks, RecipeClient client, Bytes id, DiscoveryPlants plants)
    : world_(parts.world),
      checks_(checks),
      id_(std::move(id)),
      key_(instance_key(DiscoveryKeys::service, id_)),
      process_(parts, std::move(client)),
      plants_(plants),
      look_ms_(world_.random.between(look_ms_min, look_ms_max)),
      health_(some_options(world_.random)) {
    process_.on_begin = [this] { begin(); };
}

void Registrant::start() {
    begin_anew();
    process_.begin(world_.random.below(1000));
}

void Registrant::calm_down() {
    calm_ = true;
    process_.go_on();
}

void Registrant::perhaps_vanish() {
    if (!process_.alive() || !world_.random.chance(20)) return;
    checks_.keys().vanishes(process_.name());
    process_.vanish();
    state_ = State::gone;
}

void Registrant::stop() {
    stopped_ = true;
    deregisters_ = world_.random.chance(40);
}

void Registrant::check_end() {
    const bool is_in = state_ == State::registered || state_ == State::registering;
    if (is_in && !standing().withdrawn) checks_.stands(process_.name(), key_, wanted());
}

// ---- lives ----

// Another process, or the same one started again: another object, which knows nothing of the last one.
void Registrant::begin_anew() {
    checks_.begins_anew(process_.name());
    record_.emplace(health_, time());
    base_ = {};
    base_.service = DiscoveryKeys::service;
    base_.id = id_;
    base_.address = "10.0.0.1";
    base_.port = static_cast<uint16_t>(world_.random.between(1, 9999));
    base_.labels["zone"] = world_.random.chance(50) ? "a" : "b";
    own_leases_.clear();
    written_.reset();
    perhaps_put_ = perhaps_left_ = false;
    times_registered_ = 0;
    state_ = State::registering;
}

// It has a lease: the first one, or another one after that was lost.
void Registrant::begin() {
    checks_.keys().begins(process_.name(), process_.promised_life());
    own_leases_.push_back(process_.lease());
    perhaps_left_ = std::exchange(perhaps_put_, false) || perhaps_left_;
    written_.reset();
    if (state_ == State::gone) return take_along();
    state_ = State::registering;
    if (plants_.register_again_never && times_registered_ > 0) return;
    checks_.keys().comes(process_.name());
    run();
}

void Registrant::run() {
    if (state_ == State::displaced || state_ == State::gone) return;
    if (stopped_ && deregisters_) return end(State::gone);
    const bool withdrawn = standing().withdrawn;
    if (state_ == State::withdrawn) {
        if (!withdrawn) return process_.begin_soon();
    } else {
        if (!process_.alive()) return process_.begin_soon();
        if (withdrawn) return end(State::withdrawn);
        if (!is_settled() || world_.now() >= look_at_ms_) return make_so();
    }
    process_.after(world_.random.below(step_ms_max), [this] { happen(); });
}

// What the application does, and what is done to it.
void Registrant::happen() {
    const uint64_t dice = world_.random.below(100);
    if (!calm_ && come_and_go(dice)) return;
    if (!calm_ && dice < 14) beats_from_ms_ = world_.now() + world_.random.below(silent_ms_max);
    if (!stopped_ && dice >= 14 && dice < 30)
        record_->report(static_cast<Health>(world_.random.below(3)), "note " + std::to_string(dice));
    if (!stopped_ && dice >= 30 && dice < 40) base_.weight = base_.weight == heavy ? 0 : heavy;
    if (calm_ || world_.now() >= beats_from_ms_) record_->beat(time());
    run();
}

// True: it is killed, or deregistered, and started again. One that is stopped goes on as if nothing had been.
bool Registrant::come_and_go(uint64_t dice) {
    if (dice >= 8 && dice < 12) process_.stop_until(world_.now() + process_.lease_ms() + world_.random.below(2000));
    if (dice >= 8) return false;
    if (dice >= 4) {
        end(State::gone);
    } else {
        begin_anew();
        process_.begin(world_.random.below(3000));
    }
    return true;
}

// ---- what the hub has ----

void Registrant::make_so() {
    process_.read(
        KeyRange::one(key_), [this] { make_so(); },
        [this](const protocol::RangeReply& range, Revision) { on_look(range); });
}

// What is there decides, so that an answer that was lost costs one more look.
void Registrant::on_look(const protocol::RangeReply& range) {
    const Instance instance = wanted();
    const auto value = encode_instance(instance);
    if (!value) return world_.fail("an instance: " + value.error().detail);
    const KeyValue* const there = first_of(&range);
    if (there != nullptr && there->value == *value && there->lease == process_.lease()) return is_so(instance);
    const bool is_anothers = there != nullptr && times_registered_ > 0 && !is_own(*there);
    if (is_anothers && !plants_.report_unguarded) return end(State::displaced);
    put(instance, there != nullptr ? there->mod_revision : Revision());
}

void Registrant::put(const Instance& instance, Revision modified) {
    protocol::PutRequest own{key_, *encode_instance(instance), process_.lease()};
    own.content_type = Bytes(instance_content_type);
    const Compare unchanged = unchanged_since(modified);
    protocol::TxnRequest txn;
    if (!plants_.report_unguarded) txn.compares = {unchanged};
    txn.then_ops.push_back({std::move(own)});
    const auto guard = plants_.report_unguarded ? std::nullopt : std::optional(unchanged);
    perhaps_put_ = true;
    process_.write(std::move(txn), guard, [this, instance](const auto& reply) { on_put(instance, reply); });
}

// `conflict` is a ticket's: it was done, and the answer is forgotten. Where the lease has ended there is to be another one.
void Registrant::on_put(const Instance& instance, const Result<protocol::Reply>& reply) {
    const auto* const done = reply ? std::get_if<protocol::TxnReply>(&reply->result) : nullptr;
    const Code code = code_of(reply);
    if (code == Code::ok && done != nullptr && done->succeeded) return is_so(instance);
    if (code == Code::not_found) return process_.begin_soon();
    process_.after(code == Code::ok ? 0 : process_.pause_ms(), [this] { run(); });
}

void Registrant::is_so(const Instance& instance) {
    written_ = instance;
    perhaps_left_ = false;
    look_at_ms_ = world_.now() + look_ms_;
    if (std::exchange(state_, State::registered) != State::registered) ++times_registered_;
    checks_.is_registered(process_.name());
    run();
}

// ---- its end ----

// Withdrawn, displaced or deregistered: its key goes with its lease. The last two are for good, unless it is started again.
void Registrant::end(State state) {
    state_ = state;
    written_.reset();
    checks_.keys().goes(process_.name());
    const bool is_left = perhaps_left_ || (perhaps_put_ && !process_.alive());
    if (state == State::gone && is_left && !plants_.forget_lost_lease) return take_along();
    end_lease(true);
}

// A key that is there with a lease that was lost goes with one that can be ended.
void Registrant::take_along() {
    if (!process_.alive()) return process_.begin_soon();
    protocol::RangeRequest request;
    request.range = KeyRange::one(key_);
    process_.ask(request, {}, [this](const Result<protocol::Reply>& reply) {
        const auto* const range = reply ? std::get_if<protocol::RangeReply>(&reply->result) : nullptr;
        if (range == nullptr || reply->error.code != Code::ok) return end_lease(false);
        const KeyValue* const there = first_of(range);
        if (there == nullptr || !is_own(*there) || there->lease == process_.lease()) return end_lease(true);
        const Compare unchanged = unchanged_since(there->mod_revision);
        const protocol::TxnRequest txn{{unchanged}, {{protocol::PutRequest{key_, there->value, process_.lease()}}}, {}};
        process_.write(txn, unchanged, [this](const auto& done) { end_lease(done && done->error.code == Code::ok); });
    });
}

// `is_done`: nothing else of it is there.
void Registrant::end_lease(bool is_done) {
    if (!process_.alive()) return has_ended(is_done);
    process_.end_lease([this, is_done](bool is_ended) { has_ended(is_done && is_ended); });
}

void Registrant::has_ended(bool is_done) {
    if (is_done && state_ == State::gone) checks_.is_gone(process_.name(), key_, own_leases_);
    if (state_ == State::withdrawn) return run();
    if (calm_) return;
    begin_anew();
    process_.begin(world_.random.below(3000));
}

// ---- what is wanted ----

Instance Registrant::wanted() {
    Instance instance = base_;
    const auto now = standing();
    instance.health = now.health;
    instance.note = now.note;
    return instance;
}

bool Registrant::is_settled() {
    if (state_ != State::registered || !written_) return false;
    Instance now = wanted();
    now.note = written_->note;
    return now == *written_;
}

Compare Registrant::unchanged_since(Revision modified) const {
    return {KeyRange::one(key_), Compare::Target::mod, Compare::Op::equal, modified.value, {}};
}

bool Registrant::is_own(const KeyValue& kv) const {
    return std::find(own_leases_.begin(), own_leases_.end(), kv.lease) != own_leases_.end();
}

}  // namespace belfry::sim

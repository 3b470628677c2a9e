#include "sdk/balance/chooser.hpp"

#include <algorithm>
#include <cmath>

namespace belfry::balance {
namespace {

constexpr uint64_t latency_memory = 8;  // an answer counts for so much of the mean

bool later(double a, double b) { return a > b; }

}  // namespace

Chooser::Chooser(PickerOptions options) : options_(options), random_(options.random_seed), next_(random_.next() >> 32) {}

// ---- the set ----

void Chooser::update(std::span<const Instance> instances) {
    std::vector<const Instance*> sorted;
    sorted.reserve(instances.size());
    for (const Instance& instance : instances) sorted.push_back(&instance);
    std::stable_sort(sorted.begin(), sorted.end(), [](const auto* a, const auto* b) { return a->id < b->id; });
    const auto same = [](const auto* a, const auto* b) { return a->id == b->id; };
    sorted.erase(std::unique(sorted.begin(), sorted.end(), same), sorted.end());
    if (sorted.size() > instances_max) sorted.resize(instances_max);

    std::vector<std::shared_ptr<Member>> before = std::move(members_);
    members_.clear();
    for (const auto& member : before) member->present = false;
    bool same_ring = before.size() == sorted.size();
    auto old = before.begin();
    for (const Instance* instance : sorted) {
        while (old != before.end() && (*old)->instance->id < instance->id) ++old;
        const bool known = old != before.end() && (*old)->instance->id == instance->id;
        const bool same_weight = known && (*old)->instance->weight == instance->weight;
        const bool same_one = known && (*old)->instance->created == instance->created;
        same_ring = same_ring && same_weight;
        members_.push_back(same_one ? *old : std::make_shared<Member>());
        Member& member = *members_.back();
        member.present = true;
        if (!same_one || *member.instance != *instance) member.instance = std::make_shared<const Instance>(*instance);
        if (!same_one || !same_weight) give_turn(member);
    }
    takers_ = 0;
    outstanding_ = 0;
    for (const auto& member : members_) {
        takers_ += member->instance->weight > 0 ? 1 : 0;
        outstanding_ += member->outstanding;
    }
    if (options_.policy == Policy::consistent && !same_ring) lay_ring();
    stale_ = true;
}

void Chooser::lay_ring() {
    ring_ = Ring();
    for (uint32_t i = 0; i < members_.size(); ++i) ring_.add(members_[i]->instance->id, members_[i]->instance->weight, i);
    ring_.close();
}

void Chooser::refresh(uint64_t now_ms) {
    stale_ = false;
    refresh_at_ms_ = UINT64_MAX;
    usable_.clear();
    for (uint32_t i = 0; i < members_.size(); ++i) {
        const Member& member = *members_[i];
        const bool out = member.outlier.ejected(now_ms);
        if (out) refresh_at_ms_ = std::min(refresh_at_ms_, member.outlier.ejected_until_ms());
        if (member.instance->weight > 0 && member.instance->health != Health::critical && !out) usable_.push_back(i);
    }
    const double needed = std::min(options_.panic_share, 1.0) * static_cast<double>(takers_);
    panics_ = needed > static_cast<double>(usable_.size());
    if (panics_) usable_.clear();
    uint64_t sum = 0;
    weight_up_to_.clear();
    for (uint32_t i = 0; i < members_.size(); ++i) {
        if (panics_ && members_[i]->instance->weight > 0) usable_.push_back(i);
        members_[i]->usable = false;
    }
    for (const uint32_t i : usable_) {
        members_[i]->usable = true;
        weight_up_to_.push_back(sum += members_[i]->instance->weight);
    }
    if (options_.policy == Policy::weighted) line_up();
}

// ---- picking ----

std::shared_ptr<Member> Chooser::pick(BytesView key, uint64_t now_ms) {
    if (stale_ || now_ms >= refresh_at_ms_) refresh(now_ms);
    if (usable_.empty()) return nullptr;
    uint32_t chosen = 0;
    switch (options_.policy) {
        case Policy::round_robin: chosen = usable_[next_++ % usable_.size()]; break;
        case Policy::weighted: chosen = next_in_turn(); break;
        case Policy::least_outstanding: chosen = less_busy(); break;
        case Policy::consistent: chosen = of_key(key); break;
    }
    const std::shared_ptr<Member>& member = members_[chosen];
    ++member->outstanding;
    ++member->picks;
    ++outstanding_;
    return member;
}

// Somewhere within its next stride.
void Chooser::give_turn(Member& member) {
    const uint32_t weight = member.instance->weight;
    member.pass = weight == 0 ? pass_ : pass_ + (1 - random_.share()) / weight;
}

// Whoever was not usable for a while has no claim to the turns that it missed.
void Chooser::line_up() {
    turns_.clear();
    for (const uint32_t i : usable_) {
        if (members_[i]->pass < pass_) give_turn(*members_[i]);
        turns_.push_back({members_[i]->pass, i});
    }
    std::make_heap(turns_.begin(), turns_.end(), [](const Turn& a, const Turn& b) { return later(a.pass, b.pass); });
}

uint32_t Chooser::next_in_turn() {
    const auto order = [](const Turn& a, const Turn& b) { return later(a.pass, b.pass); };
    std::pop_heap(turns_.begin(), turns_.end(), order);
    Turn& turn = turns_.back();
    Member& member = *members_[turn.member];
    pass_ = turn.pass;
    turn.pass = member.pass = pass_ + 1.0 / member.instance->weight;
    const uint32_t chosen = turn.member;
    std::push_heap(turns_.begin(), turns_.end(), order);
    return chosen;
}

// Whose ticket it is, of as many as the weights add up to; a place in usable_.
uint32_t Chooser::drawn(uint64_t ticket) const {
    const auto owner = std::upper_bound(weight_up_to_.begin(), weight_up_to_.end(), ticket);
    return static_cast<uint32_t>(owner - weight_up_to_.begin());
}

uint32_t Chooser::less_busy() {
    const uint64_t tickets = weight_up_to_.back();
    const uint32_t place = drawn(random_.below(tickets));
    if (usable_.size() == 1) return usable_[0];
    const uint64_t weight = members_[usable_[place]]->instance->weight;
    // The second is another one: the tickets of the first are taken out.
    uint64_t ticket = random_.below(tickets - weight);
    if (ticket >= weight_up_to_[place] - weight) ticket += weight;
    const uint32_t other_place = drawn(ticket);
    const Member& one = *members_[usable_[place]];
    const Member& other = *members_[usable_[other_place]];
    const bool less = (other.outstanding + 1) * weight < (one.outstanding + 1) * other.instance->weight;
    return usable_[less ? other_place : place];
}

uint32_t Chooser::of_key(BytesView key) const {
    const bool bounded = options_.load_bound > 1;
    const double all = static_cast<double>(outstanding_ + 1);
    const auto weights = static_cast<double>(weight_up_to_.back());
    size_t place = ring_.place_of(key);
    for (size_t step = 0; step < ring_.size(); ++step) {
        const uint32_t owner = ring_.walk(place);
        const Member& member = *members_[owner];
        if (!member.usable) continue;
        const double room = std::ceil(options_.load_bound * all * member.instance->weight / weights);
        if (!bounded || static_cast<double>(member.outstanding) < room) return owner;
    }
    return usable_[0];  // the bounds add up to more than there is under way: one has room, unless a rounding hides it
}

// ---- what became of it ----

void Chooser::done(Member& member, Outcome outcome, uint64_t latency_us, uint64_t now_ms) {
    --member.outstanding;
    if (member.present) --outstanding_;
    if (outcome == Outcome::dropped) return;
    const bool first = member.latency_us == 0;
    member.latency_us = first ? latency_us : (member.latency_us * (latency_memory - 1) + latency_us) / latency_memory;
    const uint64_t slow_ms = options_.outliers.slow_ms;
    const bool slow = slow_ms > 0 && latency_us > slow_ms * 1000;
    if (outcome == Outcome::success && !slow) {
        ++member.successes;
        return member.outlier.succeeded(now_ms, options_.outliers);
    }
    ++member.failures;
    if (!member.outlier.failed(now_ms, options_.outliers) || !member.present) return;
    size_t out = 0;
    for (const auto& other : members_) out += other->outlier.ejected(now_ms) ? 1 : 0;
    if (out >= ejected_max(takers_, options_.outliers)) return;
    member.outlier.eject(now_ms, options_.outliers);
    stale_ = true;
}

}  // namespace belfry::balance

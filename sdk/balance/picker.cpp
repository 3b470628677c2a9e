#include "sdk/balance/picker.hpp"

#include <chrono>
#include <mutex>
#include <utility>

#include "sdk/base/random.hpp"

namespace belfry {
namespace {

uint64_t steady_us() {
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(now).count());
}

PickerOptions with_seed(PickerOptions options) {
    if (options.random_seed == 0) options.random_seed = random_u64() | 1;
    return options;
}

}  // namespace

struct Picked::Shared {
    explicit Shared(const PickerOptions& options) : chooser(options) {}
    std::mutex mutex;
    balance::Chooser chooser;
};

Picked::Picked(std::shared_ptr<Shared> shared, std::shared_ptr<balance::Member> member, uint64_t picked_us)
    : shared_(std::move(shared)), member_(std::move(member)), instance_(member_->instance), picked_us_(picked_us) {}

Picked& Picked::operator=(Picked&& other) noexcept {
    if (this == &other) return *this;
    done(balance::Outcome::dropped);
    shared_ = std::move(other.shared_);
    member_ = std::move(other.member_);
    instance_ = std::move(other.instance_);
    picked_us_ = other.picked_us_;
    return *this;
}

Picked::~Picked() { done(balance::Outcome::dropped); }

void Picked::succeed() { done(balance::Outcome::success); }

void Picked::fail() { done(balance::Outcome::failure); }

void Picked::done(balance::Outcome outcome) {
    if (!shared_) return;
    const auto shared = std::move(shared_);
    const uint64_t now_us = steady_us();
    const std::lock_guard lock(shared->mutex);
    shared->chooser.done(*member_, outcome, now_us - picked_us_, now_us / 1000);
}

Picker::Picker(PickerOptions options) : shared_(std::make_shared<Picked::Shared>(with_seed(options))) {}

void Picker::update(std::span<const Instance> instances) {
    const std::lock_guard lock(shared_->mutex);
    shared_->chooser.update(instances);
}

Result<Picked> Picker::pick(BytesView key) {
    const uint64_t now_us = steady_us();
    const std::lock_guard lock(shared_->mutex);
    auto member = shared_->chooser.pick(key, now_us / 1000);
    if (!member) return Error{Code::unavailable, "no instance takes work"};
    return Picked(shared_, std::move(member), now_us);
}

PickerFigures Picker::figures() const {
    const uint64_t now_ms = steady_us() / 1000;
    const std::lock_guard lock(shared_->mutex);
    const balance::Chooser& chooser = shared_->chooser;
    PickerFigures figures{chooser.usable(), chooser.panics(), {}};
    for (const auto& member : chooser.members()) {
        figures.instances.push_back({member->instance->id, member->outstanding, member->picks, member->successes,
                                     member->failures, member->latency_us, member->outlier.ejected(now_ms),
                                     member->outlier.ejections()});
    }
    return figures;
}

}  // namespace belfry

#include "hub/core/guesses.hpp"

#include <algorithm>

namespace belfry::hub::core {

namespace {

constexpr unsigned free_guesses = 5;
constexpr uint64_t wait_ms_min = 1000;
constexpr unsigned doublings_max = 6;  // some 64 s: 1350 guesses a day
// A name that nobody tried for so long begins anew; names that are being tried are bounded, and so is this memory.
constexpr uint64_t forget_ms = 600'000;
constexpr size_t names_max = 4096;

}  // namespace

uint64_t Guesses::wait_ms(const Bytes& name, uint64_t now_ms) const {
    const auto found = names_.find(name);
    if (found == names_.end() || found->second.wrong < free_guesses) return 0;
    const uint64_t pause = wait_ms_min << std::min(found->second.wrong - free_guesses, doublings_max);
    const uint64_t free_at = found->second.last_ms + pause;
    return free_at > now_ms ? free_at - now_ms : 0;
}

void Guesses::begin(const Bytes& name, uint64_t now_ms) {
    if (names_.size() >= names_max && !names_.contains(name)) {
        std::erase_if(names_, [&](const auto& entry) { return now_ms - entry.second.last_ms >= forget_ms; });
        if (names_.size() >= names_max) {
            names_.erase(std::min_element(names_.begin(), names_.end(), [](const auto& one, const auto& other) {
                return one.second.wrong < other.second.wrong;
            }));
        }
    }
    Row& row = names_[name];
    if (now_ms - row.last_ms >= forget_ms) row.wrong = 0;
    ++row.wrong;
    row.last_ms = now_ms;
}

void Guesses::failed(const Bytes& name, uint64_t now_ms) {
    if (const auto found = names_.find(name); found != names_.end()) found->second.last_ms = now_ms;
}

void Guesses::undo(const Bytes& name) {
    const auto found = names_.find(name);
    if (found != names_.end() && found->second.wrong > 0) --found->second.wrong;
}

}  // namespace belfry::hub::core

#include "sdk/discovery/health_record.hpp"

#include <algorithm>

namespace belfry {

using namespace std::chrono_literals;

HealthRecord::HealthRecord(Options options, Time now) : options_(options), beaten_(now) {
    words_.push_back({Health::passing, ""});
    words_.resize(1 + options.checks, {Health::critical, "not checked yet"});
}

HealthRecord::Standing HealthRecord::at(Time now) {
    // Of equal ones the first that says something.
    const auto worst = std::max_element(words_.begin(), words_.end(), [](const Word& a, const Word& b) {
        return a.health != b.health ? a.health < b.health : a.note.empty() && !b.note.empty();
    });
    Standing standing{worst->health, worst->note, false, Time::max()};
    if (options_.beat_ttl > 0ms) {
        const Time overdue = beaten_ + options_.beat_ttl;
        if (now < overdue) {
            standing.changes_at = overdue;
        } else {
            standing.health = Health::critical;
            standing.note = "no beat within " + std::to_string(options_.beat_ttl.count()) + " ms";
            if (!critical_since_) critical_since_ = overdue;
        }
    }
    if (standing.health != Health::critical) critical_since_.reset();
    if (standing.health == Health::critical && !critical_since_) critical_since_ = now;
    if (!critical_since_ || options_.withdraw_after == 0ms) return standing;
    const Time withdrawn_at = *critical_since_ + options_.withdraw_after;
    standing.withdrawn = now >= withdrawn_at;
    if (!standing.withdrawn) standing.changes_at = std::min(standing.changes_at, withdrawn_at);
    return standing;
}

}  // namespace belfry

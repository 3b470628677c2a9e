// What many findings come to: a health that does not follow each of them. Pure.
//
//   passing ──failures_before_critical findings in a row that are worse──▶ the mildest of these
//   critical ◀─── likewise successes_before_passing that are better: the worst of these
//
// So one lost packet takes nobody out of service, and one that works every other time does not come back. The first finding
// stands at once, since nothing is known before it.
#pragma once

#include "sdk/discovery/instance.hpp"

namespace belfry {

namespace limits {
// A service that is broken for as many intervals is so; more is a mistake in units.
inline constexpr unsigned findings_in_a_row_max = 1000;
}  // namespace limits

struct DampingOptions {
    unsigned failures_before_critical = 3;  // 1 to limits::findings_in_a_row_max, both
    unsigned successes_before_passing = 2;
};

class Damping {
public:
    explicit Damping(DampingOptions options) : options_(options) {}

    // What stands after this finding.
    Health take(Health found);
    // None: nothing was found yet.
    std::optional<Health> health() const { return health_; }

private:
    const DampingOptions options_;
    std::optional<Health> health_;
    bool worse_ = false;                // the run
    unsigned run_ = 0;                  // of findings in a row that are all worse than health_, or all better
    Health nearest_ = Health::passing;  // of them to health_
};

}  // namespace belfry

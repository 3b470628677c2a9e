#include "sdk/discovery/damping.hpp"

#include <algorithm>

namespace belfry {

Health Damping::take(Health found) {
    if (!health_) health_ = found;
    if (found == *health_) {
        run_ = 0;
        return found;
    }
    const bool worse = found > *health_;
    const bool goes_on = run_ > 0 && worse == worse_;
    nearest_ = !goes_on ? found : worse ? std::min(nearest_, found) : std::max(nearest_, found);
    run_ = goes_on ? run_ + 1 : 1;
    worse_ = worse;
    if (run_ >= (worse ? options_.failures_before_critical : options_.successes_before_passing)) {
        health_ = nearest_;
        run_ = 0;
    }
    return *health_;
}

}  // namespace belfry

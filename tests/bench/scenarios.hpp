// The scenarios of docs/benchmarks.md. Every load is bounded in time and count.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "tests/bench/driver.hpp"

namespace belfry::bench {

// Named figures of one scenario on one server: "rate/s", "p50 us", "server cpu us/op", ...
using Figures = std::map<std::string, double>;

struct Load {
    double seconds = 5;
    size_t in_flight = 256;
    size_t keys = 10'000;
    size_t value_bytes = 256;
};

Figures run_puts(Driver& driver, const Load& load);
Figures run_gets(Driver& driver, const Load& load);  // fills the keys first
Figures run_ranges(Driver& driver, const Load& load, size_t keys_per_range);
// Publishers write as fast as they can while `subscribers` listen: delivered events per second.
Figures run_fanout(Driver& driver, const Load& load, size_t subscribers);
// `rate` changes a second while `subscribers` listen: from the put's acknowledgement to the callback.
Figures run_delivery_latency(Driver& driver, const Load& load, size_t subscribers, double rate);
Figures run_idle(Driver& driver, double seconds);
// Kills the leader again and again; milliseconds until a write is accepted. With `in_flight` puts meanwhile, if that is not
// 0: afterwards each is accounted for.
Figures run_fail_over(Driver& driver, size_t kills, size_t in_flight);
// Fills `keys`, kills, restarts.
Figures run_restart(Driver& driver, size_t keys, size_t value_bytes);

bool fill(Driver& driver, const std::string& prefix, size_t keys, size_t value_bytes);

}  // namespace belfry::bench

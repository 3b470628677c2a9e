// Virtual time, the queue of what will happen, the trace, and the verdict.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <string>

#include "tests/sim/random.hpp"

namespace belfry::sim {

class World {
public:
    explicit World(uint64_t seed) : random(seed) {}

    Random random;

    uint64_t now() const { return now_; }
    // Things due at the same time happen in the order in which they were planned.
    void at(uint64_t time_ms, std::function<void()> action) {
        queue_.emplace(std::pair{time_ms < now_ ? now_ : time_ms, ++planned_}, std::move(action));
    }
    void after(uint64_t delay_ms, std::function<void()> action) { at(now_ + delay_ms, std::move(action)); }
    // Ends early on a failure.
    void run_until(uint64_t time_ms) {
        while (!queue_.empty() && queue_.begin()->first.first <= time_ms && failure_.empty()) {
            auto first = queue_.extract(queue_.begin());
            now_ = first.key().first;
            first.mapped()();
        }
        if (failure_.empty()) now_ = time_ms;
    }

    // The first failure counts.
    void fail(const std::string& what) {
        if (failure_.empty()) failure_ = std::to_string(now_) + " ms: " + what;
    }
    const std::string& failure() const { return failure_; }

    bool tracing = false;
    // Cheap when nobody traces: `line` is a callable that makes the text.
    template <class Line>
    void trace(Line&& line) {
        if (!tracing) return;
        trace_.push_back(std::to_string(now_) + " " + line());
        if (trace_.size() > trace_lines_max) trace_.pop_front();
    }
    const std::deque<std::string>& trace_lines() const { return trace_; }
    size_t trace_lines_max = 50;

private:
    uint64_t now_ = 0;
    uint64_t planned_ = 0;
    std::map<std::pair<uint64_t, uint64_t>, std::function<void()>> queue_;
    std::string failure_;
    std::deque<std::string> trace_;
};

}  // namespace belfry::sim

// Asks the slow rules of policies: on threads of its own, since one may take seconds, and the core waits for none.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "hub/core/core.hpp"

namespace belfry::hub::shell {

class RuleAsker {
public:
    // `on_answer` is called on the threads. What waits is bounded by the core.
    explicit RuleAsker(std::function<void(core::Input)> on_answer) : on_answer_(std::move(on_answer)) {}
    // Waits for the questions being asked (which take as long as they take); those that wait are dropped.
    ~RuleAsker();
    RuleAsker(const RuleAsker&) = delete;
    RuleAsker& operator=(const RuleAsker&) = delete;

    // One thread. In the order given as far as there are threads.
    void ask(core::WriteQuestions questions);

private:
    void run();

    const std::function<void(core::Input)> on_answer_;
    std::mutex mutex_;
    std::condition_variable arrived_;
    std::deque<core::WriteQuestions> waiting_;  // under mutex_
    bool stopping_ = false;                     // likewise
    std::vector<std::thread> threads_;          // from the first question on
};

}  // namespace belfry::hub::shell

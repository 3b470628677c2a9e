// Has the authority check passwords: on threads of its own, since one takes 50 to 100 ms of a core and 64 MiB on purpose,
// and the core waits for none.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "hub/core/core.hpp"

namespace belfry::hub::shell {

class PasswordAsker {
public:
    // `authority` outlives this. `on_answer` is called on the threads. What waits is bounded by the core.
    PasswordAsker(const plugin::Authority& authority, std::function<void(core::Input)> on_answer)
        : authority_(authority), on_answer_(std::move(on_answer)) {}
    // Waits for the passwords being checked; those that wait are dropped.
    ~PasswordAsker();
    PasswordAsker(const PasswordAsker&) = delete;
    PasswordAsker& operator=(const PasswordAsker&) = delete;

    // One thread.
    void ask(core::PasswordQuestion question);

private:
    void run();

    const plugin::Authority& authority_;
    const std::function<void(core::Input)> on_answer_;
    std::mutex mutex_;
    std::condition_variable arrived_;
    std::deque<core::PasswordQuestion> waiting_;  // under mutex_
    bool stopping_ = false;                       // likewise
    std::vector<std::thread> threads_;            // from the first question on
};

}  // namespace belfry::hub::shell

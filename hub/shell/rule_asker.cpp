#include "hub/shell/rule_asker.hpp"

namespace belfry::hub::shell {

namespace {

// Slow rules wait for processes of their own, so a few at once; each of those may use a processor.
constexpr size_t rule_threads_count = 4;

Status ask_all(const std::vector<core::RuleQuestion>& questions) {
    for (const core::RuleQuestion& question : questions) {
        if (Status accepted = question.ask(); !accepted) return accepted;
    }
    return {};
}

}  // namespace

RuleAsker::~RuleAsker() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    arrived_.notify_all();
    for (std::thread& thread : threads_) thread.join();
}

void RuleAsker::ask(core::WriteQuestions questions) {
    {
        const std::lock_guard lock(mutex_);
        waiting_.push_back(std::move(questions));
    }
    arrived_.notify_one();
    while (threads_.size() < rule_threads_count) threads_.emplace_back([this] { run(); });
}

void RuleAsker::run() {
    for (;;) {
        core::WriteQuestions work;
        {
            std::unique_lock lock(mutex_);
            arrived_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
            if (stopping_) return;
            work = std::move(waiting_.front());
            waiting_.pop_front();
        }
        on_answer_(core::RulesAnswered{work.write, ask_all(work.questions)});
    }
}

}  // namespace belfry::hub::shell

#include "hub/shell/password_asker.hpp"

#include "sdk/auth/secrets.hpp"

namespace belfry::hub::shell {

namespace {

// Guessing may keep so many cores busy, and no more.
constexpr size_t password_threads_count = 2;

}  // namespace

PasswordAsker::~PasswordAsker() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    arrived_.notify_all();
    for (std::thread& thread : threads_) thread.join();
    for (core::PasswordQuestion& question : waiting_) auth::wipe(question.password);
}

void PasswordAsker::ask(core::PasswordQuestion question) {
    {
        const std::lock_guard lock(mutex_);
        waiting_.push_back(std::move(question));
    }
    arrived_.notify_one();
    while (threads_.size() < password_threads_count) threads_.emplace_back([this] { run(); });
}

void PasswordAsker::run() {
    for (;;) {
        core::PasswordQuestion question;
        {
            std::unique_lock lock(mutex_);
            arrived_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
            if (stopping_) return;
            question = std::move(waiting_.front());
            waiting_.pop_front();
        }
        Status verdict = authority_.authenticate(question.name, question.password);
        auth::wipe(question.password);
        on_answer_(core::PasswordChecked{question.login, std::move(verdict)});
    }
}

}  // namespace belfry::hub::shell

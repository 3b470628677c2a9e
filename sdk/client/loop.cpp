#include "sdk/client/loop.hpp"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cassert>
#include <condition_variable>

#include "sdk/protocol/codec.hpp"

namespace belfry::client {
namespace {
constexpr uint64_t event_tag = 0;
constexpr uint64_t requests_tag = 1;
constexpr int events_max = 256;
constexpr uint64_t sleep_ms_max = 60'000;

void watch_descriptor(int epoll, int descriptor, uint64_t tag) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = tag;
    epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event);
}
}  // namespace

uint64_t steady_ms() {
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(now).count()) + 1;
}

Loop::Loop(const ClientOptions& options, Security security)
    : options_(options), security_(std::move(security)), requests_(context_, options_, security_, in_flight_) {}

Result<std::shared_ptr<Loop>> Loop::start(const ClientOptions& options, Security security) {
    std::shared_ptr<Loop> loop(new Loop(options, std::move(security)));
    loop->epoll_ = epoll_create1(EPOLL_CLOEXEC);
    loop->event_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (loop->epoll_ < 0 || loop->event_ < 0 || loop->context_.get() == nullptr) {
        return Error{Code::busy, "no file descriptors left for a client (ulimit -n)"};
    }
    watch_descriptor(loop->epoll_, loop->event_, event_tag);
    Loop* raw = loop.get();
    raw->requests_.on_open = [raw](int descriptor) { watch_descriptor(raw->epoll_, descriptor, requests_tag); };
    raw->requests_.on_close = [raw](int descriptor) { raw->unwatch(descriptor); };
    raw->requests_.on_lost = [raw](size_t endpoint, uint64_t now_ms) {
        for (const auto& [id, participant] : std::unordered_map(raw->participants_)) participant->on_lost(endpoint, now_ms);
    };
    if (Status status = raw->requests_.open(); !status) return std::move(status).error();
    raw->thread_ = std::thread([raw] { raw->main(); });
    raw->thread_id_ = raw->thread_.get_id();
    return loop;
}

Loop::~Loop() {
    if (epoll_ >= 0) close(epoll_);
    if (event_ >= 0) close(event_);
}

void Loop::stop(std::shared_ptr<Loop> self) {
    if (here()) {
        // The last owner let go inside a callback: another thread joins this one.
        std::thread([self] { self->stop(self); }).detach();
        return;
    }
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    wake();
    if (thread_.joinable()) thread_.join();
}

void Loop::wake() {
    const uint64_t one = 1;
    (void)!write(event_, &one, sizeof one);
}

Status Loop::submit(protocol::Request request, Client::Completion completion) {
    if (in_flight_.fetch_add(1, std::memory_order_relaxed) >= options_.requests_in_flight_max) {
        in_flight_.fetch_sub(1, std::memory_order_relaxed);
        return Error{Code::busy, std::to_string(options_.requests_in_flight_max) + " requests are in flight already"};
    }
    bool asleep = false;
    {
        const std::lock_guard lock(mutex_);
        if (stopping_) {
            in_flight_.fetch_sub(1, std::memory_order_relaxed);
            return Error{Code::unavailable, "the client is closed"};
        }
        submitted_.push_back({std::move(request), std::move(completion), true});
        asleep = std::exchange(sleeping_, false);
    }
    if (asleep) wake();
    return {};
}

void Loop::post(std::function<void()> task) {
    bool asleep = false;
    {
        const std::lock_guard lock(mutex_);
        if (stopped_) return;
        tasks_.push_back(std::move(task));
        asleep = std::exchange(sleeping_, false);
    }
    if (asleep) wake();
}

void Loop::run(std::function<void()> task) {
    if (here()) return task();
    std::mutex mutex;
    std::condition_variable done_now;
    bool done = false;
    post([&] {
        task();
        const std::lock_guard lock(mutex);
        done = true;
        done_now.notify_one();
    });
    std::unique_lock lock(mutex);
    done_now.wait(lock, [&] { return done; });
}

// ---- loop thread ----

void Loop::main() {
    thread_id_ = std::this_thread::get_id();
    for (;;) {
        {
            const std::lock_guard lock(mutex_);
            if (stopping_ && tasks_.empty()) break;
        }
        take_posted();
        uint64_t now_ms = steady_ms();
        if (now_ms >= requests_.wake_at_ms()) requests_.on_timer(now_ms);
        const bool busy = requests_.exchange(now_ms);
        serve_ready(now_ms);
        now_ms = steady_ms();
        serve_timers(now_ms);
        sleep(now_ms, busy);
    }
    take_posted();
    {
        const std::lock_guard lock(mutex_);
        stopped_ = true;
    }
    requests_.fail_all();
    ready_.clear();
    participants_.clear();
}

void Loop::take_posted() {
    std::vector<Outgoing> submitted;
    std::vector<std::function<void()>> tasks;
    {
        const std::lock_guard lock(mutex_);
        submitted.swap(submitted_);
        tasks.swap(tasks_);
    }
    const uint64_t now_ms = steady_ms();
    for (auto& task : tasks) task();
    for (Outgoing& outgoing : submitted) requests_.add(std::move(outgoing), now_ms);
}

void Loop::serve_ready(uint64_t now_ms) {
    std::vector<std::shared_ptr<Participant>> ready;
    ready.swap(ready_);
    for (const auto& participant : ready) {
        participant->ready = false;
        if (!participants_.contains(participant->participant_id)) continue;
        if (participant->on_readable(now_ms)) touch(*participant);
        const uint64_t wake_ms = participant->wake_at_ms();
        if (wake_ms < participant->scheduled_ms) {
            participant->scheduled_ms = wake_ms;
            deadlines_.emplace(wake_ms, participant->participant_id);
        }
    }
}

// A deadline that moved away is found too early here and entered again: cheap, since marks move it once a second.
void Loop::serve_timers(uint64_t now_ms) {
    while (!deadlines_.empty() && deadlines_.top().first <= now_ms) {
        const auto [when, id] = deadlines_.top();
        deadlines_.pop();
        const auto found = participants_.find(id);
        if (found == participants_.end() || found->second->scheduled_ms != when) continue;
        const std::shared_ptr<Participant> participant = found->second;
        if (now_ms >= participant->wake_at_ms()) participant->on_timer(now_ms);
        participant->scheduled_ms = std::max(participant->wake_at_ms(), now_ms + 1);
        if (participant->scheduled_ms != UINT64_MAX) deadlines_.emplace(participant->scheduled_ms, id);
    }
}

void Loop::sleep(uint64_t now_ms, bool busy) {
    uint64_t wake_ms = std::min(requests_.wake_at_ms(), now_ms + sleep_ms_max);
    if (!deadlines_.empty()) wake_ms = std::min(wake_ms, deadlines_.top().first);
    int timeout = wake_ms > now_ms ? static_cast<int>(wake_ms - now_ms) : 0;
    {
        const std::lock_guard lock(mutex_);
        if (busy || requests_.has_new() || !ready_.empty() || !submitted_.empty() || !tasks_.empty() || stopping_)
            timeout = 0;
        sleeping_ = timeout > 0;
    }
    epoll_event events[events_max];
    const int count = epoll_wait(epoll_, events, events_max, timeout);
    {
        const std::lock_guard lock(mutex_);
        sleeping_ = false;
    }
    for (int i = 0; i < count; ++i) {
        const uint64_t tag = events[i].data.u64;
        if (tag == event_tag) {
            uint64_t ignored = 0;
            (void)!read(event_, &ignored, sizeof ignored);
        } else if (tag != requests_tag) {
            const auto found = participants_.find(tag);
            if (found != participants_.end()) touch(*found->second);
        }
    }
}

void Loop::add(const std::shared_ptr<Participant>& participant) {
    participant->participant_id = ++last_id_;
    participants_.emplace(last_id_, participant);
    touch(*participant);
}

void Loop::remove(uint64_t participant_id) { participants_.erase(participant_id); }

void Loop::watch(Participant& participant, int descriptor) {
    watch_descriptor(epoll_, descriptor, participant.participant_id);
    touch(participant);
}

void Loop::unwatch(int descriptor) { epoll_ctl(epoll_, EPOLL_CTL_DEL, descriptor, nullptr); }

void Loop::touch(Participant& participant) {
    if (participant.ready) return;
    const auto found = participants_.find(participant.participant_id);
    if (found == participants_.end()) return;
    participant.ready = true;
    ready_.push_back(found->second);
}

void Loop::request(protocol::RequestOp op, Client::Completion completion) {
    requests_.add({{0, options_.author, {}, std::move(op)}, std::move(completion), false}, steady_ms());
}

}  // namespace belfry::client

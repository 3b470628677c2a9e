// The client's one I/O thread: epoll over the descriptors of its sockets, one eventfd and the nearest deadline. Private to
// sdk/client. "Loop thread" below means this thread; everything without that word may be called from any thread.
//
// Requests from all threads are gathered in a vector under a mutex; the loop takes all of them at once and packs them into
// as few frames as fit. The eventfd is written only if the loop sleeps. Each participant (a subscription) costs something
// only when its own socket is ready or its own deadline passed.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <queue>
#include <thread>
#include <unordered_map>

#include "sdk/client/client.hpp"
#include "sdk/client/request_link.hpp"
#include "sdk/client/security.hpp"
#include "sdk/client/zmq_socket.hpp"

namespace belfry::client {

uint64_t steady_ms();

class Participant {
public:
    virtual ~Participant() = default;
    // True if more may be waiting: it is called again before the loop sleeps.
    virtual bool on_readable(uint64_t now_ms) = 0;
    virtual void on_timer(uint64_t now_ms) = 0;
    // The hub at this endpoint has gone; requests go to another one now.
    virtual void on_lost(size_t endpoint, uint64_t now_ms) = 0;
    virtual uint64_t wake_at_ms() const = 0;

    uint64_t participant_id = 0;  // the loop's
    uint64_t scheduled_ms = UINT64_MAX;
    bool ready = false;
};

class Loop {
public:
    static Result<std::shared_ptr<Loop>> start(const ClientOptions& options, Security security);
    ~Loop();
    // Ends the thread and completes what is pending. Returns at once if called on the loop thread.
    void stop(std::shared_ptr<Loop> self);

    Status submit(protocol::Request request, Client::Completion completion);
    void post(std::function<void()> task);
    void run(std::function<void()> task);  // and waits for its end
    bool here() const { return std::this_thread::get_id() == thread_id_.load(); }

    // ---- loop thread ----
    void add(const std::shared_ptr<Participant>& participant);
    void remove(uint64_t participant_id);
    void watch(Participant& participant, int descriptor);  // from now on, until the descriptor is closed
    void unwatch(int descriptor);
    void touch(Participant& participant);  // something was done to its socket or deadline: look again before sleeping
    void request(protocol::RequestOp op, Client::Completion completion);
    // Which of the endpoints requests go to.
    size_t request_endpoint() const { return requests_.endpoint(); }
    // A subscription is not served there: requests go elsewhere too, if they still go there and no answer would be lost.
    void leave_endpoint(size_t endpoint) { requests_.leave(endpoint, steady_ms()); }
    const ZmqContext& context() const { return context_; }
    const Security& security() const { return security_; }

private:
    Loop(const ClientOptions& options, Security security);
    void main();
    void take_posted();
    void serve_ready(uint64_t now_ms);
    void serve_timers(uint64_t now_ms);
    void sleep(uint64_t now_ms, bool busy);
    void wake();

    const ClientOptions options_;
    const Security security_;
    std::atomic<std::thread::id> thread_id_;
    std::thread thread_;
    int epoll_ = -1;
    int event_ = -1;

    std::mutex mutex_;
    std::vector<Outgoing> submitted_;
    std::vector<std::function<void()>> tasks_;
    bool sleeping_ = false;
    bool stopping_ = false;
    bool stopped_ = false;
    std::atomic<size_t> in_flight_ = 0;

    // loop thread
    ZmqContext context_;
    RequestLink requests_;
    std::unordered_map<uint64_t, std::shared_ptr<Participant>> participants_;
    uint64_t last_id_ = 1;  // 0 and 1 are the eventfd and the request socket
    std::vector<std::shared_ptr<Participant>> ready_;
    using Deadline = std::pair<uint64_t, uint64_t>;  // when, participant
    std::priority_queue<Deadline, std::vector<Deadline>, std::greater<>> deadlines_;
};

}  // namespace belfry::client

// The door: strangers' frames are decoded once, checked and admitted, or answered at once. Called by the transports'
// threads; never blocks. Past it there are only valid requests.
#pragma once

#include <atomic>

#include "hub/core/core.hpp"
#include "hub/shell/mailbox.hpp"

namespace belfry::hub::shell {

// What the core thread takes from its queue.
struct Refusal {
    uint64_t connection = 0;
    protocol::Reply reply;
};
using Item = std::variant<core::Input, Refusal>;

class Inbox {
public:
    // What may wait for the core; past it a frame is answered `busy`.
    struct Bounds {
        uint64_t requests_max = 0;
        uint64_t bytes_max = 0;
    };
    Inbox(Mailbox<Item>& mailbox, Bounds bounds) : mailbox_(mailbox), bounds_(bounds) {}

    // ok = every request was admitted; otherwise refusals were queued for those that were not. `public_key`: that the
    // sender has proved to have; empty = none.
    Status on_frame(uint64_t connection, BytesView public_key, BytesView frame);
    // Takes everything that waits, as Mailbox::take_all does.
    void take_all(std::vector<Item>& items, std::chrono::steady_clock::time_point deadline);
    // As Mailbox::take_if; requests may not be wanted: those that wait are counted.
    template <class Wanted>
    void take_if(std::vector<Item>& items, Wanted&& wanted) {
        mailbox_.take_if(items, wanted);
    }

    uint64_t refused_count() const { return refused_.load(std::memory_order_relaxed); }
    uint64_t malformed_count() const { return malformed_.load(std::memory_order_relaxed); }

private:
    Status refuse(uint64_t connection, const std::vector<uint64_t>& ids, Error error);

    Mailbox<Item>& mailbox_;
    const Bounds bounds_;
    size_t waiting_requests_ = 0;  // these two under the mailbox's lock
    size_t waiting_bytes_ = 0;
    std::atomic<uint64_t> refused_{0};
    std::atomic<uint64_t> malformed_{0};
};

}  // namespace belfry::hub::shell

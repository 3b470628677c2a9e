// The keep-alives of all leases that this client holds (sdk/client/lease.hpp), in as few requests as there can be: when one
// lease is due, those that soon would be go with it, and are due together from then on. Of leases of 10 s some ten requests
// go out in 3.3 s, however many leases there are below limits::leases_kept_alive_max. Loop thread only. Private to
// sdk/client.
#pragma once

#include <chrono>
#include <memory>
#include <set>

#include "sdk/client/loop.hpp"

namespace belfry::client {

class KeepAlives {
public:
    using Clock = std::chrono::steady_clock;

    // A lease, while it is kept alive.
    class Holder : public std::enable_shared_from_this<Holder> {
    public:
        virtual ~Holder() = default;
        virtual LeaseId lease() const = 0;
        // It is being asked for. From when on it may be again, if others are.
        virtual Clock::time_point on_sent(Clock::time_point now) = 0;
        // The answer to what was sent then: its time to live; 0 s = it has ended.
        virtual void on_answer(const Result<std::chrono::seconds>& ttl, Clock::time_point sent, Clock::time_point now) = 0;

    private:
        friend class KeepAlives;
        Clock::time_point ready_at_ = Clock::time_point::max();
    };

    // From then on it may be asked for, if others are. Until remove().
    void set(Holder& holder, Clock::time_point ready_at);
    // REQUIRES: before it is gone.
    void remove(Holder& holder);
    // Asks for all that may be.
    void send(Loop& loop, Clock::time_point now);

private:
    std::set<std::pair<Clock::time_point, Holder*>> ready_;
};

}  // namespace belfry::client

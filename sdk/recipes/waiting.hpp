// Waiting for what others do at the hub: what all recipes that wait have in common.
//
// Whoever waits asks for changes of one key (ChangesRequest::wait_ms), which any member may answer, perhaps one that is
// behind: that is a hint, and a linearizable read afterwards decides. After a round without word (a fifth of the client's
// timeout, waits_per_timeout: before the client would send the request again, or leave a hub that only lets it wait) it is
// read as well. So nothing is missed over fail-overs, and one port is enough.
// Threads: any; calls are synchronous: not in a callback of the client.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>

#include "sdk/base/may_pass.hpp"
#include "sdk/client/lease.hpp"

namespace belfry::recipes {

// How long something may take. A request that is under way when it is over is waited for, at most the client's timeout.
struct Patience {
    std::chrono::steady_clock::time_point until;
    std::function<bool()> cancelled = {};  // asked some twenty times a second while there is nothing to do; may be empty

    static Patience of(std::chrono::milliseconds timeout, std::function<bool()> cancelled = {});
};

// It is not time yet: everything up to `seen` is known, and a change of the key may change it.
struct Awaited {
    Bytes key;
    Revision seen;
};
// Reads how things stand; none = it is time.
using Look = std::function<Result<std::optional<Awaited>>()>;

// `not_found`.
Error lease_ended(const Lease& lease);

class Waiting {
public:
    // `lease`: when it ends, so does the waiting; may be null. `name`, and `overdue`, why it may have taken so long, are
    // for the sentences of errors.
    Waiting(std::shared_ptr<Client> client, std::shared_ptr<const Lease> lease, Bytes name, std::string overdue);

    // However little time there is: whoever gives none has the hub asked once. `not_found`: the lease has ended; `timeout`:
    // cancelled.
    Status may_begin(const Patience& patience) const;
    // Likewise; `timeout`: also out of time.
    Status may_go_on(const Patience& patience) const;
    // A fifth of a second, or less if it may not go on.
    void pause(const Patience& patience) const;
    // Returns soon after a change of what the filter is about, after `from`, and now and then without one. None: whoever
    // was asked does not know, has forgotten or is behind. `denied`, `unsupported`: there will be no word.
    Result<std::optional<protocol::ChangesReply>> hear(const protocol::FilterSpec& filter, Revision from,
                                                       const Patience& patience) const;
    // Returns soon after a change, and now and then without one. `denied`, `unsupported`: there will be none.
    Status await_change(const Awaited& awaited, const Patience& patience) const;
    // Looks, at first or after a change of what is known already, until it is time. Otherwise as may_go_on(), or what a
    // look failed with that will not pass.
    Status until(const Look& look, const Patience& patience, std::optional<Awaited> known = {}) const;

private:
    const std::shared_ptr<Client> client_;
    const std::shared_ptr<const Lease> lease_;
    const Bytes name_;
    const std::string overdue_;
};

}  // namespace belfry::recipes

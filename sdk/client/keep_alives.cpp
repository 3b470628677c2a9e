#include "sdk/client/keep_alives.hpp"

#include "sdk/base/limits.hpp"

namespace belfry::client {
namespace {

using Holders = std::vector<std::weak_ptr<KeepAlives::Holder>>;

// Of each lease that was asked for; an error is all of theirs.
Result<protocol::LeaseKeepAliveReply> ttls_of(const Result<protocol::Reply>& reply, size_t asked) {
    if (!reply) return reply.error();
    if (reply->error.code != Code::ok) return reply->error;
    const auto* kept = std::get_if<protocol::LeaseKeepAliveReply>(&reply->result);
    if (kept != nullptr && kept->ttl_s.size() == asked) return *kept;
    return Error{Code::corrupt, "the hub answered with a result of another kind"};
}

void tell(const Holders& holders, const Result<protocol::Reply>& reply, KeepAlives::Clock::time_point sent) {
    const auto kept = ttls_of(reply, holders.size());
    const auto now = KeepAlives::Clock::now();  // one for all, so that those that are asked for again are so together
    for (size_t i = 0; i < holders.size(); ++i) {
        using Ttl = Result<std::chrono::seconds>;
        const auto holder = holders[i].lock();  // what one does with its answer may be the end of another
        if (holder) holder->on_answer(kept ? Ttl(std::chrono::seconds(kept->ttl_s[i])) : Ttl(kept.error()), sent, now);
    }
}

}  // namespace

void KeepAlives::set(Holder& holder, Clock::time_point ready_at) {
    remove(holder);
    holder.ready_at_ = ready_at;
    ready_.emplace(ready_at, &holder);
}

void KeepAlives::remove(Holder& holder) { ready_.erase({holder.ready_at_, &holder}); }

void KeepAlives::send(Loop& loop, Clock::time_point now) {
    while (!ready_.empty() && ready_.begin()->first <= now) {
        protocol::LeaseKeepAliveRequest request;
        Holders holders;
        while (!ready_.empty() && ready_.begin()->first <= now && holders.size() < limits::leases_kept_alive_max) {
            Holder& holder = *ready_.begin()->second;
            request.leases.push_back(holder.lease());
            holders.push_back(holder.weak_from_this());
            set(holder, holder.on_sent(now));
        }
        loop.request(std::move(request), [holders = std::move(holders), now](const Result<protocol::Reply>& reply) {
            tell(holders, reply, now);
        });
    }
}

}  // namespace belfry::client

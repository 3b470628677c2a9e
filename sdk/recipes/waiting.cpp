#include "sdk/recipes/waiting.hpp"

#include <algorithm>
#include <future>
#include <thread>

#include "sdk/base/limits.hpp"

namespace belfry::recipes {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto cancel_poll = 50ms;
constexpr uint64_t hint_bytes = 16 * 1024;  // of changes in one answer: they are looked at, not kept
constexpr Clock::duration retry_pause = 200ms;
constexpr std::chrono::milliseconds patience_max = 24h * 365;  // what is longer is for ever, and clocks do not overflow

}  // namespace

Patience Patience::of(std::chrono::milliseconds timeout, std::function<bool()> cancelled) {
    return {Clock::now() + std::min(timeout, patience_max), std::move(cancelled)};
}

Error lease_ended(const Lease& lease) {
    return {Code::not_found, "lease " + std::to_string(lease.id().value) + " has ended"};
}

Waiting::Waiting(std::shared_ptr<Client> client, std::shared_ptr<const Lease> lease, Bytes name, std::string overdue)
    : client_(std::move(client)), lease_(std::move(lease)), name_(std::move(name)), overdue_(std::move(overdue)) {}

Status Waiting::may_begin(const Patience& patience) const {
    if (lease_ && !lease_->alive()) return lease_ended(*lease_);
    if (patience.cancelled && patience.cancelled()) return Error{Code::timeout, "'" + name_ + "': given up"};
    return {};
}

Status Waiting::may_go_on(const Patience& patience) const {
    if (Status may = may_begin(patience); !may) return may;
    if (Clock::now() < patience.until) return {};
    return Error{Code::timeout, "'" + name_ + "': " + overdue_ + ", or the hub did not answer"};
}

void Waiting::pause(const Patience& patience) const {
    const auto end = std::min(Clock::now() + retry_pause, patience.until);
    while (Clock::now() < end && may_go_on(patience))
        std::this_thread::sleep_for(std::min<Clock::duration>(cancel_poll, end - Clock::now()));
}

Result<std::optional<protocol::ChangesReply>> Waiting::hear(const protocol::FilterSpec& filter, Revision from,
                                                            const Patience& patience) const {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(patience.until - Clock::now());
    const auto round = std::min(
        {client_->options().timeout / waits_per_timeout, std::chrono::milliseconds(limits::stream_wait_ms_max), left});
    protocol::ChangesRequest request;
    request.filter = filter;
    request.from = from;
    request.limit_bytes = hint_bytes;
    request.wait_ms = static_cast<uint64_t>(std::max(round, 1ms).count());
    const auto asked = Clock::now();
    auto answer = client_->send(std::move(request));
    while (answer.wait_for(cancel_poll) != std::future_status::ready) {
        if (const Status go = may_go_on(patience); !go) return go.error();
    }
    auto reply = answer.get();
    const Error error = reply ? reply->error : reply.error();
    if (error.code == Code::denied || error.code == Code::unsupported) return error;
    auto* told = reply ? std::get_if<protocol::ChangesReply>(&reply->result) : nullptr;
    const bool changed = told != nullptr && !told->changes.empty();
    // That member is behind, is full, has no leader or has forgotten: it is not to be asked again at once.
    if (!changed && Clock::now() - asked < round / 2) pause(patience);
    if (told == nullptr) return std::optional<protocol::ChangesReply>();
    return std::optional(std::move(*told));
}

Status Waiting::await_change(const Awaited& awaited, const Patience& patience) const {
    const auto told = hear({"exact", awaited.key}, awaited.seen, patience);
    return told ? Status() : Status(told.error());
}

Status Waiting::until(const Look& look, const Patience& patience, std::optional<Awaited> known) const {
    for (;;) {
        if (known) {
            if (const Status go = may_go_on(patience); !go) return go;
            if (const Status waited = await_change(*known, patience); !waited) return waited;
        }
        auto now = look();
        if (now && !*now) return {};
        if (now) {
            known = **now;
            continue;
        }
        if (!may_pass(now.error().code)) return now.error();
        if (const Status go = may_go_on(patience); !go) return go;
        pause(patience);
    }
}

}  // namespace belfry::recipes

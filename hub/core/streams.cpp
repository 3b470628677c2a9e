// Private streams: changes asked for one request at a time (docs/feed.md). A request that finds nothing new waits for the
// first change, or until its time is over. Either answer is a coverage interval, as a message of the feed is.
#include <algorithm>

#include "hub/core/impl.hpp"
#include "sdk/protocol/codec.hpp"

namespace belfry::hub::core {

namespace {

// With one answer of up to 2 MiB, before it is asked whether the round is full: what they have in common costs little.
constexpr size_t answers_at_once = 64;

}  // namespace

void Core::Impl::on_changes(RequestReceived& input, Instant now, Output& output) {
    const auto& op = std::get<protocol::ChangesRequest>(input.request.op);
    const auto filter = compile(op.filter);
    if (!filter) return answer(input.connection, input.request.id, filter.error(), output);
    auto reply = keyspace_.changes(op, **filter);
    // A filter of change sets that compaction has overtaken hears so at once.
    const bool waits = reply && reply->from == op.from && reply->changes.empty() && !reply->more && op.wait_ms > 0;
    if (!waits) {
        if (reply) reply->epoch = options_.epoch;
        return answer(input.connection, input.request.id, std::move(reply), output);
    }
    if (waiting_changes_.full()) {
        return answer(input.connection, input.request.id, Error{Code::busy, "too many requests wait for changes"}, output);
    }
    const uint64_t deadline_ms = now.monotonic_ms + op.wait_ms;
    waiting_changes_.add(std::move(input), *filter, deadline_ms);
}

void Core::Impl::answer_streams(Instant now, Output& output) {
    if (stopped_) return;
    for (size_t left = limits::stream_answers_per_round_max; left > 0 && !behind_ && waiting_changes_.any_touched();) {
        if (!has_time(Round::Work::streams, output)) break;
        auto touched = waiting_changes_.take_touched(std::min(left, answers_at_once));
        left -= touched.waiting.size();
        // It may have been revoked while it waited.
        std::erase_if(touched.waiting, [&](auto& one) { return !is_still_permitted(one.request, now, output); });
        if (!touched.waiting.empty()) answer_touched(touched, output);
    }
    for (auto& [request, deadline_ms] : waiting_changes_.take_late(now.monotonic_ms)) {
        if (!is_still_permitted(request, now, output)) continue;
        const auto& op = std::get<protocol::ChangesRequest>(request.request.op);
        Result<protocol::ChangesReply> reply(
            protocol::ChangesReply{op.from, keyspace_.revision(), {}, false, options_.epoch});
        // As the marks of the feed end then: who is told that nothing came believes to be current.
        if (!speaks()) reply = Error{Code::unavailable, "this member has no leader and does not know what is newest"};
        if (const Status whole = state_is_whole(); !whole) reply = whole.error();
        answer(request.connection, request.request.id, std::move(reply), output);
    }
}

// Each of them knows everything before `since` that its filter is to hear.
void Core::Impl::answer_touched(const WaitingChanges::Touched& touched, Output& output) {
    auto shared = std::get<protocol::ChangesRequest>(touched.waiting.front().request.request.op);
    shared.from = touched.since.previous();
    auto reply = keyspace_.changes(shared, *touched.filter);
    if (!reply) {
        for (const auto& [request, deadline_ms] : touched.waiting) {
            answer(request.connection, request.request.id, reply.error(), output);
        }
        return;
    }
    reply->epoch = options_.epoch;
    if (reply->from != shared.from) {  // a filter of change sets that compaction overtook: each is told what it lost
        for (const auto& [request, deadline_ms] : touched.waiting) {
            auto own = keyspace_.changes(std::get<protocol::ChangesRequest>(request.request.op), *touched.filter);
            if (own) own->epoch = options_.epoch;
            answer(request.connection, request.request.id, std::move(own), output);
        }
        return;
    }
    const protocol::SharedChanges encoded(keyspace_.revision(), *reply);
    for (const auto& [request, deadline_ms] : touched.waiting) {
        const Revision from = std::get<protocol::ChangesRequest>(request.request.op).from;
        const uint64_t id = request.request.id;
        deliver({request.connection, {id, keyspace_.revision(), {}, {}}, encoded.frame(id, from)}, output);
    }
}

// The state is another one, or this member's days are over.
void Core::Impl::ask_streams_again(Instant now, Output& output) {
    for (auto& [request, deadline_ms] : waiting_changes_.take_all()) {
        if (!turns_away(request, output)) on_read(request, now, output);
    }
}

}  // namespace belfry::hub::core

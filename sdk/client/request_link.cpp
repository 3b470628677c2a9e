#include "sdk/client/request_link.hpp"

#include <algorithm>
#include <atomic>
#include <random>

#include "sdk/base/limits.hpp"
#include "sdk/protocol/codec.hpp"

namespace belfry::client {
namespace {

constexpr size_t frame_bytes_aim = 256 * 1024;
constexpr int receive_budget = 64;  // frames; each may hold many replies
// After so many octets what the completions asked for is sent first: decoding them takes about as long as the way there.
constexpr size_t receive_bytes_budget = 256 * 1024;

// An election is over after some hundred milliseconds.
constexpr uint64_t retry_ms_min = 20;
constexpr unsigned retry_doublings_max = 4;
constexpr uint64_t move_pause_ms = 250;
constexpr uint64_t connect_patience_ms = 200;  // to make a connection, before another endpoint is tried

// So that clients which lost one hub do not come to the next all at once.
uint64_t jitter_up_to(uint64_t most_ms) {
    thread_local std::minstd_rand random{std::random_device{}()};
    return random() % (most_ms + 1);
}

bool reads(const protocol::RequestOp& op) {
    return !std::holds_alternative<protocol::PutRequest>(op) && !std::holds_alternative<protocol::DeleteRequest>(op) &&
           !std::holds_alternative<protocol::TxnRequest>(op) && !std::holds_alternative<protocol::CompactRequest>(op) &&
           !std::holds_alternative<protocol::MemberChangeRequest>(op) &&
           !std::holds_alternative<protocol::LeaderTransferRequest>(op);
}

}  // namespace

RequestLink::RequestLink(const ZmqContext& context, const ClientOptions& options, std::atomic<size_t>& in_flight)
    : context_(context), options_(options), in_flight_(in_flight) {}

Status RequestLink::open() {
    auto socket = ZmqSocket::open(context_, ZmqSocket::Kind::requests);
    if (!socket) return std::move(socket).error();
    if (Status status = socket->connect(options_.endpoints[endpoint_]); !status) return status;
    socket_ = *std::move(socket);
    on_open(socket_.descriptor());
    return {};
}

void RequestLink::add(Outgoing&& outgoing, uint64_t now_ms) {
    const uint64_t id = ++last_id_;
    const auto timeout = static_cast<uint64_t>(options_.timeout.count());
    Pending pending;
    pending.completion = std::move(outgoing.completion);
    pending.request = std::move(outgoing.request);
    pending.request.id = id;
    pending.deadline_ms = now_ms + timeout;
    pending.counted = outgoing.counted;
    pending.is_read = reads(pending.request.op);
    deadlines_.emplace_back(pending.deadline_ms, id);
    if (pending.is_read) resends_[0].emplace_back(now_ms + timeout / 3, id);
    pending_.emplace(id, std::move(pending));
    unsent_.push_back(id);
    new_ = true;
    if (waiting_since_ms_ == 0) waiting_since_ms_ = now_ms;
}

bool RequestLink::exchange(uint64_t now_ms) {
    new_ = false;
    flush(now_ms);
    const bool more = receive(now_ms);
    if (more || unsent_.empty()) return more;
    // Receiving may have swallowed the wake-up of a connection that came up after the first attempt to send.
    const size_t before = unsent_.size();
    flush(now_ms);
    return unsent_.size() != before;
}

void RequestLink::flush(uint64_t now_ms) {
    std::vector<protocol::Request> batch;
    while (!unsent_.empty() && socket_.is_open()) {
        batch.clear();
        size_t bytes = 0, taken = 0;
        for (; taken < unsent_.size() && batch.size() < limits::frame_requests_max && bytes < frame_bytes_aim; ++taken) {
            const auto found = pending_.find(unsent_[taken]);
            if (found == pending_.end()) continue;
            const size_t size = protocol::approximate_bytes(found->second.request);
            if (bytes > 0 && bytes + size > frame_bytes_aim) break;
            bytes += size;
            batch.push_back(std::move(found->second.request));
        }
        const bool sent = batch.empty() || socket_.send(protocol::encode_requests(batch));
        for (protocol::Request& request : batch) {
            Pending& pending = pending_.find(request.id)->second;
            pending.sent = pending.sent || sent;
            pending.request = std::move(request);
        }
        note_sent(sent, now_ms);
        if (!sent) return;
        unsent_.erase(unsent_.begin(), unsent_.begin() + static_cast<std::ptrdiff_t>(taken));
    }
}

bool RequestLink::receive(uint64_t now_ms) {
    size_t bytes = 0;
    for (int budget = receive_budget; budget > 0 && bytes < receive_bytes_budget; --budget) {
        ZmqMessage frame;
        if (!socket_.is_open() || !socket_.receive(frame)) return false;
        auto replies = protocol::decode_replies(frame.bytes());
        if (!replies) {
            not_understood(replies.error());
            continue;
        }
        bytes += frame.bytes().size();
        waiting_since_ms_ = now_ms;
        for (protocol::Reply& reply : *replies) {
            const uint64_t id = reply.id;
            if (reply.error.code == Code::unavailable && try_again_later(reply, now_ms)) continue;
            complete(id, std::move(reply));
        }
        if (pending_.empty()) {
            waiting_since_ms_ = 0;
            deadlines_.clear();
            resends_[0].clear();
            resends_[1].clear();
            refused_.clear();
        }
    }
    return true;
}

// Another protocol, or no hub at all at the other end: whoever waits hears it now and not as a timeout.
void RequestLink::not_understood(const Error& error) {
    const std::string what = "the answer of '" + options_.endpoints[endpoint_] + "': " + error.detail;
    complete_many([&](const Pending& pending) -> std::optional<Error> {
        if (!pending.sent) return std::nullopt;
        if (pending.is_read) return Error{error.code, what};
        return Error{Code::uncertain, what + "; the change is perhaps made: look before repeating"};
    });
}

// Those that `outcome_of` has an outcome for. A completion may add requests, so they are found first.
template <class OutcomeOf>
void RequestLink::complete_many(OutcomeOf outcome_of) {
    std::vector<std::pair<uint64_t, Error>> outcomes;
    for (const auto& [id, pending] : pending_) {
        if (std::optional<Error> outcome = outcome_of(pending)) outcomes.emplace_back(id, *std::move(outcome));
    }
    for (auto& [id, outcome] : outcomes) complete(id, std::move(outcome));
}

void RequestLink::complete(uint64_t id, Result<protocol::Reply> result) {
    auto node = pending_.extract(id);
    if (node.empty()) return;
    if (node.mapped().counted) in_flight_.fetch_sub(1, std::memory_order_relaxed);
    if (node.mapped().completion) node.mapped().completion(std::move(result));
}

Error RequestLink::outcome(const Pending& pending) const {
    const std::string& endpoint = options_.endpoints[endpoint_];
    const std::string after = " within " + std::to_string(options_.timeout.count()) + " ms";
    if (!pending.sent && pending.refusals > 0) return {Code::unavailable, pending.refusal};
    if (!pending.sent)
        return {Code::unavailable, "no connection to '" + endpoint + "'" + after + "; is belfryd running there?"};
    if (pending.is_read) return {Code::unavailable, "no answer from '" + endpoint + "'" + after};
    return {Code::uncertain,
            "no answer from '" + endpoint + "'" + after + "; the change is perhaps made: look before repeating"};
}

void RequestLink::expire(uint64_t now_ms) {
    while (!deadlines_.empty() && deadlines_.front().first <= now_ms) {
        const uint64_t id = deadlines_.front().second;
        deadlines_.pop_front();
        const auto found = pending_.find(id);
        if (found != pending_.end()) complete(id, outcome(found->second));
    }
    while (!unsent_.empty() && !pending_.contains(unsent_.front())) unsent_.pop_front();
    if (pending_.empty()) waiting_since_ms_ = 0;
}

// It is certainly not done, so that a write may be sent again too.
bool RequestLink::try_again_later(const protocol::Reply& reply, uint64_t now_ms) {
    const auto found = pending_.find(reply.id);
    if (!options_.retry || found == pending_.end()) return false;
    Pending& pending = found->second;
    const auto* range = std::get_if<protocol::RangeRequest>(&pending.request.op);
    if (range != nullptr && range->min_revision > Revision{}) return false;  // the hub has waited already
    const uint64_t wait = retry_ms_min << std::min(pending.refusals, retry_doublings_max);
    const uint64_t when = now_ms + wait / 2 + jitter_up_to(wait / 2);
    if (when >= pending.deadline_ms) return false;
    ++pending.refusals;
    pending.refusal = reply.error.detail;
    pending.sent = false;
    refused_.emplace(when, reply.id);
    return true;
}

bool RequestLink::may_move(uint64_t now_ms) const {
    if (options_.endpoints.size() < 2 || now_ms < moved_at_ms_ + move_pause_ms) return false;
    return std::none_of(pending_.begin(), pending_.end(),
                        [](const auto& entry) { return entry.second.sent && !entry.second.is_read; });
}

void RequestLink::leave(size_t endpoint, uint64_t now_ms) {
    if (endpoint == endpoint_ && may_move(now_ms)) rebuild(now_ms);
}

// Somebody else may know more; but whoever waits for an answer of this one would lose it by a move.
void RequestLink::send_refused_again(uint64_t now_ms) {
    if (refused_.empty() || refused_.begin()->first > now_ms) return;
    if (may_move(now_ms)) rebuild(now_ms);
    for (; !refused_.empty() && refused_.begin()->first <= now_ms; refused_.erase(refused_.begin())) {
        const uint64_t id = refused_.begin()->second;
        if (pending_.contains(id)) unsent_.push_back(id);
    }
    new_ = true;
}

void RequestLink::note_sent(bool sent, uint64_t now_ms) {
    if (sent) {
        blocked_since_ms_ = 0;
    } else if (blocked_since_ms_ == 0) {
        blocked_since_ms_ = now_ms;
    }
}

// Nobody is at the other end, and there are other ends: what was sent there has no answer any more.
bool RequestLink::is_cut_off(uint64_t now_ms) const {
    return options_.endpoints.size() > 1 && blocked_since_ms_ != 0 && now_ms >= blocked_since_ms_ + connect_patience_ms;
}

void RequestLink::resend(uint64_t id) {
    const auto found = pending_.find(id);
    if (found != pending_.end() && found->second.sent) {
        if (std::find(unsent_.begin(), unsent_.end(), id) == unsent_.end()) unsent_.push_back(id);
    }
}

void RequestLink::rebuild(uint64_t now_ms) {
    if (socket_.is_open()) on_close(socket_.descriptor());
    socket_ = ZmqSocket();
    endpoint_ = (endpoint_ + 1) % options_.endpoints.size();
    blocked_since_ms_ = 0;
    moved_at_ms_ = now_ms;
    (void)open();  // on failure requests end with their timeout, and the next silence tries again
    waiting_since_ms_ = now_ms;
    rebuild_jitter_ms_ = jitter_up_to(static_cast<uint64_t>(options_.timeout.count()) / 4);
    std::vector<uint64_t> lost_reads;
    for (const auto& [id, pending] : pending_) {
        if (pending.sent && pending.is_read) lost_reads.push_back(id);
    }
    for (const uint64_t id : lost_reads) resend(id);
}

void RequestLink::on_timer(uint64_t now_ms) {
    const auto timeout = static_cast<uint64_t>(options_.timeout.count());
    const uint64_t patience = options_.endpoints.size() > 1 ? timeout / 3 : timeout;
    const bool silent = waiting_since_ms_ != 0 && now_ms - waiting_since_ms_ >= patience + rebuild_jitter_ms_;
    expire(now_ms);
    send_refused_again(now_ms);
    if (silent || is_cut_off(now_ms)) rebuild(now_ms);
    for (size_t round = 0; round < 2; ++round) {
        auto& due = resends_[round];
        for (; !due.empty() && due.front().first <= now_ms; due.pop_front()) {
            resend(due.front().second);
            if (round == 0) resends_[1].emplace_back(due.front().first + timeout / 3, due.front().second);
        }
    }
}

uint64_t RequestLink::wake_at_ms() const {
    if (pending_.empty()) return UINT64_MAX;
    const auto timeout = static_cast<uint64_t>(options_.timeout.count());
    uint64_t wake = waiting_since_ms_ + (options_.endpoints.size() > 1 ? timeout / 3 : timeout) + rebuild_jitter_ms_;
    for (const auto* due : {&deadlines_, &resends_[0], &resends_[1]}) {
        if (!due->empty()) wake = std::min(wake, due->front().first);
    }
    if (!refused_.empty()) wake = std::min(wake, refused_.begin()->first);
    if (blocked_since_ms_ != 0 && options_.endpoints.size() > 1) {
        wake = std::min(wake, blocked_since_ms_ + connect_patience_ms);
    }
    return wake;
}

void RequestLink::fail_all() {
    complete_many([](const Pending& pending) -> std::optional<Error> {
        const Code code = pending.sent && !pending.is_read ? Code::uncertain : Code::unavailable;
        return Error{code, "the client was closed before the answer came"};
    });
    if (socket_.is_open()) on_close(socket_.descriptor());
    socket_ = ZmqSocket();
}

}  // namespace belfry::client

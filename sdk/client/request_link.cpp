#include "sdk/client/request_link.hpp"

#include <algorithm>
#include <atomic>
#include <random>

#include "sdk/base/limits.hpp"
#include "sdk/base/random.hpp"
#include "sdk/protocol/codec.hpp"

namespace belfry::client {
namespace {

constexpr size_t frame_bytes_aim = 256 * 1024;
constexpr int receive_budget = 64;  // frames; each may hold many replies
// After so many octets what the completions asked for is sent first: decoding them takes about as long as the way there.
constexpr size_t receive_bytes_budget = 256 * 1024;

constexpr int patience_part = 3;  // of the timeout: then a request is sent again, and a silent hub is left
static_assert(waits_per_timeout > patience_part);

// An election is over after some hundred milliseconds.
constexpr uint64_t retry_ms_min = 20;
constexpr uint64_t retry_ms_max = 200;
constexpr uint64_t move_pause_ms = 250;
// To make a connection, before another endpoint is tried; twice as long after each round of all of them, up to 32 times: a
// far hub must have its time, and one that starts again under a whole fleet its peace.
constexpr uint64_t connect_patience_ms_min = 200;
constexpr uint64_t encrypted_connect_patience_ms_min =
    500;  // a handshake more, and a hub under a crowd needs 1 ms for each
constexpr unsigned connect_doublings_max = 5;

// A token that was given by the application is renewed this soon, if the client lives so long.
constexpr uint64_t given_token_pause_ms = 30'000;
constexpr uint64_t renew_again_ms = 5000;
constexpr BytesView root_token_prefix = "r1-";  // not renewed: good as long as its member runs

bool reads(const protocol::RequestOp& op) {
    return !protocol::can_change(op) && !std::holds_alternative<protocol::MemberChangeRequest>(op) &&
           !std::holds_alternative<protocol::LeaderTransferRequest>(op);
}

// `conflict` is an answer to it: a record has another version, a lease of this number is there. To a ticket it means
// something else, so such a request bears none and is not sent again; a second copy would hear of the first one's success.
bool may_conflict(const protocol::RequestOp& op) {
    const auto* grant = std::get_if<protocol::LeaseGrantRequest>(&op);
    return std::holds_alternative<protocol::RecordChangeRequest>(op) || (grant != nullptr && grant->lease.value != 0);
}

uint64_t random_number() {
    thread_local std::mt19937_64 random{random_u64()};
    return random();
}

}  // namespace

RequestLink::RequestLink(const ZmqContext& context, const ClientOptions& options, const Security& security,
                         std::atomic<size_t>& in_flight)
    : context_(context), options_(options), security_(security), in_flight_(in_flight), token_(options.credentials.token) {}

Status RequestLink::open() {
    auto socket = ZmqSocket::open(context_, ZmqSocket::Kind::requests);
    if (!socket) return std::move(socket).error();
    if (Status status = socket->encrypt(security_, endpoint_); !status) return status;
    if (Status status = socket->connect(options_.endpoints[endpoint_]); !status) return status;
    socket_ = *std::move(socket);
    connected_ = false;
    frames_unanswered_ = 0;
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
    pending.is_read = pending.request.dry_run || reads(pending.request.op);
    pending.wants_ticket = options_.exactly_once && options_.retry && !pending.is_read &&
                           protocol::can_change(pending.request.op) && !may_conflict(pending.request.op);
    if (!token_.empty() && renew_at_ms_ == UINT64_MAX && !renews_begun_ && !token_.starts_with(root_token_prefix)) {
        renews_begun_ = true;  // one that was given: nobody knows how long it is still good
        renew_at_ms_ = now_ms + given_token_pause_ms;
    }
    deadlines_.emplace_back(pending.deadline_ms, id);
    if (pending.is_read || pending.wants_ticket) resends_[0].emplace_back(now_ms + timeout / patience_part, id);
    queue(id, pending_.emplace(id, std::move(pending)).first->second);
    if (waiting_since_ms_ == 0) waiting_since_ms_ = now_ms;
}

void RequestLink::queue(uint64_t id, Pending& pending) {
    if (!std::exchange(pending.queued, true)) unsent_.push_back(id);
    new_ = true;
}

bool RequestLink::exchange(uint64_t now_ms) {
    new_ = false;
    now_ms_ = now_ms;
    flush(now_ms);
    bool more = receive(now_ms);
    if (!more && !unsent_.empty()) {
        // Receiving may have swallowed the wake-up of a connection that came up after the first attempt to send.
        const size_t before = unsent_.size();
        flush(now_ms);
        more = unsent_.size() != before;
    }
    return watch_connection(now_ms) || more;
}

// ---- out ----

void RequestLink::flush(uint64_t now_ms) {
    std::vector<protocol::Request> batch;
    while (!unsent_.empty() && socket_.is_open()) {
        batch.clear();
        size_t bytes = 0, taken = 0;
        for (; taken < unsent_.size() && batch.size() < limits::frame_requests_max && bytes < frame_bytes_aim; ++taken) {
            const auto found = pending_.find(unsent_[taken]);
            if (found == pending_.end()) continue;
            if (found->second.wants_ticket && !give_ticket(found->second, now_ms)) break;
            const size_t size = protocol::approximate_bytes(found->second.request);
            if (bytes > 0 && bytes + size > frame_bytes_aim) break;
            bytes += size;
            batch.push_back(std::move(found->second.request));
        }
        if (taken == 0) return;
        const bool sent = batch.empty() || socket_.send(protocol::encode_requests(batch, token_));
        for (protocol::Request& request : batch) {
            Pending& pending = pending_.find(request.id)->second;
            pending.sent = pending.sent || sent;
            pending.queued = !sent;
            pending.token = token_number_;
            pending.request = std::move(request);
        }
        note_sent(sent, now_ms);
        if (!sent) return;
        unsent_.erase(unsent_.begin(), unsent_.begin() + static_cast<std::ptrdiff_t>(taken));
    }
}

// False: it must wait for the answers of older ones.
bool RequestLink::give_ticket(Pending& pending, uint64_t now_ms) {
    protocol::Ticket& ticket = pending.request.ticket;
    if (ticket.session == 0) {
        if (!session_.has_room()) return false;
        ticket = session_.next(now_ms, random_number());
        pending.repeat_until_ms = now_ms + session_idle_ms_max;
    }
    session_.refresh(ticket);
    return true;
}

void RequestLink::note_sent(bool sent, uint64_t now_ms) {
    if (sent) {
        blocked_since_ms_ = 0;
        moves_in_vain_ = 0;
        ++frames_unanswered_;
    } else if (blocked_since_ms_ == 0) {
        blocked_since_ms_ = now_ms;
    }
}

// ---- in ----

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
        frames_unanswered_ = 0;
        for (protocol::Reply& reply : *replies) take(std::move(reply), now_ms);
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

void RequestLink::take(protocol::Reply&& reply, uint64_t now_ms) {
    const auto found = pending_.find(reply.id);
    if (found == pending_.end()) return;
    Pending& pending = found->second;
    if (reply.error.code == Code::unauthenticated && log_in_for(reply.id, pending)) return;
    if (reply.error.code != Code::ok) {
        if (options_.retry && try_again(pending, reply, now_ms)) return;
        const Code code = reply.error.code;
        const bool not_done = code == Code::unavailable || code == Code::not_leader || code == Code::busy ||
                              code == Code::no_space || code == Code::denied || code == Code::unauthenticated ||
                              code == Code::unsupported;
        const bool unknown = code == Code::conflict && pending.request.ticket.session != 0;
        if (unknown || (not_done && pending.perhaps)) reply.error.code = Code::uncertain;
        if (not_done && pending.perhaps) reply.error.detail += "; but an earlier copy of the request perhaps changed it";
    }
    const uint64_t id = reply.id;
    complete(id, std::move(reply));
}

// Is this an error that another attempt may turn into an answer?
bool RequestLink::try_again(Pending& pending, const protocol::Reply& reply, uint64_t now_ms) {
    protocol::Ticket& ticket = pending.request.ticket;
    switch (reply.error.code) {
        case Code::unavailable:
        case Code::not_leader: return try_again_later(pending, reply, now_ms);
        case Code::uncertain: pending.perhaps = true; return try_again_later(pending, reply, now_ms);
        case Code::busy:
        case Code::no_space: return pending.perhaps && try_again_later(pending, reply, now_ms);
        case Code::conflict:
            // The first copy: the session was forgotten while it was idle, and nothing was done.
            if (ticket.session == 0 || pending.perhaps) return false;
            session_.forget(ticket.session);
            ticket = {};
            pending.sent = false;
            queue(reply.id, pending);
            return true;
        default: return false;
    }
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
    session_.close(node.mapped().request.ticket);
    if (node.mapped().counted) in_flight_.fetch_sub(1, std::memory_order_relaxed);
    if (node.mapped().completion) node.mapped().completion(std::move(result));
}

// Nobody there and a wrong key look the same from here.
std::string RequestLink::not_connected() const {
    if (security_.empty()) return "; is belfryd running there, and without keys (listen.key_file)?";
    return "; is belfryd running there, with the public key " + security_.server_key(endpoint_) +
           ", and does it let the key " + security_.keys.public_key + " in?";
}

Error RequestLink::outcome(const Pending& pending) const {
    const std::string& endpoint = options_.endpoints[endpoint_];
    const std::string after = " within " + std::to_string(options_.timeout.count()) + " ms";
    const bool out = pending.sent || pending.perhaps;
    if (!out && pending.refusals > 0) return {Code::unavailable, pending.refusal};
    if (!out) return {Code::unavailable, "no connection to '" + endpoint + "'" + after + not_connected()};
    std::string detail = "no answer from '" + endpoint + "'" + after;
    if (pending.refusals > 0) detail += "; the answer to a copy before was: " + pending.refusal;
    if (pending.is_read) return {Code::unavailable, std::move(detail)};
    return {Code::uncertain, std::move(detail) + "; the change is perhaps made: look before repeating"};
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

// This copy has had its answer; another one goes out after a pause.
bool RequestLink::try_again_later(Pending& pending, const protocol::Reply& reply, uint64_t now_ms) {
    if (pending.perhaps && !pending.may_repeat(now_ms)) return false;
    const auto* range = std::get_if<protocol::RangeRequest>(&pending.request.op);
    if (range != nullptr && range->min_revision > Revision{}) return false;  // the hub has waited already
    const uint64_t wait = std::min(retry_ms_min << std::min(pending.refusals, 8u), retry_ms_max);
    const uint64_t when = now_ms + wait / 2 + random_number() % (wait / 2 + 1);
    if (when >= pending.deadline_ms) return false;
    ++pending.refusals;
    pending.refusal = reply.error.detail;
    pending.sent = false;
    refused_.emplace(when, reply.id);
    return true;
}

// Somebody else may know more; but whoever waits for an answer of this one, and cannot ask twice, would lose it by a move.
void RequestLink::send_refused_again(uint64_t now_ms) {
    if (refused_.empty() || refused_.begin()->first > now_ms) return;
    if (may_move(now_ms)) move_on(now_ms);
    for (; !refused_.empty() && refused_.begin()->first <= now_ms; refused_.erase(refused_.begin())) {
        const auto found = pending_.find(refused_.begin()->second);
        if (found != pending_.end()) queue(found->first, found->second);
    }
}

void RequestLink::resend(uint64_t id, uint64_t now_ms) {
    const auto found = pending_.find(id);
    if (found == pending_.end() || !found->second.sent || !found->second.may_repeat(now_ms)) return;
    found->second.perhaps = !found->second.is_read;
    queue(id, found->second);
}

void RequestLink::send_due_again(uint64_t now_ms) {
    const auto timeout = static_cast<uint64_t>(options_.timeout.count());
    for (size_t round = 0; round < 2; ++round) {
        auto& due = resends_[round];
        for (; !due.empty() && due.front().first <= now_ms; due.pop_front()) {
            resend(due.front().second, now_ms);
            if (round == 0) resends_[1].emplace_back(due.front().first + timeout / patience_part, due.front().second);
        }
    }
}

// ---- who this is ----

// True: it is sent again, at once under a token that came after this copy went out, or when a login has given one.
bool RequestLink::log_in_for(uint64_t id, Pending& pending) {
    const Credentials& own = options_.credentials;
    if (std::holds_alternative<protocol::AuthenticateRequest>(pending.request.op)) return false;
    if (pending.token != token_number_) {
        pending.sent = false;
        queue(id, pending);
        return true;
    }
    if (own.user.empty() || own.password.empty() || pending.asked_who) return false;
    pending.asked_who = true;
    pending.sent = false;
    wait_for_token_.push_back(id);
    if (!asking_for_token_) ask_for_token({own.user, own.password, 0});
    return true;
}

void RequestLink::ask_for_token(protocol::AuthenticateRequest op) {
    asking_for_token_ = true;
    renewing_ = op.name.empty();
    add({{0, {}, {}, std::move(op)}, [this](Result<protocol::Reply> answer) { on_token(std::move(answer)); }, false},
        now_ms_);
}

void RequestLink::on_token(Result<protocol::Reply> answer) {
    asking_for_token_ = false;
    renew_at_ms_ = UINT64_MAX;
    const std::vector<uint64_t> waiting = std::exchange(wait_for_token_, {});
    Error refusal = answer ? answer->error : answer.error();
    const auto* given = refusal.code == Code::ok ? std::get_if<protocol::AuthenticateReply>(&answer->result) : nullptr;
    if (given != nullptr && !given->token.empty()) {
        token_ = given->token;
        ++token_number_;
        renew_at_ms_ = now_ms_ + given->valid_ms / 2;
    }
    if (refusal.code == Code::unavailable || refusal.code == Code::busy) renew_at_ms_ = now_ms_ + renew_again_ms;
    const Credentials& own = options_.credentials;
    if (renewing_ && refusal.code == Code::unauthenticated && !waiting.empty() && !own.password.empty()) {
        wait_for_token_ = waiting;  // the old token has ended, the password has not
        return ask_for_token({own.user, own.password, 0});
    }
    for (const uint64_t id : waiting) {
        const auto found = pending_.find(id);
        if (found == pending_.end()) continue;
        if (refusal.code == Code::ok) {
            queue(id, found->second);
        } else {
            complete(id, refusal);
        }
    }
}

// Before it ends; who was refused meanwhile logs in.
void RequestLink::renew_token_if_due() {
    if (now_ms_ < renew_at_ms_ || asking_for_token_) return;
    renew_at_ms_ = UINT64_MAX;
    ask_for_token({});
}

// ---- the connection ----

bool RequestLink::may_move(uint64_t now_ms) const {
    if (options_.endpoints.size() < 2 || now_ms < moved_at_ms_ + move_pause_ms) return false;
    return std::none_of(pending_.begin(), pending_.end(),
                        [&](const auto& entry) { return entry.second.sent && !entry.second.may_repeat(now_ms); });
}

void RequestLink::leave(size_t endpoint, uint64_t now_ms) {
    if (endpoint == endpoint_ && may_move(now_ms)) move_on(now_ms);
}

uint64_t RequestLink::connect_patience_ms() const {
    const auto rounds = static_cast<unsigned>(moves_in_vain_ / options_.endpoints.size());
    const uint64_t patience_min = security_.empty() ? connect_patience_ms_min : encrypted_connect_patience_ms_min;
    const uint64_t patience = patience_min << std::min(rounds, connect_doublings_max);
    return patience + rebuild_jitter_ms_ % (patience / 2);
}

// Nobody is at the other end: what was sent there has no answer any more.
bool RequestLink::is_cut_off(uint64_t now_ms) const {
    return blocked_since_ms_ != 0 && now_ms >= blocked_since_ms_ + connect_patience_ms();
}

// A socket that took frames and takes none any more has lost its connection, unless it is full; then it is a slow hub, and
// only silence counts. True: there is something to receive whose wake-up may have been swallowed, by this look or by what
// was sent; the descriptor must not be slept on.
bool RequestLink::watch_connection(uint64_t now_ms) {
    if (!socket_.is_open()) return false;
    const ZmqSocket::Ready ready = socket_.ready();
    const bool was_connected = std::exchange(connected_, ready.to_send);
    if (!was_connected || connected_ || frames_unanswered_ >= ZmqSocket::send_frames_max) return ready.to_receive;
    if (options_.endpoints.size() > 1) {
        const size_t lost = endpoint_;
        move_on(now_ms);
        on_lost(lost, now_ms);
    } else {
        queue_lost(now_ms);
    }
    return true;
}

// To the next endpoint, or to the only one, on a new connection.
void RequestLink::move_on(uint64_t now_ms) {
    if (socket_.is_open()) on_close(socket_.descriptor());
    socket_ = ZmqSocket();
    endpoint_ = (endpoint_ + 1) % options_.endpoints.size();
    blocked_since_ms_ = 0;
    moved_at_ms_ = now_ms;
    ++moves_in_vain_;
    (void)open();  // on failure requests end with their timeout, and the next silence tries again
    waiting_since_ms_ = pending_.empty() ? 0 : now_ms;
    rebuild_jitter_ms_ = random_number() % (static_cast<uint64_t>(options_.timeout.count()) / 4 + 1);
    queue_lost(now_ms);
}

void RequestLink::queue_lost(uint64_t now_ms) {
    std::vector<uint64_t> lost;
    for (auto& [id, pending] : pending_) {
        if (pending.sent && pending.may_repeat(now_ms)) lost.push_back(id);
    }
    std::sort(lost.begin(), lost.end());  // in the order of the calls
    for (const uint64_t id : lost) {
        resend(id, now_ms);
        pending_.find(id)->second.sent = false;
    }
}

// ---- time ----

uint64_t RequestLink::silence_ms_max() const {
    const auto timeout = static_cast<uint64_t>(options_.timeout.count());
    return (options_.endpoints.size() > 1 ? timeout / patience_part : timeout) + rebuild_jitter_ms_;
}

void RequestLink::on_timer(uint64_t now_ms) {
    now_ms_ = now_ms;
    renew_token_if_due();
    const bool silent = waiting_since_ms_ != 0 && now_ms - waiting_since_ms_ >= silence_ms_max();
    expire(now_ms);
    send_refused_again(now_ms);
    if (silent || is_cut_off(now_ms)) move_on(now_ms);
    send_due_again(now_ms);
}

uint64_t RequestLink::wake_at_ms() const {
    if (pending_.empty()) return renew_at_ms_;
    uint64_t wake = std::min(waiting_since_ms_ + silence_ms_max(), renew_at_ms_);
    for (const auto* due : {&deadlines_, &resends_[0], &resends_[1]}) {
        if (!due->empty()) wake = std::min(wake, due->front().first);
    }
    if (!refused_.empty()) wake = std::min(wake, refused_.begin()->first);
    if (blocked_since_ms_ != 0) wake = std::min(wake, blocked_since_ms_ + connect_patience_ms());
    return wake;
}

void RequestLink::fail_all() {
    complete_many([](const Pending& pending) -> std::optional<Error> {
        const bool out = (pending.sent || pending.perhaps) && !pending.is_read;
        const Code code = out ? Code::uncertain : Code::unavailable;
        return Error{code, "the client was closed before the answer came"};
    });
    if (socket_.is_open()) on_close(socket_.descriptor());
    socket_ = ZmqSocket();
}

}  // namespace belfry::client

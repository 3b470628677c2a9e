#include "tests/sim/session_link.hpp"

#include <utility>

#include "sdk/protocol/codec.hpp"

namespace belfry::sim {

namespace {

constexpr unsigned copies_max = 12;
constexpr uint64_t resend_pause_ms_max = 300;
constexpr uint64_t patience_ms = 1500;  // until a write without an answer is sent again

}  // namespace

Send SessionLink::over(World& world, Send first, Send second, uint64_t timeout_ms) {
    auto link = std::make_shared<SessionLink>(world, first, std::move(second), timeout_ms);
    return [link, first](Call call, Answer answer) {
        if (!protocol::can_change(call.op)) return first(std::move(call), std::move(answer));
        link->begin(std::move(call), std::move(answer));
    };
}

Send SessionLink::perhaps_over(World& world, const std::function<Send()>& connect) {
    Send plain = connect();
    if (world.random.chance(50)) return plain;
    return over(world, std::move(plain), connect());
}

void SessionLink::begin(Call call, Answer answer) {
    if (!session_.has_room()) return answer(protocol::Reply{0, {}, Error{Code::unavailable, "too many writes"}, {}});
    call.ticket = session_.next(world_.now(), world_.random.between(1, UINT64_MAX));
    auto write = std::make_shared<Write>(Write{std::move(call), std::move(answer)});
    send(write);
    if (world_.random.chance(10)) send(write);
    if (timeout_ms_ == patient) return;
    world_.after(timeout_ms_, [self = shared_from_this(), write] { self->give_up(write); });
}

void SessionLink::send(const std::shared_ptr<Write>& write) {
    if (write->ended) return;
    session_.refresh(write->call.ticket);
    const Send& way = ways_[write->copies++ % 2];
    ++write->open;
    way(write->call, [self = shared_from_this(), write, heard = std::make_shared<bool>(false)](const auto& reply) {
        if (std::exchange(*heard, true) || write->ended) return;
        self->on_reply(write, reply);
    });
    world_.after(patience_ms, [self = shared_from_this(), write, copies = write->copies] {
        if (write->copies == copies && copies < copies_max) self->send(write);
    });
}

void SessionLink::on_reply(const std::shared_ptr<Write>& write, const Result<protocol::Reply>& reply) {
    const Code code = reply ? reply->error.code : Code::uncertain;
    const bool not_done = code == Code::unavailable || code == Code::busy || code == Code::no_space;
    if (not_done) --write->open;
    if (code == Code::conflict && write->open == 1) {
        // The hub does not know this session: its first writes never got there.
        --write->open;
        session_.forget(write->call.ticket.session);
        write->call.ticket = session_.next(world_.now(), world_.random.between(1, UINT64_MAX));
        return send(write);
    }
    if (!not_done && code != Code::uncertain) return end(write, reply);
    if (write->copies < copies_max) return send_later(write, world_.random.below(resend_pause_ms_max));
    end(write, reply);
}

void SessionLink::send_later(const std::shared_ptr<Write>& write, uint64_t pause_ms) {
    world_.after(pause_ms, [self = shared_from_this(), write] {
        if (write->copies < copies_max) self->send(write);
    });
}

// An answer is an answer whichever copy has it; a refusal of one copy says nothing of the others.
void SessionLink::end(const std::shared_ptr<Write>& write, const Result<protocol::Reply>& reply) {
    write->ended = true;
    session_.close(write->call.ticket);
    const bool refused = reply && reply->error.code != Code::ok;
    const bool unknown = refused && (write->open > 0 || reply->error.code == Code::conflict);
    if (unknown) return write->answer(Error{Code::uncertain, reply->error.detail});
    write->answer(reply);
}

// The next write of the session says that nobody waits for this one any more: after that it is not done.
void SessionLink::give_up(const std::shared_ptr<Write>& write) {
    if (std::exchange(write->ended, true)) return;
    session_.close(write->call.ticket);
    write->answer(Error{Code::uncertain, "no answer in time"});
}

}  // namespace belfry::sim

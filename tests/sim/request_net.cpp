#include "tests/sim/request_net.hpp"

#include "sdk/protocol/codec.hpp"

namespace belfry::sim {

namespace {

constexpr uint64_t give_up_ms = 5000;  // the client's own timeout
constexpr unsigned late_percent = 4;
constexpr uint64_t late_request_ms_max = 4000;  // on its way; clients of little patience have asked anew by then
constexpr uint64_t refused_ms = 50;             // until a client tries to connect again

}  // namespace

RequestNet::RequestNet(World& world, std::vector<Hub*> hubs, std::function<size_t()> some_place)
    : world_(world), hubs_(std::move(hubs)), some_place_(std::move(some_place)) {
    for (Hub* hub : hubs_) {
        hub->on_reply = [this](uint64_t, const Bytes& frame) { on_reply(frame); };
    }
}

Send RequestNet::connect(Bytes author, std::shared_ptr<size_t> place) {
    if (place == nullptr) place = std::make_shared<size_t>(some_place_());
    return [this, connection = ++connections_, author = std::move(author), place](Call call, Answer answer) {
        const uint64_t id = ++requests_;
        waiting_[id] = [this, place, asked = *place, answer = std::move(answer)](Result<protocol::Reply> reply) {
            const bool served = reply && reply->error.code != Code::unavailable && reply->error.code != Code::uncertain;
            if (!served && *place == asked) *place = some_place_();
            answer(std::move(reply));
        };
        send(*hubs_[*place], connection,
             {id, author, std::move(call.comment), std::move(call.op), call.ticket, false, std::move(call.labels)});
    };
}

uint64_t RequestNet::delay() {
    const bool late = loss_percent > 0 && world_.random.chance(late_percent);
    return late ? world_.random.below(late_request_ms_max) : world_.random.below(delay_ms_max + 1);
}

void RequestNet::send(Hub& hub, uint64_t connection, const protocol::Request& request) {
    const uint64_t id = request.id;
    if (!hub.alive()) {
        return world_.after(refused_ms, [this, id] {
            answer(id, protocol::Reply{id, {}, Error{Code::unavailable, "nobody listens there"}, {}});
        });
    }
    world_.after(give_up_ms, [this, id] {
        answer(id, Error{Code::uncertain, "no answer"});
        waiting_.erase(id);
    });
    if (world_.random.chance(loss_percent)) return;
    world_.after(delay(),
                 [&hub, connection, frame = protocol::encode_requests({&request, 1})] { hub.receive(connection, frame); });
}

void RequestNet::answer(uint64_t id, Result<protocol::Reply> reply) {
    const auto found = waiting_.find(id);
    if (found == waiting_.end()) return;
    const Answer answer = found->second;
    answer(std::move(reply));
}

void RequestNet::on_reply(const Bytes& frame) {
    const int copies = world_.random.chance(loss_percent) ? 0 : world_.random.chance(twice_percent) ? 2 : 1;
    for (int i = 0; i < copies; ++i) {
        world_.after(delay(), [this, frame] {
            auto replies = protocol::decode_replies(frame);
            if (!replies) return world_.fail("reply frame: " + replies.error().detail);
            for (auto& reply : *replies) answer(reply.id, std::move(reply));
        });
    }
}

}  // namespace belfry::sim

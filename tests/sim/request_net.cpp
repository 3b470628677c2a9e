#include "tests/sim/request_net.hpp"

#include "sdk/protocol/codec.hpp"

namespace belfry::sim {

namespace {

constexpr uint64_t give_up_ms = 5000;  // the client's own timeout

}  // namespace

RequestNet::RequestNet(World& world, std::vector<Hub*> hubs) : world_(world), hubs_(std::move(hubs)) {
    for (Hub* hub : hubs_) {
        hub->on_reply = [this](uint64_t connection, const Bytes& frame) { on_reply(connection, frame); };
    }
}

Send RequestNet::connect_anywhere(Bytes author) {
    auto place = std::make_shared<size_t>(world_.random.below(hubs_.size()));
    return [this, place, send = connect(std::move(author), place)](protocol::RequestOp op, Answer answer) {
        send(std::move(op), [this, place, answer = std::move(answer)](Result<protocol::Reply> reply) {
            const bool served = reply && reply->error.code != Code::unavailable && reply->error.code != Code::uncertain;
            if (!served) *place = world_.random.below(hubs_.size());
            answer(std::move(reply));
        });
    };
}

uint64_t RequestNet::delay() {
    const bool late = loss_percent > 0 && world_.random.chance(2);
    return late ? world_.random.below(2000) : world_.random.below(delay_ms_max + 1);
}

Send RequestNet::connect(Bytes author, std::shared_ptr<size_t> place) {
    return [this, connection = ++connections_, author = std::move(author), place = std::move(place)](protocol::RequestOp op,
                                                                                                     Answer answer) {
        const uint64_t id = ++requests_;
        waiting_[id] = std::move(answer);
        world_.after(give_up_ms, [this, id] {
            const auto found = waiting_.find(id);
            if (found == waiting_.end()) return;
            const Answer late = std::move(found->second);
            waiting_.erase(found);
            late(Error{Code::uncertain, "no answer"});
        });
        if (world_.random.chance(loss_percent)) return;
        protocol::Request request{id, author, "", std::move(op)};
        world_.after(delay(), [hub = hubs_[*place], connection, frame = protocol::encode_requests({&request, 1})] {
            hub->receive(connection, frame);
        });
    };
}

void RequestNet::on_reply(uint64_t, const Bytes& frame) {
    const int copies = world_.random.chance(loss_percent) ? 0 : world_.random.chance(twice_percent) ? 2 : 1;
    for (int i = 0; i < copies; ++i) {
        world_.after(delay(), [this, frame] {
            auto replies = protocol::decode_replies(frame);
            if (!replies) return world_.fail("reply frame: " + replies.error().detail);
            for (auto& reply : *replies) {
                const auto found = waiting_.find(reply.id);
                if (found == waiting_.end()) continue;
                const Answer answer = found->second;
                answer(std::move(reply));
            }
        });
    }
}

}  // namespace belfry::sim

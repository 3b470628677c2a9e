#include "tests/sim/request_net.hpp"

#include "sdk/protocol/codec.hpp"

namespace belfry::sim {

namespace {

constexpr uint64_t give_up_ms = 5000;  // the client's own timeout

}  // namespace

RequestNet::RequestNet(World& world, Hub& hub) : world_(world), hub_(hub) {
    hub_.on_reply = [this](uint64_t connection, const Bytes& frame) { on_reply(connection, frame); };
}

uint64_t RequestNet::delay() {
    const bool late = loss_percent > 0 && world_.random.chance(2);
    return late ? world_.random.below(2000) : world_.random.below(delay_ms_max + 1);
}

Send RequestNet::connect(Bytes author) {
    return [this, connection = ++connections_, author = std::move(author)](protocol::RequestOp op, Answer answer) {
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
        world_.after(delay(), [this, connection, frame = protocol::encode_requests({&request, 1})] {
            hub_.receive(connection, frame);
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

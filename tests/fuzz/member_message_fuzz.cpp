// What members say to each other: any octets are refused or understood; a state digest, a question and an answer spell
// themselves again.
#include <cstdlib>

#include "hub/core/member_message.hpp"
#include "hub/peer/frame.hpp"
#include "hub/peer/snapshot_frame.hpp"

using namespace belfry;
using namespace belfry::hub;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const BytesView octets(reinterpret_cast<const char*>(data), size);
    if (const auto frame = peer::decode_frame(octets)) {
        if (peer::encode_frame(frame->head, frame->body) != octets) std::abort();
    }
    if (const auto frame = peer::decode_snapshot_frame(octets)) {
        if (peer::encode_snapshot_frame(*frame) != octets) std::abort();
    }
    const auto message = core::decode_member_message(2, octets);
    if (!message) return 0;
    const bool may_spell_otherwise = std::holds_alternative<core::ForwardedRequests>(message->body) ||
                                     std::holds_alternative<core::ForwardedReplies>(message->body) ||  // msgpack
                                     std::holds_alternative<core::Release>(message->body);             // grows
    if (!may_spell_otherwise && core::encode_member_message(*message) != octets) std::abort();
    return 0;
}

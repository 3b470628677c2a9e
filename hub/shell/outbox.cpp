#include "hub/shell/outbox.hpp"

#include "sdk/base/limits.hpp"

namespace belfry::hub::shell {

namespace {

// A frame with replies is sent when it has grown to this, so that a client's limit on frames is never met.
constexpr size_t reply_frame_bytes_target = belfry::limits::chunk_bytes;
// Frames kept between rounds for reuse; past it the table starts anew.
constexpr size_t frames_kept_max = 4096;

}  // namespace

void Outbox::add(core::OutgoingReply outgoing) {
    dirty_ = true;
    if (!outgoing.frame.empty()) return transport_.send(outgoing.connection, std::move(outgoing.frame));
    protocol::ReplyFrame& frame = frames_[outgoing.connection];
    frame.add(outgoing.reply);
    if (frame.size() >= reply_frame_bytes_target || frame.count() >= belfry::limits::frame_requests_max) {
        send(outgoing.connection, frame);
    }
}

void Outbox::publish(feed::Message message) {
    transport_.publish(std::move(message));
    dirty_ = true;
}

void Outbox::flush() {
    if (!dirty_) return;
    for (auto& [connection, frame] : frames_) {
        if (!frame.empty()) send(connection, frame);
    }
    if (frames_.size() > frames_kept_max) frames_.clear();
    transport_.flush();
    dirty_ = false;
}

void Outbox::send(uint64_t connection, protocol::ReplyFrame& frame) { transport_.send(connection, frame.take()); }

}  // namespace belfry::hub::shell

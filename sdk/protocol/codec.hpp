// Octets <-> messages. msgpack arrays throughout; docs/protocol.md has the grammar. Decoders accept any octets and either
// return a valid message within the limits or an error that names the place; they never allocate more than a small multiple
// of the frame. All functions are free of state and may be called from any thread.
#pragma once

#include <span>
#include <vector>

#include "sdk/protocol/messages.hpp"

namespace belfry::protocol {

// A frame of requests or replies: several travel together (pipelining). At most limits::frame_requests_max.
// Who sends them proves by a credential (a token, docs/auth.md) in the frame; empty = none.
Bytes encode_requests(std::span<const Request> requests, BytesView credential = {});
Bytes encode_replies(std::span<const Reply> replies);
Result<std::vector<Request>> decode_requests(BytesView frame);
struct RequestFrame {
    std::vector<Request> requests;
    Bytes credential;
};
Result<RequestFrame> decode_request_frame(BytesView frame);
Result<std::vector<Reply>> decode_replies(BytesView frame);

// Appends one more reply to a frame under construction, so that a busy writer needs no vector of replies.
class ReplyFrame {
public:
    void add(const Reply& reply);
    bool empty() const { return count_ == 0; }
    size_t count() const { return count_; }
    size_t size() const { return body_.size(); }
    Bytes take();  // the finished frame; empty again afterwards

private:
    uint32_t count_ = 0;
    Bytes body_;
};

// The reply to a range, written key by key while the keys are read: a frame with this one reply. What decode_replies makes
// of it is what it would make of the same RangeReply sent with ReplyFrame.
class RangeFrame {
public:
    struct Item {
        BytesView key, value;
        Revision create_revision, mod_revision;
        uint64_t version = 0;
        LeaseId lease;
        BytesView content_type = {};
    };
    RangeFrame(uint64_t request_id, Revision revision);
    // `expected` items like the first one get their memory at once.
    void expect(size_t expected) { expected_ = expected; }
    void add(const Item& item);
    Bytes take(uint64_t count, bool more) &&;  // the finished frame

private:
    size_t items_ = 0;
    size_t items_at_ = 0;
    size_t expected_ = 0;
    Bytes body_;
};

// One answer to many who asked for the same changes, encoded once. What decode_replies makes of a frame is what it would
// make of the same ChangesReply, with its own `from`, sent with ReplyFrame.
class SharedChanges {
public:
    SharedChanges(Revision revision, const ChangesReply& reply);
    Bytes frame(uint64_t request_id, Revision from) const;  // with this one reply

private:
    Revision revision_;
    Bytes tail_;  // of the results, after `from`
};

// The ids that can still be read from a frame that decode_requests refused, for answering it. May be empty.
std::vector<uint64_t> salvage_request_ids(BytesView frame);

// Feed messages are single frames that begin with their topic; topics have fixed width.
//   'E' + channel id (8 octets, big-endian)     changes of a channel
//   'M'                                         marks
//   'T' + 16 random octets                      join tokens; sorts after the others, which the join relies on
inline constexpr size_t channel_topic_bytes = 9;
inline constexpr size_t token_topic_bytes = 17;
Bytes channel_topic(ChannelId channel);
inline Bytes mark_topic() { return "M"; }
Result<ChannelId> parse_channel_topic(BytesView topic);

Bytes encode_feed(const FeedMessage& message);
Bytes encode_mark(const MarkMessage& message);
Bytes encode_join(const JoinMessage& message);  // without topic: the transport puts the token before it
Result<FeedMessage> decode_feed(BytesView frame);
Result<MarkMessage> decode_mark(BytesView frame);
Result<JoinMessage> decode_join(BytesView frame);  // with its token topic in front

// A change set on its own, as feed messages carry it: encode once, share between channels that match all of it.
void append_change_set(const ChangeSet& change, Bytes& out);

// May this change the key space, in whatever branch of a transaction? Then it goes through the log.
bool can_change(const RequestOp& op);

// Refuses what no hub accepts: empty or oversized keys, values, ranges, comments, transactions too large or too deep, keys
// put twice in one transaction. The SDK calls it before sending, the hub after decoding.
Status validate(const Request& request);

// Encoded size, roughly (for batching and bounds). Of a reply: of what answers a write.
size_t approximate_bytes(const Request& request);
size_t approximate_bytes(const Reply& reply);
size_t approximate_bytes(const KeyValue& kv);
size_t approximate_bytes(const ChangeSet& change);

}  // namespace belfry::protocol

#include "sdk/protocol/codec.hpp"
#include "sdk/protocol/decode_parts.hpp"
#include "sdk/protocol/wire.hpp"
#include "sdk/protocol/writer.hpp"

namespace belfry::protocol {
namespace {

// Checks what every message of the feed begins with, calls `read`, and passes over elements this build does not know.
template <class Message, class Read>
Result<Message> decode(BytesView body, size_t known, Read read) {
    TokenBuffer tokens;
    if (Status status = tokenize(body, tokens.get()); !status) return Error{Code::corrupt, status.error().detail};
    Reader reader(tokens.get(), Code::corrupt);
    reader.enter("feed message", SIZE_MAX);
    reader.array("message", 1);
    if (!read_version(reader)) return reader.error();
    Reader fields(tokens.get(), Code::corrupt);
    fields.enter("feed message", SIZE_MAX);
    fields.array("message", known);
    fields.number("version");
    Message message;
    read(fields, message);
    if (!fields.ok()) return fields.error();
    return message;
}

Error wrong_topic(const char* wanted) { return {Code::corrupt, std::string("the frame's topic is not ") + wanted}; }

}  // namespace

Bytes channel_topic(ChannelId channel) {
    Bytes topic(1, wire::channel_letter);
    for (int shift = 56; shift >= 0; shift -= 8) topic += static_cast<char>(channel.value >> shift);
    return topic;
}

Result<ChannelId> parse_channel_topic(BytesView topic) {
    if (topic.size() != channel_topic_bytes || topic[0] != wire::channel_letter) return wrong_topic("'E' and 8 octets");
    ChannelId channel;
    for (const char octet : topic.substr(1)) channel.value = channel.value << 8 | static_cast<unsigned char>(octet);
    return channel;
}

Bytes encode_feed(const FeedMessage& message) {
    Bytes out = channel_topic(message.channel);
    size_t size = 64;
    for (const ChangeSet& change : message.changes) size += approximate_bytes(change);
    out.reserve(size);
    Writer writer(out);
    writer.array(7);
    writer.number(protocol_version);
    writer.number(message.epoch);
    writer.number(message.incarnation);
    writer.number(message.from);
    writer.number(message.to);
    writer.flag(message.fetch);
    writer.array(message.changes.size());
    for (const ChangeSet& change : message.changes) append_change_set(change, out);
    return out;
}

Bytes encode_mark(const MarkMessage& message) {
    Bytes out = mark_topic();
    Writer writer(out);
    writer.array(6);
    writer.number(protocol_version);
    writer.number(message.epoch);
    writer.number(message.incarnation);
    writer.number(message.sequence);
    writer.number(message.revision);
    writer.array(message.changed.size());
    for (const auto& [channel, to] : message.changed) {
        writer.array(2);
        writer.number(channel.value);
        writer.number(to);
    }
    return out;
}

Bytes encode_join(const JoinMessage& message) {
    Bytes out;
    Writer writer(out);
    writer.array(5);
    writer.number(protocol_version);
    writer.number(message.epoch);
    writer.number(message.incarnation);
    writer.number(message.revision);
    writer.number(message.spread_ms);
    return out;
}

Result<FeedMessage> decode_feed(BytesView frame) {
    const Result<ChannelId> channel = parse_channel_topic(frame.substr(0, channel_topic_bytes));
    if (!channel) return channel.error();
    return decode<FeedMessage>(frame.substr(channel_topic_bytes), 7, [&](Reader& reader, FeedMessage& message) {
        message.channel = *channel;
        message.epoch = reader.number("epoch");
        message.incarnation = reader.number("incarnation");
        message.from = read_revision(reader, "from");
        message.to = read_revision(reader, "to");
        message.fetch = reader.flag("fetch");
        message.changes = read_change_sets(reader);
    });
}

Result<MarkMessage> decode_mark(BytesView frame) {
    if (frame.empty() || frame[0] != wire::mark_letter) return wrong_topic("'M'");
    return decode<MarkMessage>(frame.substr(1), 6, [](Reader& reader, MarkMessage& message) {
        message.epoch = reader.number("epoch");
        message.incarnation = reader.number("incarnation");
        message.sequence = reader.number("sequence");
        message.revision = read_revision(reader, "revision");
        const size_t size = reader.array("channels", 0);
        message.changed.reserve(std::min(size, reserved_max));
        for (size_t i = 0; i < size && reader.ok(); ++i) {
            reader.array("channel", 2, 2);
            const ChannelId channel{reader.number("channel id")};
            message.changed.emplace_back(channel, read_revision(reader, "revision"));
        }
    });
}

Result<JoinMessage> decode_join(BytesView frame) {
    if (frame.size() < token_topic_bytes || frame[0] != wire::token_letter) return wrong_topic("'T' and 16 octets");
    return decode<JoinMessage>(frame.substr(token_topic_bytes), 5, [](Reader& reader, JoinMessage& message) {
        message.epoch = reader.number("epoch");
        message.incarnation = reader.number("incarnation");
        message.revision = read_revision(reader, "revision");
        message.spread_ms = reader.number("spread");
    });
}

}  // namespace belfry::protocol

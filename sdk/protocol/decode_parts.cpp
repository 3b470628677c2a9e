#include "sdk/protocol/decode_parts.hpp"

namespace belfry::protocol {
namespace {

// Those of `size` elements that this build knows; newer hubs may add more at the end.
void read_fields(Reader& reader, size_t size, KeyValue& kv) {
    kv.key = Bytes(reader.bytes("key"));
    kv.value = Bytes(reader.bytes("value"));
    kv.create_revision = read_revision(reader, "create revision");
    kv.mod_revision = read_revision(reader, "mod revision");
    kv.version = reader.number("version");
    kv.lease = {reader.number("lease")};
    if (reader.ok() && size > 6) kv.content_type = Bytes(reader.bytes("content type"));
    reader.skip(reader.ok() && size > 7 ? size - 7 : 0);
}

void read_key_value(Reader& reader, KeyValue& kv) { read_fields(reader, reader.array("key with value", 6), kv); }

Event read_event(Reader& reader) {
    Event event;
    const size_t size = reader.array("event", 3);
    event.type = static_cast<EventType>(reader.number("event type", 1));
    if (event.type == EventType::erase) {
        event.kv.key = reader.bytes("key");
        event.kv.mod_revision = read_revision(reader, "mod revision");
        reader.skip(reader.ok() ? size - 3 : 0);
        return event;
    }
    if (reader.ok() && size < 7) reader.fail("event", "of 7 elements for a put");
    read_fields(reader, size - 1, event.kv);
    return event;
}

}  // namespace

KeyValue read_key_value(Reader& reader) {
    KeyValue kv;
    read_key_value(reader, kv);
    return kv;
}

std::vector<KeyValue> read_key_values(Reader& reader, const char* what) {
    std::vector<KeyValue> kvs;
    const size_t size = reader.array(what, 0);
    kvs.reserve(std::min(size, reserved_pairs_max));
    for (size_t i = 0; i < size && reader.ok(); ++i) read_key_value(reader, kvs.emplace_back());
    return kvs;
}

ChangeSet read_change_set(Reader& reader) {
    ChangeSet change;
    const size_t size = reader.array("change set", 5);
    change.revision = read_revision(reader, "revision");
    change.time_ms = reader.number("time");
    change.author = reader.bytes("author");
    change.comment = reader.bytes("comment");
    const size_t events = reader.array("events", 0);
    change.events.reserve(std::min(events, reserved_max));
    for (size_t i = 0; i < events && reader.ok(); ++i) change.events.push_back(read_event(reader));
    if (reader.ok() && size > 5) change.labels = read_labels(reader, 0, SIZE_MAX);
    reader.skip(reader.ok() && size > 6 ? size - 6 : 0);
    return change;
}

std::vector<ChangeSet> read_change_sets(Reader& reader) {
    std::vector<ChangeSet> changes;
    const size_t size = reader.array("change sets", 0);
    changes.reserve(std::min(size, reserved_max));
    for (size_t i = 0; i < size && reader.ok(); ++i) changes.push_back(read_change_set(reader));
    return changes;
}

Labels read_labels(Reader& reader, size_t least, size_t most) {
    Labels labels;
    const size_t size = reader.array("labels", least, most);
    labels.reserve(std::min(size, reserved_max));
    for (size_t i = 0; i < size && reader.ok(); ++i) labels.emplace_back(reader.bytes("label"));
    return labels;
}

bool read_version(Reader& reader) {
    const uint64_t version = reader.number("protocol version");
    if (reader.ok() && version != protocol_version) {
        reader.fail_with(Code::incompatible, "it speaks protocol version " + std::to_string(version) +
                                                 ", this side speaks " + std::to_string(protocol_version));
    }
    return reader.ok();
}

}  // namespace belfry::protocol

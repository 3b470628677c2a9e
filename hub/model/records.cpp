#include "hub/model/records.hpp"

#include <algorithm>
#include <string>

#include "hub/base/labels.hpp"

namespace belfry::hub::model {

namespace {

void write(Writer& out, const Version& version) {
    out.varint(version.create.value);
    out.varint(version.mod.value);
    out.varint(version.version);
    out.varint(version.lease.value);
}

Version read_version(Reader& in) {
    Version version;
    version.create.value = in.varint();
    version.mod.value = in.varint();
    version.version = in.varint();
    version.lease.value = in.varint();
    return version;
}

// One that is there is not empty, so that a record has one spelling.
BytesView read_content_type(Reader& in) {
    const BytesView content_type = in.bytes();
    if (content_type.empty()) in.fail();
    return content_type;
}

// Beside type and previous in an event's flags.
constexpr unsigned flag_content_type = 8, flag_previous_content_type = 16;

}  // namespace

Error damaged(std::string_view table, size_t offset) {
    return {Code::corrupt, "state store: a record of table '" + std::string(table) + "' is damaged at octet " +
                               std::to_string(offset) + "; restore the store from a snapshot"};
}

Bytes encode_meta(const Meta& meta) {
    Bytes record;
    Writer out(record);
    out.u32(meta.format);
    for (const Revision revision : {meta.revision, meta.compacted, meta.dropped, meta.drop_target}) out.u64(revision.value);
    out.u64(meta.key_count);
    out.u64(meta.time_ms);
    out.u64(meta.digest);
    out.u64(meta.session_ms);
    if (meta.format >= meta_format_leases) out.u64(meta.last_lease_number);
    return record;
}

Result<Meta> decode_meta(BytesView record) {
    Reader in(record);
    const uint32_t format = in.u32();
    if (in.ok() && format > meta_format) {
        return Error{Code::incompatible, "state store of format " + std::to_string(format) + "; this hub reads up to " +
                                             std::to_string(meta_format) + ": run a newer one"};
    }
    Meta meta;
    for (Revision* revision : {&meta.revision, &meta.compacted, &meta.dropped, &meta.drop_target})
        revision->value = in.u64();
    meta.key_count = in.u64();
    meta.time_ms = in.u64();
    if (format > 1) meta.digest = in.u64();
    if (format > 2) meta.session_ms = in.u64();
    if (format >= meta_format_leases) meta.last_lease_number = in.u64();
    meta.format = std::max(format, meta_format_least);
    if (!in.ok() || !in.at_end() || format == 0) return damaged("meta", in.offset());
    return meta;
}

void encode_current(const Version& version, Bytes& out) {
    Writer writer(out);
    if (!version.content_type.empty()) {
        writer.varint(0);  // no key was created at revision 0
        writer.bytes(version.content_type);
    }
    write(writer, version);
    writer.raw(version.value);
}

Result<Version> decode_current(BytesView record) {
    Reader in(record);
    BytesView content_type;
    if (record.starts_with('\0')) {
        (void)in.u8();
        content_type = read_content_type(in);
    }
    Version version = read_version(in);
    version.content_type = content_type;
    version.value = in.rest();
    if (!in.ok()) return damaged("current", in.offset());
    return version;
}

KeyValue to_key_value(BytesView key, const Version& version) {
    return {Bytes(key),    Bytes(version.value),       version.create, version.mod, version.version,
            version.lease, Bytes(version.content_type)};
}

Bytes encode_deleted(Revision revision) {
    Bytes record;
    Writer(record).varint(revision.value);
    return record;
}

Result<Revision> decode_deleted(BytesView record) {
    Reader in(record);
    const Revision revision = {in.varint()};
    if (!in.ok() || !in.at_end()) return damaged("deleted", in.offset());
    return revision;
}

RevisionKey revision_key(Revision revision) {
    RevisionKey key;
    for (size_t i = 0; i < key.size(); ++i) key[i] = static_cast<char>(revision.value >> (56 - 8 * i));
    return key;
}

Revision revision_of(BytesView key) {
    Revision revision;
    if (key.size() != sizeof revision.value) return revision;
    for (const char octet : key) revision.value = revision.value << 8 | static_cast<unsigned char>(octet);
    return revision;
}

void encode_change_header(const ChangeHeader& header, Bytes& out) {
    Writer writer(out);
    writer.u8(header.labels.empty() ? change_format : change_format_labels);
    writer.u64(header.time_ms);
    writer.bytes(header.author);
    writer.bytes(header.comment);
    if (header.labels.empty()) return;
    write_labels(writer, header.labels);
}

void encode_change_event(const ChangeEvent& event, Bytes& out) {
    Writer writer(out);
    const bool has_type = event.type == EventType::put && !event.now.content_type.empty();
    const bool had_type = event.previous == ChangeEvent::Previous::live && !event.before.content_type.empty();
    writer.u8(static_cast<uint8_t>(static_cast<unsigned>(event.type) | static_cast<unsigned>(event.previous) << 1 |
                                   (has_type ? flag_content_type : 0) | (had_type ? flag_previous_content_type : 0)));
    writer.bytes(event.key);
    if (event.type == EventType::put) {
        writer.varint(event.now.create.value);
        writer.varint(event.now.version);
        writer.varint(event.now.lease.value);
        writer.bytes(event.now.value);
    }
    if (has_type) writer.bytes(event.now.content_type);
    if (event.previous == ChangeEvent::Previous::tombstone) writer.varint(event.before.mod.value);
    if (event.previous != ChangeEvent::Previous::live) return;
    write(writer, event.before);
    writer.bytes(event.before.value);
    if (had_type) writer.bytes(event.before.content_type);
}

ChangeReader::ChangeReader(BytesView record, Revision revision) : in_(record), revision_(revision) {
    const uint8_t format = in_.u8();
    if (format != change_format && format != change_format_labels) in_.fail();
    header_.time_ms = in_.u64();
    header_.author = in_.bytes();
    header_.comment = in_.bytes();
    if (format != change_format_labels) return;
    header_.labels = read_labels(in_);
}

ChangeReader ChangeReader::events(BytesView octets, Revision revision) { return {Reader(octets), revision}; }

bool ChangeReader::next(ChangeEvent& event) {
    if (!in_.ok() || in_.at_end()) return false;
    const uint8_t octet = in_.u8();
    const bool has_type = (octet & flag_content_type) != 0;
    const bool had_type = (octet & flag_previous_content_type) != 0;
    const unsigned flags = octet & ~(flag_content_type | flag_previous_content_type);
    if (flags > 5) in_.fail();
    event = ChangeEvent();
    event.type = static_cast<EventType>(flags & 1);
    event.previous = static_cast<ChangeEvent::Previous>(flags >> 1 & 3);
    if (has_type && event.type != EventType::put) in_.fail();
    if (had_type && event.previous != ChangeEvent::Previous::live) in_.fail();
    event.key = in_.bytes();
    if (event.key.empty()) in_.fail();
    event.now.mod = revision_;
    if (event.type == EventType::put) {
        event.now.create.value = in_.varint();
        event.now.version = in_.varint();
        event.now.lease.value = in_.varint();
        event.now.value = in_.bytes();
        if (has_type) event.now.content_type = read_content_type(in_);
    }
    if (event.previous == ChangeEvent::Previous::tombstone) event.before.mod.value = in_.varint();
    if (event.previous == ChangeEvent::Previous::live) {
        event.before = read_version(in_);
        event.before.value = in_.bytes();
        if (had_type) event.before.content_type = read_content_type(in_);
    }
    // A chain goes back in time, or it would have no end.
    if (event.previous != ChangeEvent::Previous::nothing && event.before.mod >= revision_) in_.fail();
    return in_.ok();
}

Result<ChangeEvent> ChangeReader::find(BytesView key) {
    ChangeEvent event;
    while (next(event)) {
        if (event.key == key) return event;
    }
    if (Status read = status(); !read) return read.error();
    return Error{Code::not_found, {}};
}

Status ChangeReader::status() const {
    if (!in_.ok()) return damaged("changes", in_.offset());
    return {};
}

Event to_event(const ChangeEvent& event, Revision revision) {
    Event out;
    out.type = event.type;
    if (event.type == EventType::put) {
        out.kv = to_key_value(event.key, event.now);
    } else {
        out.kv.key = event.key;
    }
    out.kv.mod_revision = revision;
    return out;
}

}  // namespace belfry::hub::model

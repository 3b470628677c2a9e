#include "plugins/log_wal/segment.hpp"

#include <bit>
#include <cstring>

#include "sdk/base/crc32c.hpp"
#include "sdk/plugin/log_store.h"

namespace belfry::log_wal {

static_assert(std::endian::native == std::endian::little, "the format is written as it lies in memory");

namespace {

constexpr size_t header_crc_end = offsetof(SegmentHeader, format);

uint32_t header_crc(const SegmentHeader& header) {
    return crc32c(0, {reinterpret_cast<const char*>(&header) + header_crc_end, sizeof(header) - header_crc_end});
}

uint32_t record_crc(uint64_t salt, BytesView after_crc) {
    return crc32c(crc32c(0, {reinterpret_cast<const char*>(&salt), sizeof(salt)}), after_crc);
}

}  // namespace

Bytes encode_header(SegmentHeader header) {
    header.crc = header_crc(header);
    Bytes bytes(header_bytes, '\0');
    std::memcpy(bytes.data(), &header, sizeof(header));
    return bytes;
}

Result<SegmentHeader> parse_header(BytesView bytes) {
    SegmentHeader header;
    const SegmentHeader ours;
    if (bytes.size() < header_bytes) return Error{Code::corrupt, "the file is shorter than a segment's header"};
    std::memcpy(&header, bytes.data(), sizeof(header));
    const bool ours_at_all = std::memcmp(header.magic, ours.magic, sizeof(ours.magic)) == 0;
    // A newer header may keep its checksum elsewhere.
    if (!ours_at_all || (header.format <= format_version && header.crc != header_crc(header)))
        return Error{Code::corrupt, "the segment's header is damaged"};
    if (header.format <= format_version && std::memcmp(header.plugin, ours.plugin, sizeof(ours.plugin)) != 0)
        return Error{Code::incompatible, "the segment belongs to another plugin; choose that plugin or another directory"};
    if (header.format != format_version) {
        return Error{Code::incompatible, "the segment has format " + std::to_string(header.format) +
                                             "; this release knows format " + std::to_string(format_version) +
                                             "; run the release that wrote it"};
    }
    return header;
}

void append_record(Bytes& out, uint64_t salt, RecordHeader header, BytesView payload) {
    const size_t begin = out.size();
    header.size = static_cast<uint32_t>(payload.size());
    out.append(reinterpret_cast<const char*>(&header), sizeof(header));
    out.append(payload);
    const BytesView after_crc = BytesView(out).substr(begin + sizeof(header.crc));
    const uint32_t crc = record_crc(salt, after_crc);
    std::memcpy(out.data() + begin, &crc, sizeof(crc));
    out.resize(begin + record_bytes(payload.size()), '\0');
}

std::optional<Record> parse_record(BytesView bytes, uint64_t salt) {
    Record record;
    if (bytes.size() < sizeof(RecordHeader)) return std::nullopt;
    std::memcpy(&record.header, bytes.data(), sizeof(RecordHeader));
    const auto kind = static_cast<uint32_t>(record.header.kind);
    if (kind < 1 || kind > 3 || record.header.size > BELFRY_LOG_PAYLOAD_BYTES_MAX) return std::nullopt;
    record.bytes = record_bytes(record.header.size);
    if (record.bytes > bytes.size()) return std::nullopt;
    const size_t crc_bytes = sizeof(record.header.crc);
    const size_t covered = sizeof(RecordHeader) + record.header.size - crc_bytes;
    if (record_crc(salt, bytes.substr(crc_bytes, covered)) != record.header.crc) return std::nullopt;
    record.payload = bytes.substr(sizeof(RecordHeader), record.header.size);
    return record;
}

bool synced_past(BytesView segment, uint64_t offset, uint64_t salt) {
    for (uint64_t at = offset + 8; at + sizeof(RecordHeader) <= segment.size(); at += 8) {
        RecordHeader header;
        std::memcpy(&header, segment.data() + at, sizeof(header));
        if (header.durable_offset <= offset || header.durable_offset > at) continue;
        if (parse_record(segment.substr(at), salt)) return true;
    }
    return false;
}

}  // namespace belfry::log_wal

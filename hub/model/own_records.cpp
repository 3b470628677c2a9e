#include "hub/model/own_records.hpp"

#include "hub/base/binary.hpp"
#include "hub/model/records.hpp"
#include "sdk/base/key_range.hpp"
#include "sdk/base/limits.hpp"

namespace belfry::hub::model {

namespace {

constexpr auto forward = plugin::StateStore::Direction::forward;

Bytes encode(const protocol::Record& record) {
    Bytes octets;
    Writer out(octets);
    out.u8(own_record_format);
    out.varint(record.version);
    out.u64(record.time_ms);
    out.bytes(record.author);
    out.raw(record.content);
    return octets;
}

Result<protocol::Record> decode(BytesView name, BytesView octets) {
    Reader in(octets);
    const uint8_t format = in.u8();
    if (in.ok() && format != own_record_format) {
        return Error{Code::incompatible, "state: a record of format " + std::to_string(format) + "; run a newer hub"};
    }
    protocol::Record record;
    record.name = name;
    record.version = in.varint();
    record.time_ms = in.u64();
    record.author = in.bytes();
    record.content = in.rest();
    if (!in.ok() || record.version == 0) return damaged("records", in.offset());
    return record;
}

Error conflict(const protocol::RecordChangeRequest& request, uint64_t version) {
    const std::string name = "record '" + request.name + "'";
    if (version == 0) return {Code::conflict, name + " does not exist"};
    return {Code::conflict, name + " is at version " + std::to_string(version) +
                                (request.expected ? ", not at " + std::to_string(*request.expected) : std::string())};
}

}  // namespace

Status OwnRecords::load() {
    uint64_t bytes = 0;
    Status damage;
    const auto visit = [&](BytesView name, BytesView octets) {
        const auto record = decode(name, octets);
        if (!record) return damage = record.error(), false;
        bytes += record->name.size() + record->content.size();
        return true;
    };
    if (Status scanned = store_.scan(table_own_records, {}, {}, forward, visit); !scanned) return scanned;
    if (!damage) return damage;
    bytes_ = bytes;
    changed_ = false;
    return {};
}

Result<std::optional<protocol::Record>> OwnRecords::find(BytesView name) {
    const Result<BytesView> octets = store_.get(table_own_records, name);
    if (!octets) {
        if (octets.error().code == Code::not_found) return std::optional<protocol::Record>();
        return octets.error();
    }
    auto record = decode(name, *octets);
    if (!record) return record.error();
    return std::optional(*std::move(record));
}

Result<protocol::RecordChangeReply> OwnRecords::change(const protocol::RecordChangeRequest& request, BytesView author,
                                                       uint64_t time_ms) {
    const auto found = find(request.name);
    if (!found) return found.error();
    const uint64_t version = *found ? (*found)->version : 0;
    if (request.expected && *request.expected != version) return conflict(request, version);
    if (request.remove && !*found) return conflict(request, 0);
    const uint64_t before = *found ? request.name.size() + (*found)->content.size() : 0;
    const uint64_t after = request.remove ? 0 : request.name.size() + request.content.size();
    if (after > before && bytes_ - before + after > belfry::limits::records_bytes_max) {
        return Error{Code::too_large, "all records together would have more than " +
                                          std::to_string(belfry::limits::records_bytes_max) + " bytes"};
    }
    const protocol::Record record{request.name, request.content, version + 1, time_ms, Bytes(author)};
    const Status written = request.remove ? store_.erase(table_own_records, request.name)
                                          : store_.put(table_own_records, request.name, encode(record));
    if (!written) return written.error();
    bytes_ = bytes_ - before + after;
    changed_ = true;
    return protocol::RecordChangeReply{request.remove ? 0 : record.version};
}

Result<protocol::RecordsReply> OwnRecords::list(const protocol::RecordsRequest& request) {
    const KeyRange range = KeyRange::prefix(request.prefix);
    const BytesView end = range.is_open() ? BytesView() : BytesView(range.end);
    const Bytes from = request.after < request.prefix ? request.prefix : request.after + '\0';
    protocol::RecordsReply reply;
    size_t bytes = 0;
    Status damage;
    const auto visit = [&](BytesView name, BytesView octets) {
        if (bytes >= belfry::limits::chunk_bytes) return reply.more = true, false;
        auto record = decode(name, octets);
        if (!record) return damage = record.error(), false;
        bytes += record->name.size() + record->content.size();
        reply.records.push_back(*std::move(record));
        return true;
    };
    if (Status scanned = store_.scan(table_own_records, from, end, forward, visit); !scanned) return scanned.error();
    if (!damage) return damage.error();
    return reply;
}

}  // namespace belfry::hub::model

#include "plugins/log_wal/wal_log.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "sdk/base/random.hpp"

namespace belfry::log_wal {

namespace {

// Kept free at the end of a segment for votes and truncations, so that they go on when the disk is full.
constexpr uint64_t reserve_bytes = 4096;
constexpr uint64_t read_bytes = 1024 * 1024;

std::string segment_path(const std::string& directory, const SegmentHeader& header) {
    char name[64];
    std::snprintf(name, sizeof(name), "/%010llu-%020llu.wal", static_cast<unsigned long long>(header.sequence),
                  static_cast<unsigned long long>(header.first_index));
    return directory + name;
}

}  // namespace

Result<plugin::LogState> WalLog::state() {
    return plugin::LogState{boundary_.next(), last(), boundary_, boundary_term_, term_, voted_for_, cut_bytes_};
}

Status WalLog::stop(Error error) {
    if (failed_.code == Code::ok) failed_ = error;
    return error;
}

void WalLog::count() {
    uint64_t bytes = 0;
    for (const Segment& segment : segments_) bytes += segment.capacity;
    bytes_used_ = bytes;
    segment_count_ = segments_.size();
}

Status WalLog::begin_segment(File file, SegmentHeader header) {
    header.salt = random_u64();
    header.term = term_.value;
    header.voted_for = voted_for_;
    const std::string made_at = file.path();
    const auto capacity = file.size();
    if (capacity) header.capacity = *capacity;
    Status status = capacity ? file.write(encode_header(header), 0) : Status(capacity.error());
    if (status.ok()) status = file.sync();
    if (status.ok()) status = file.rename(segment_path(directory_, header));
    if (!status) {
        (void)remove_file(made_at);
        return status;
    }
    if (status = sync_directory(directory_); !status) return stop(std::move(status).error());
    if (!segments_.empty()) active().file.end_direct();
    segments_.push_back({header, std::move(file), *capacity, UINT64_MAX});
    end_ = synced_ = header_bytes;
    tail_.start(active().file, end_);
    count();
    if (spare_) spare_->prepare();
    return {};
}

Status WalLog::roll(uint64_t bytes) {
    // Everything before a new segment is durable: so only the last segment can be torn.
    if (Status status = sync(); !status) return status;
    auto file = spare_->take(header_bytes + bytes + reserve_bytes);
    if (!file) return std::move(file).error();
    SegmentHeader header;
    header.sequence = active().header.sequence + 1;
    header.base_sequence = active().header.base_sequence;
    header.first_index = last().next().value;
    header.boundary_term = last_term_.value;
    header.previous_end = end_;
    return begin_segment(std::move(*file), header);
}

Status WalLog::ensure_room(uint64_t bytes, uint64_t reserve) {
    if (end_ + bytes + reserve <= active().capacity) return {};
    return roll(bytes);
}

Status WalLog::write_buffer() {
    File& file = active().file;
    if (Status status = tail_.is_started() ? tail_.append(file, buffer_) : file.write(buffer_, end_); !status) {
        // Nothing of it may come back, not even its last records behind shorter ones written next.
        const Status erased = file.zero(end_, end_ + buffer_.size());
        if (status.error().code != Code::no_space || !erased) return stop(std::move(status).error());
        tail_.start(file, end_);
        return status;
    }
    end_ += buffer_.size();
    spare_->keep_ahead(end_, active().capacity);
    return {};
}

Status WalLog::append(std::span<const belfry_log_entry> entries) {
    if (failed_.code != Code::ok) return failed_;
    uint64_t bytes = 0;
    for (size_t i = 0; i < entries.size(); ++i) {
        const belfry_log_entry& entry = entries[i];
        if (entry.index != last().value + 1 + i) {
            return Error{Code::invalid_argument, "entry " + std::to_string(entry.index) + " does not follow entry " +
                                                     std::to_string(last().value + i)};
        }
        if (entry.payload.size > BELFRY_LOG_PAYLOAD_BYTES_MAX) {
            return Error{Code::too_large, "entry " + std::to_string(entry.index) + " has " +
                                              std::to_string(entry.payload.size) + " octets, more than 16 MiB"};
        }
        bytes += record_bytes(entry.payload.size);
    }
    if (entries.empty()) return {};
    if (Status status = ensure_room(bytes, reserve_bytes); !status) return status;
    buffer_.clear();
    buffer_.reserve(bytes);
    std::vector<Position> positions;
    positions.reserve(entries.size());
    for (const belfry_log_entry& entry : entries) {
        positions.push_back(
            {static_cast<uint32_t>(active().header.sequence), static_cast<uint32_t>((end_ + buffer_.size()) / 8)});
        append_record(buffer_, active().header.salt, {0, 0, entry.type, Kind::entry, entry.index, entry.term, synced_},
                      plugin::from_c(entry.payload));
    }
    if (Status status = write_buffer(); !status) return status;
    positions_.insert(positions_.end(), positions.begin(), positions.end());
    last_term_ = {entries.back().term};
    return {};
}

Status WalLog::write_record(const RecordHeader& header) {
    if (Status status = ensure_room(record_bytes(0), 0); !status) return stop(std::move(status).error());
    buffer_.clear();
    RecordHeader record = header;
    record.durable_offset = synced_;
    append_record(buffer_, active().header.salt, record, {});
    if (Status status = write_buffer(); !status) return stop(std::move(status).error());
    return {};
}

Status WalLog::truncate_after(Index last_kept) {
    if (failed_.code != Code::ok) return failed_;
    if (last_kept < boundary_)
        return Error{Code::invalid_argument,
                     "cannot truncate after " + std::to_string(last_kept.value) + ", which is before the log"};
    if (last_kept >= last()) return {};
    const auto term = last_kept == boundary_ ? Result<Term>(boundary_term_) : term_at(last_kept);
    if (!term) return stop(term.error());
    if (Status status = write_record({0, 0, 0, Kind::truncate, last_kept.value, 0, 0}); !status) return status;
    active().lowest_truncation = std::min(active().lowest_truncation, last_kept.value);
    positions_.resize(last_kept.value - boundary_.value);
    last_term_ = *term;
    return {};
}

Status WalLog::sync() {
    if (failed_.code != Code::ok) return failed_;
    if (synced_ == end_) return {};
    // After a failed fdatasync the kernel may have dropped the pages: nothing may be written on.
    if (Status status = active().file.sync(); !status) return stop(std::move(status).error());
    synced_ = end_;
    return {};
}

Status WalLog::save_vote(Term term, uint64_t voted_for) {
    if (failed_.code != Code::ok) return failed_;
    if (Status status = write_record({0, 0, 0, Kind::vote, voted_for, term.value, 0}); !status) return status;
    term_ = term;
    voted_for_ = voted_for;
    return sync();
}

const WalLog::Segment& WalLog::segment_of(const Position& position) const {
    return segments_[position.sequence - static_cast<uint32_t>(segments_.front().header.sequence)];
}

Result<Term> WalLog::term_at(Index index) const {
    const Position& position = positions_[index.value - boundary_.value - 1];
    RecordHeader header;
    const auto got =
        segment_of(position).file.read(reinterpret_cast<char*>(&header), sizeof(header), position.offset_8 * 8ull);
    if (!got) return got.error();
    if (*got != sizeof(header) || header.index != index.value)
        return Error{Code::corrupt,
                     segment_of(position).file.path() + ": entry " + std::to_string(index.value) + " has changed on disk"};
    return Term{header.term};
}

Status WalLog::read(Index first, const plugin::LogVisitor& visitor) {
    if (first <= boundary_)
        return Error{Code::compacted, "entry " + std::to_string(first.value) + " is compacted; the log begins after " +
                                          std::to_string(boundary_.value)};
    Bytes bytes;
    const Segment* read_from = nullptr;
    uint64_t begin = 0;
    for (Index index = first; index <= last(); index = index.next()) {
        const Position position = positions_[index.value - boundary_.value - 1];
        const Segment& segment = segment_of(position);
        const uint64_t offset = position.offset_8 * 8ull;
        const auto record_here = [&]() -> std::optional<Record> {
            if (read_from != &segment || offset < begin || offset - begin >= bytes.size()) return std::nullopt;
            return parse_record(BytesView(bytes).substr(offset - begin), segment.header.salt);
        };
        auto record = record_here();
        for (uint64_t size : {read_bytes, record_bytes(BELFRY_LOG_PAYLOAD_BYTES_MAX)}) {
            if (record) break;
            bytes.resize(size);
            const auto got = segment.file.read(bytes.data(), size, offset);
            if (!got) return got.error();
            bytes.resize(*got);
            read_from = &segment;
            begin = offset;
            record = record_here();
        }
        if (!record || record->header.kind != Kind::entry || record->header.index != index.value) {
            return Error{Code::corrupt, segment.file.path() + ": entry " + std::to_string(index.value) + " at offset " +
                                            std::to_string(offset) +
                                            " is damaged; restore this member from a backup or rebuild it"};
        }
        if (!visitor({index.value, record->header.term, record->header.type, 0, plugin::to_c(record->payload)})) return {};
    }
    return {};
}

Status WalLog::compact(Index first_kept) {
    if (failed_.code != Code::ok) return failed_;
    if (first_kept > last().next())
        return Error{Code::invalid_argument,
                     "cannot compact up to " + std::to_string(first_kept.value) + ", past the end of the log"};
    // A segment may become the first if no later truncation reaches below where it begins.
    size_t dropped = 0;
    uint64_t lowest_truncation = UINT64_MAX;
    for (size_t i = segments_.size(); i-- > 1 && dropped == 0;) {
        lowest_truncation = std::min(lowest_truncation, segments_[i].lowest_truncation);
        const uint64_t begins = segments_[i].header.first_index;
        if (begins <= first_kept.value && begins > boundary_.value && lowest_truncation >= begins - 1) dropped = i;
    }
    if (dropped == 0) return {};
    // What replaces the dropped ones (votes, truncations) must be durable first.
    if (Status status = sync(); !status) return status;
    const SegmentHeader& first = segments_[dropped].header;
    positions_.erase(positions_.begin(),
                     positions_.begin() + static_cast<ptrdiff_t>(first.first_index - 1 - boundary_.value));
    boundary_ = {first.first_index - 1};
    boundary_term_ = {first.boundary_term};
    return drop(dropped);
}

Status WalLog::drop(size_t segment_count) {
    for (; segment_count > 0; --segment_count) {
        if (Status status = spare_->remove(std::move(segments_.front().file)); !status)
            return stop(std::move(status).error());
        segments_.pop_front();
    }
    count();
    return {};
}

Status WalLog::reset(Index boundary, Term boundary_term) {
    if (failed_.code != Code::ok) return failed_;
    if (Status status = sync(); !status) return status;
    auto file = spare_->take(header_bytes + reserve_bytes);
    if (!file) return std::move(file).error();
    SegmentHeader header;
    header.sequence = header.base_sequence = active().header.sequence + 1;
    header.first_index = boundary.next().value;
    header.boundary_term = boundary_term.value;
    header.previous_end = end_;
    if (Status status = begin_segment(std::move(*file), header); !status) return status;
    positions_.clear();
    boundary_ = boundary;
    boundary_term_ = last_term_ = boundary_term;
    return drop(segments_.size() - 1);
}

}  // namespace belfry::log_wal

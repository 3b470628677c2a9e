// Opening: what is on disk becomes the log again, or one sentence says why not.
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <filesystem>

#include "plugins/log_wal/wal_log.hpp"
#include "sdk/plugin/identity.hpp"

namespace belfry::log_wal {

namespace {

constexpr const char* plugin_name = "log_wal";
constexpr uint64_t segment_bytes_default = 64ull * 1024 * 1024;
constexpr uint64_t segment_bytes_min = 64 * 1024;
constexpr uint64_t segment_bytes_max = 4096ull * 1024 * 1024;
constexpr uint64_t first_segment_bytes = 4 * 1024 * 1024;  // the first start is quick; the next segment is a full one
constexpr const char* repair = "; acknowledged entries may be lost: restore this member from a backup or rebuild it";

Result<uint64_t> segment_bytes_of(const plugin::Settings& settings) {
    uint64_t bytes = segment_bytes_default;
    for (const auto& [name, value] : settings) {
        if (name != "segment_bytes")
            return Error{Code::invalid_argument, "log_wal has no setting '" + name + "'; it has segment_bytes"};
        const char* end = value.data() + value.size();
        const auto parsed = std::from_chars(value.data(), end, bytes);
        if (parsed.ec != std::errc() || parsed.ptr != end || bytes < segment_bytes_min || bytes > segment_bytes_max) {
            return Error{Code::invalid_argument, "log_wal: segment_bytes '" + value + "' must be a number from " +
                                                     std::to_string(segment_bytes_min) + " to " +
                                                     std::to_string(segment_bytes_max)};
        }
    }
    return bytes / 4096 * 4096;
}

Error damaged(const File& file, const std::string& what) { return {Code::corrupt, file.path() + ": " + what + repair}; }

}  // namespace

Result<std::unique_ptr<WalLog>> WalLog::open(const plugin::OpenArguments& arguments) {
    const auto segment_bytes = segment_bytes_of(arguments.settings);
    if (!segment_bytes) return segment_bytes.error();
    std::unique_ptr<WalLog> log(new WalLog(arguments.host, arguments.directory, *segment_bytes));
    if (Status status = plugin::check_identity(arguments.directory, plugin_name, format_version); !status)
        return std::move(status).error();
    if (Status status = log->lock(); !status) return std::move(status).error();
    if (Status status = log->recover(); !status) return std::move(status).error();
    log->count();
    log->spare_ = std::make_unique<Spare>(log->directory_, log->segment_bytes_);
    log->spare_->prepare();
    return log;
}

Status WalLog::lock() {
    auto file = File::open(directory_ + "/LOCK", O_RDWR | O_CREAT);
    if (!file) return std::move(file).error();
    lock_ = std::move(*file);
    if (::flock(lock_.fd(), LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK) return error_of(errno, lock_.path(), "be locked");
        char text[32] = {};
        (void)lock_.read(text, sizeof(text) - 1, 0);
        return Error{Code::conflict,
                     directory_ + ": in use by process " +
                         std::string(text, std::min<size_t>(std::string(text).find('\n'), std::string(text).size()))};
    }
    // Only told to people, and a full disk is no reason not to open.
    if (::ftruncate(lock_.fd(), 0) == 0) (void)lock_.write(std::to_string(::getpid()) + "\n", 0);
    return {};
}

Status WalLog::create_first() {
    if (std::filesystem::exists(directory_ + "/" + plugin::identity_file))
        return Error{Code::corrupt, directory_ + ": all segments are missing" + repair};
    auto file = make_zeroed(directory_ + "/spare.tmp", std::min(segment_bytes_, first_segment_bytes));
    if (!file) return std::move(file).error();
    SegmentHeader header;
    header.sequence = header.base_sequence = 1;
    header.first_index = 1;
    if (Status status = begin_segment(std::move(*file), header); !status) return status;
    return plugin::write_identity(directory_, plugin_name, format_version);
}

Result<std::deque<WalLog::Segment>> WalLog::find_segments() {
    std::deque<Segment> found;
    std::error_code failed;
    uint64_t base = 0;
    for (const auto& item : std::filesystem::directory_iterator(directory_, failed)) {
        if (item.path().extension() != ".wal") continue;
        auto file = File::open(item.path().string(), O_RDWR);
        if (!file) return std::move(file).error();
        Bytes bytes(header_bytes, '\0');
        const auto got = file->read(bytes.data(), bytes.size(), 0);
        const auto size = file->size();
        if (!got || !size) return got ? size.error() : got.error();
        const auto header = parse_header(BytesView(bytes).substr(0, *got));
        if (!header) {
            return Error{header.error().code, file->path() + ": " + header.error().detail +
                                                  (header.error().code == Code::corrupt ? repair : "")};
        }
        if (*size < header->capacity) return damaged(*file, "the file has lost its end");
        base = std::max(base, header->base_sequence);
        found.push_back({*header, std::move(*file), *size, UINT64_MAX});
    }
    if (failed) return Error{Code::io, directory_ + ": cannot be read: " + failed.message()};
    std::sort(found.begin(), found.end(),
              [](const Segment& a, const Segment& b) { return a.header.sequence < b.header.sequence; });
    while (!found.empty() && found.front().header.sequence < base) {  // a reset was cut short
        if (Status status = remove_file(found.front().file.path()); !status) return std::move(status).error();
        found.pop_front();
    }
    return found;
}

Status WalLog::recover() {
    if (Status status = remove_file(directory_ + "/spare.tmp"); !status) return status;
    auto found = find_segments();
    if (!found) return std::move(found).error();
    if (found->empty()) return create_first();
    segments_ = std::move(*found);
    for (;;) {
        const auto compacted = replay_all();
        if (!compacted) return compacted.error();
        if (*compacted == 0) break;
        host_.log(BELFRY_LOG_WARNING, "log_wal: a compaction that was cut short is finished",
                  segments_.front().file.path());
        for (size_t left = *compacted; left > 0; --left) {
            if (Status status = remove_file(segments_.front().file.path()); !status) return status;
            if (Status status = sync_directory(directory_); !status) return status;
            segments_.pop_front();
        }
    }
    if (Status status = active().file.sync(); !status) return status;
    synced_ = end_;
    tail_.start(active().file, end_);
    if (std::filesystem::exists(directory_ + "/" + plugin::identity_file)) return {};
    return plugin::write_identity(directory_, plugin_name, format_version);
}

// Answers with how many of the first segments a compaction had still to remove: it removes one by one, and a truncation
// below what is left stands in one that had to go too. 0 = all are replayed.
Result<size_t> WalLog::replay_all() {
    const SegmentHeader& first = segments_.front().header;
    positions_.clear();
    boundary_ = {first.first_index - 1};
    boundary_term_ = last_term_ = {first.boundary_term};
    for (size_t i = 0; i < segments_.size(); ++i) {
        Segment& segment = segments_[i];
        const SegmentHeader& header = segment.header;
        if (i > 0 && header.sequence != segments_[i - 1].header.sequence + 1) {
            return Error{Code::corrupt, directory_ + ": segment " + std::to_string(header.sequence - 1) +
                                            " is missing before " + segment.file.path() + repair};
        }
        if (header.first_index != last().next().value)
            return damaged(segment.file, "begins with entry " + std::to_string(header.first_index) + ", expected " +
                                             std::to_string(last().next().value));
        term_ = {header.term};
        voted_for_ = header.voted_for;
        const uint64_t end = i + 1 < segments_.size() ? segments_[i + 1].header.previous_end : 0;
        if (Status status = replay(segment, end); !status) return std::move(status).error();
        if (segment.lowest_truncation < boundary_.value) return i + 1;
    }
    return size_t{0};
}

Status WalLog::replay(Segment& segment, uint64_t end) {
    const uint64_t size = end == 0 ? segment.capacity : end;
    const std::unique_ptr<char[]> memory(new char[size]);
    const auto got = segment.file.read(memory.get(), size, 0);
    if (!got) return got.error();
    const BytesView bytes(memory.get(), *got);
    uint64_t offset = header_bytes;
    while (offset < bytes.size()) {
        const auto record = parse_record(bytes.substr(offset), segment.header.salt);
        if (!record) break;
        if (Status status = apply(segment, *record, offset); !status) return status;
        if (segment.lowest_truncation < boundary_.value) return {};
        offset += record->bytes;
    }
    end_ = offset;
    if (end == 0) return end_tail(segment, bytes, offset);
    if (offset == end) return {};
    return damaged(segment.file, "damaged at offset " + std::to_string(offset) + ", entry " +
                                     std::to_string(last().next().value) + ", although a later segment exists");
}

Status WalLog::apply(Segment& segment, const Record& record, uint64_t offset) {
    const RecordHeader& header = record.header;
    if (header.kind == Kind::vote) {
        term_ = {header.term};
        voted_for_ = header.index;
    } else if (header.kind == Kind::entry) {
        if (header.index != last().next().value)
            return damaged(segment.file, "entry " + std::to_string(header.index) + " at offset " + std::to_string(offset) +
                                             " does not follow " + std::to_string(last().value));
        positions_.push_back({static_cast<uint32_t>(segment.header.sequence), static_cast<uint32_t>(offset / 8)});
        last_term_ = {header.term};
    } else {
        const bool too_low = header.index < boundary_.value;
        if ((too_low && &segment == &segments_.back()) || header.index > last().value)
            return damaged(segment.file, "impossible truncation at offset " + std::to_string(offset));
        segment.lowest_truncation = std::min(segment.lowest_truncation, header.index);
        if (too_low) return {};
        positions_.resize(header.index - boundary_.value);
        const auto term = positions_.empty() ? Result<Term>(boundary_term_) : term_at({header.index});
        if (!term) return term.error();
        last_term_ = *term;
    }
    return {};
}

Status WalLog::end_tail(Segment& segment, BytesView bytes, uint64_t offset) {
    const size_t last_written = bytes.find_last_not_of('\0');
    if (last_written == BytesView::npos || last_written < offset) return {};
    if (synced_past(bytes, offset, segment.header.salt)) {
        return damaged(segment.file, "damaged at offset " + std::to_string(offset) + ", entry " +
                                         std::to_string(last().next().value) + ", before what was synced");
    }
    cut_bytes_ = last_written + 1 - offset;
    host_.log(BELFRY_LOG_WARNING, "log_wal: torn tail cut",
              segment.file.path() + ": " + std::to_string(cut_bytes_) + " octets at offset " + std::to_string(offset));
    return segment.file.zero(offset, last_written + 1);
}

}  // namespace belfry::log_wal

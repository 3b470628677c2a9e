#include "hub/peer/snapshot_fetch.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace belfry::hub::peer {

namespace {

// On the wire at once: enough to keep both disks busy, little beside what Raft sends.
constexpr uint64_t credit_bytes = 8 * chunk_bytes;
constexpr uint64_t ask_again_ms = 1000;
constexpr uint64_t give_up_ms = 15'000;

Error failed(const char* what, const std::string& path) {
    const int error = errno;
    return {error == ENOSPC || error == EDQUOT ? Code::no_space : Code::io,
            std::string(what) + " '" + path + "': " + std::strerror(error)};
}

}  // namespace

Result<SnapshotFetch> SnapshotFetch::start(const std::string& directory, uint64_t from, Index index,
                                           uint64_t bytes_per_second, uint64_t now_ms) {
    const std::string path = directory + "/" + std::to_string(index.value) + ".part";
    const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    if (file < 0) return failed("cannot create", path);
    struct stat facts {};
    const uint64_t have = ::fstat(file, &facts) == 0 ? static_cast<uint64_t>(facts.st_size) : 0;
    return SnapshotFetch(path, file, from, index, bytes_per_second, have - have % chunk_bytes, now_ms);
}

SnapshotFetch::SnapshotFetch(std::string path, int file, uint64_t from, Index index, uint64_t bytes_per_second,
                             uint64_t have, uint64_t now_ms)
    : path_(std::move(path)),
      file_(file),
      from_(from),
      index_(index),
      bytes_per_second_(bytes_per_second),
      have_(have),
      asked_(have),
      progress_ms_(now_ms) {}

SnapshotFetch::SnapshotFetch(SnapshotFetch&& other) noexcept
    : path_(std::move(other.path_)),
      file_(std::exchange(other.file_, -1)),
      from_(other.from_),
      index_(other.index_),
      bytes_per_second_(other.bytes_per_second_),
      have_(other.have_),
      asked_(other.asked_),
      total_(other.total_),
      progress_ms_(other.progress_ms_),
      asked_again_ms_(other.asked_again_ms_),
      not_before_ms_(other.not_before_ms_) {}

SnapshotFetch::~SnapshotFetch() {
    if (file_ >= 0) ::close(file_);
}

std::optional<ChunkAsk> SnapshotFetch::next_ask(uint64_t now_ms) {
    if (now_ms >= ask_again_at_ms() && asked_ > have_) {  // lost on the way
        asked_ = have_;
        asked_again_ms_ = now_ms;
    }
    const bool all_asked = total_ != 0 ? asked_ >= total_ : asked_ > have_;  // the first answer tells the length
    if (all_asked || asked_ >= have_ + credit_bytes || now_ms < not_before_ms_) return std::nullopt;
    const ChunkAsk ask{index_, asked_};
    asked_ += chunk_bytes;
    if (bytes_per_second_ != 0) not_before_ms_ = std::max(not_before_ms_, now_ms) + chunk_ms();
    return ask;
}

Result<bool> SnapshotFetch::take(const Chunk& chunk, uint64_t now_ms) {
    if (chunk.index != index_) return false;
    if (chunk.total < have_) {  // what is here is of another file
        have_ = asked_ = 0;
        total_ = chunk.total;
        if (::ftruncate(file_, 0) != 0) return failed("cannot empty", path_);
        return false;
    }
    total_ = chunk.total;
    const bool fits =
        chunk.offset == have_ && chunk.octets.size() <= total_ - have_ && (!chunk.octets.empty() || have_ == total_);
    if (!fits) return false;  // twice, or after one that was lost
    for (BytesView left = chunk.octets; !left.empty();) {
        const ssize_t written = ::pwrite(file_, left.data(), left.size(), static_cast<off_t>(have_));
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return failed("cannot write", path_);
        have_ += static_cast<uint64_t>(written);
        left.remove_prefix(static_cast<size_t>(written));
    }
    asked_ = std::max(asked_, have_);
    progress_ms_ = now_ms;
    // To the disk as it comes, so that the end does not wait for all of it.
    ::sync_file_range(file_, static_cast<off_t>(chunk.offset), static_cast<off_t>(chunk.octets.size()),
                      SYNC_FILE_RANGE_WRITE);
    if (have_ < total_) return false;
    if (::ftruncate(file_, static_cast<off_t>(total_)) != 0 || ::fsync(file_) != 0) return failed("cannot sync", path_);
    return true;
}

// By the rate the next chunk may be asked for only later than that.
bool SnapshotFetch::is_stuck(uint64_t now_ms) const { return now_ms >= progress_ms_ + chunk_ms() + give_up_ms; }

uint64_t SnapshotFetch::wake_at_ms(uint64_t now_ms) const {
    return not_before_ms_ > now_ms ? std::min(ask_again_at_ms(), not_before_ms_) : ask_again_at_ms();
}

uint64_t SnapshotFetch::ask_again_at_ms() const { return std::max(progress_ms_, asked_again_ms_) + ask_again_ms; }

uint64_t SnapshotFetch::chunk_ms() const {
    return bytes_per_second_ == 0 ? 0 : std::max<uint64_t>(1, chunk_bytes * 1000 / bytes_per_second_);
}

}  // namespace belfry::hub::peer

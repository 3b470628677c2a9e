#include "hub/shell/snapshot_reader.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "hub/shell/files.hpp"
#include "sdk/base/limits.hpp"

namespace belfry::hub::shell {

namespace {

constexpr size_t files_max = 2;  // each may be as large as the store
constexpr std::chrono::seconds idle_max{60};

}  // namespace

Result<SnapshotReader::Open*> SnapshotReader::open(Index index) {
    const auto found = std::find_if(files_.begin(), files_.end(), [&](const Open& one) { return one.index == index; });
    if (found != files_.end()) {
        std::rotate(found, found + 1, files_.end());
        return &files_.back();
    }
    const std::string path = snapshots_.path_of(index);
    File file(path, O_RDONLY);
    if (!file) {
        return Error{Code::not_found,
                     "the copy at entry " + std::to_string(index.value) + " is not here any more; begin the backup again"};
    }
    if (files_.size() >= files_max) files_.pop_front();
    files_.push_back({index, std::move(file), {}});
    return &files_.back();
}

Result<SnapshotReader::Piece> SnapshotReader::read(Index index, uint64_t offset, Time now) {
    auto opened = open(index);
    if (!opened) return opened.error();
    (*opened)->used = now;
    const int descriptor = (*opened)->file.fd();
    struct stat facts {};
    if (::fstat(descriptor, &facts) != 0) return system_error("cannot look at", snapshots_.path_of(index));
    Piece piece{static_cast<uint64_t>(facts.st_size), {}};
    if (offset >= piece.file_bytes) return piece;
    piece.octets.resize(std::min<uint64_t>(belfry::limits::backup_piece_bytes, piece.file_bytes - offset));
    const ssize_t size = ::pread(descriptor, piece.octets.data(), piece.octets.size(), static_cast<off_t>(offset));
    if (size < 0) return system_error("cannot read", snapshots_.path_of(index));
    piece.octets.resize(static_cast<size_t>(size));
    return piece;
}

SnapshotReader::Time SnapshotReader::idle_at() const {
    Time at = Time::max();
    for (const Open& one : files_) at = std::min(at, one.used + idle_max);
    return at;
}

void SnapshotReader::close_idle(Time now) {
    std::erase_if(files_, [&](const Open& one) { return now >= one.used + idle_max; });
}

}  // namespace belfry::hub::shell

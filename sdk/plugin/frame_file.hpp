// A file of frames, for stores that keep their data in one: only ever written at its end, and checked when it is read.
//
//     file  = 8 octets that name its kind, frame*
//     frame = u64:size u32:crc32c octets               the checksum is of the octets; integers are little-endian
//
// Written by one thread at a time; reading frames that were written before may overlap.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string>

#include "sdk/base/crc32c.hpp"
#include "sdk/base/error.hpp"
#include "sdk/base/types.hpp"
#include "sdk/plugin/state_image.hpp"

namespace belfry::plugin {

class FrameFile {
public:
    static constexpr size_t magic_bytes = 8;
    static constexpr size_t head_bytes = 8 + 4;
    static constexpr uint64_t reserve_bytes = 1024 * 1024;  // taken ahead, so that one allocation serves many small frames

    // Creates it if it is not there; `flags` as for open(2). A file shorter than the magic, or with zeros in its place,
    // died while it was made: it is made anew.
    static Result<std::shared_ptr<FrameFile>> open(const std::string& path, BytesView magic, int flags = 0) {
        const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | flags, 0640);
        if (fd < 0) return failed(path, "be opened");
        auto file = std::make_shared<FrameFile>(path, fd);
        Bytes found(magic_bytes, '\0');
        if (file->size() >= magic_bytes) {
            if (Status status = file->get(0, magic_bytes, found); !status) return status.error();
        }
        if (found == magic) return file;
        if (found != Bytes(magic_bytes, '\0')) return file->damaged(0);
        Status status = file->cut(0);
        if (status) status = file->put(0, magic);
        if (!status) return status.error();
        return file;
    }
    FrameFile(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}
    ~FrameFile() { ::close(fd_); }
    FrameFile(const FrameFile&) = delete;
    FrameFile& operator=(const FrameFile&) = delete;

    // Shows visit(octets) -> bool every frame up to `end`; tells where the last whole one ends. A frame that the file's end
    // cuts short ends the reading: it was being written when the process died. One with a wrong checksum, or that visit()
    // calls wrong, is `corrupt` if it begins before `trusted_end`; after that it ends the reading as well.
    template <class Visit>
    Result<uint64_t> read(uint64_t end, uint64_t trusted_end, Visit&& visit) const {
        Bytes octets;
        uint64_t at = magic_bytes;
        while (at + head_bytes <= end) {
            if (Status status = get(at, head_bytes, octets); !status) return status.error();
            const auto size = image::load<uint64_t>(octets.data());
            const auto checksum = image::load<uint32_t>(octets.data() + 8);
            if (size > end - at - head_bytes) break;
            if (Status status = get(at + head_bytes, size, octets); !status) return status.error();
            if (crc32c(0, octets) != checksum || !visit(BytesView(octets))) {
                if (at < trusted_end) return damaged(at);
                break;
            }
            at += head_bytes + size;
        }
        return at;
    }
    // Writes a frame; tells where it ends. On an error nothing of it is left.
    Result<uint64_t> write(uint64_t at, BytesView octets) {
        Bytes frame;
        image::append(frame, static_cast<uint64_t>(octets.size()));
        image::append(frame, crc32c(0, octets));
        frame += octets;
        Status status = put(at, frame);
        if (status) return at + frame.size();
        const Status clean = cut(at);
        return clean ? status.error() : clean.error();
    }
    // Copies the frames of another file in [from, to) to `at`; tells where they end.
    Result<uint64_t> write_from(uint64_t at, const FrameFile& other, uint64_t from, uint64_t to) {
        Bytes frames;
        Status status = other.get(from, to - from, frames);
        if (status) status = put(at, frames);
        if (!status) return status.error();
        return at + frames.size();
    }
    // Takes the disk's space for frames up to `end`; the size stays. Where that cannot be done, write() tells of a full
    // disk.
    Status reserve(uint64_t end) {
        if (end <= reserved_) return {};
        const auto length = static_cast<off_t>(end + reserve_bytes);
        if (::fallocate(fd_, FALLOC_FL_KEEP_SIZE, 0, length) != 0 && errno != EOPNOTSUPP) return failed(path_, "grow");
        reserved_ = end + reserve_bytes;
        return {};
    }
    Status cut(uint64_t end) { return ::ftruncate(fd_, static_cast<off_t>(end)) == 0 ? Status() : failed(path_, "be cut"); }
    Status sync() { return ::fdatasync(fd_) == 0 ? Status() : failed(path_, "be synced"); }
    // Takes the place of the file at `path`; durable when the folder is synced.
    Status rename_to(const std::string& path) {
        if (std::rename(path_.c_str(), path.c_str()) != 0) return failed(path_, "be renamed");
        path_ = path;
        return {};
    }
    uint64_t size() const { return static_cast<uint64_t>(std::max<off_t>(::lseek(fd_, 0, SEEK_END), 0)); }
    Error damaged(uint64_t at) const { return {Code::corrupt, path_ + ": is damaged at octet " + std::to_string(at)}; }

private:
    static Error failed(const std::string& path, const char* what) {
        const bool full = errno == ENOSPC || errno == EDQUOT || errno == EFBIG;
        return {full ? Code::no_space : Code::io, path + ": cannot " + what + ": " + std::strerror(errno)};
    }
    Status get(uint64_t at, size_t size, Bytes& octets) const {
        octets.resize(size);
        errno = EIO;  // what a read cut short means
        const ssize_t got = ::pread(fd_, octets.data(), size, static_cast<off_t>(at));
        return got == static_cast<ssize_t>(size) ? Status() : failed(path_, "be read");
    }
    Status put(uint64_t at, BytesView octets) {
        errno = ENOSPC;  // what a write cut short means
        const ssize_t done = ::pwrite(fd_, octets.data(), octets.size(), static_cast<off_t>(at));
        return done == static_cast<ssize_t>(octets.size()) ? Status() : failed(path_, "be written");
    }

    std::string path_;
    int fd_;
    uint64_t reserved_ = 0;
};

}  // namespace belfry::plugin

// A machine that loses power under a process: what no sync has covered is dropped, kept or torn, page by page, by chance.
// The process runs with prefix(), which puts a shim before the C library (power_loss_shim.c); not under sanitizers, which
// must come first. Afterwards strike() does to the files what the power cut would have done.
//
// What it takes for granted: a sync makes all of a file durable; names, renames and removals are durable at once and in
// order. A file that was never synced may be empty, short, zero or torn.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/support/hub_process.hpp"

namespace belfry::test {

class PowerLoss {
public:
    // `folder`: a new one, for the shim's copies; on the file system of the files.
    explicit PowerLoss(std::string folder) : folder_(std::move(folder)) { std::filesystem::create_directories(folder_); }

    std::vector<std::string> prefix() const {
        return {"env", "LD_PRELOAD=" + program("libbelfry_power_loss.so"), "BELFRY_TEST_DURABLE=" + folder_};
    }
    // The process is dead. Every file below `directory` becomes what the disk might have had. The number of files changed.
    size_t strike(const std::string& directory, std::mt19937_64& chance) const {
        size_t changed = 0;
        for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
            if (entry.is_regular_file() && !entry.is_symlink()) changed += strike_file(entry.path().string(), chance);
        }
        return changed;
    }
    void forget() const {
        for (const auto& entry : std::filesystem::directory_iterator(folder_)) std::filesystem::remove(entry.path());
    }

private:
    static constexpr size_t page_bytes = 4096, sector_bytes = 512;

    static std::string read(const std::string& path) { return read_text(path); }

    // Allocated octets alone: a map's file is sparse and huge.
    bool strike_file(const std::string& path, std::mt19937_64& chance) const {
        struct statx status;
        if (::statx(AT_FDCWD, path.c_str(), 0, STATX_BASIC_STATS | STATX_BTIME, &status) != 0) return false;
        const std::string durable = folder_ + "/" + std::to_string(status.stx_ino) + "-" +
                                    std::to_string(status.stx_btime.tv_sec) + "." +
                                    std::to_string(status.stx_btime.tv_nsec);
        const int now = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
        const int kept = ::open(durable.c_str(), O_RDONLY | O_CLOEXEC);  // -1: never synced
        if (now < 0) throw std::runtime_error("cannot open " + path);
        const auto size_now = static_cast<uint64_t>(status.stx_size);
        struct stat old = {};
        if (kept >= 0) ::fstat(kept, &old);
        const auto size_kept = static_cast<uint64_t>(old.st_size);
        bool changed = false;
        for (off_t at = 0; (at = ::lseek(now, at, SEEK_DATA)) >= 0;) {
            const off_t end = ::lseek(now, at, SEEK_HOLE);
            for (at = at / static_cast<off_t>(page_bytes) * static_cast<off_t>(page_bytes); at < end;
                 at += static_cast<off_t>(page_bytes)) {
                changed |= strike_page(now, kept, at, chance);
            }
        }
        // The new length may have come to the disk or not, or lie between.
        uint64_t size = size_now;
        if (size_kept < size_now) {
            const uint64_t kind = chance() % 3;
            size = kind == 0 ? size_kept : kind == 1 ? size_now : size_kept + chance() % (size_now - size_kept);
        }
        if (size != size_now) changed |= ::ftruncate(now, static_cast<off_t>(size)) == 0;
        ::close(now);
        if (kept >= 0) ::close(kept);
        return changed;
    }

    static bool strike_page(int now, int kept, off_t at, std::mt19937_64& chance) {
        char fresh[page_bytes] = {}, old[page_bytes] = {};
        const ssize_t size = ::pread(now, fresh, page_bytes, at);
        if (kept >= 0 && ::pread(kept, old, page_bytes, at) < 0) throw std::runtime_error("cannot read a durable copy");
        if (size <= 0 || std::memcmp(fresh, old, page_bytes) == 0) return false;
        const uint64_t kind = chance() % 5;
        if (kind < 2) return false;  // it came to the disk
        for (size_t sector = 0; sector < page_bytes; sector += sector_bytes) {
            if (kind < 4 || chance() % 2 == 0) std::memcpy(fresh + sector, old + sector, sector_bytes);
        }
        return ::pwrite(now, fresh, static_cast<size_t>(size), at) == size;
    }

    std::string folder_;
};

}  // namespace belfry::test

// Trouble for one daemon: its syncs fail, its wall clock jumps. Works on daemons that were launched with prefix(), by a
// shim that LD_PRELOAD puts before the C library (trouble_shim.c). Not under sanitizers, which must come first.
#pragma once

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/support/hub_process.hpp"

namespace belfry::test {

class Trouble {
public:
    // `path`: of a new file, which the daemon and the test share.
    explicit Trouble(std::string path) : path_(std::move(path)) {
        const int file = ::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        const bool sized = file >= 0 && ::ftruncate(file, sizeof(Shared)) == 0;
        void* const mapped =
            sized ? ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0) : MAP_FAILED;
        if (file >= 0) ::close(file);
        if (mapped == MAP_FAILED) throw std::runtime_error("cannot map " + path_);
        shared_ = static_cast<Shared*>(mapped);
    }
    ~Trouble() { ::munmap(shared_, sizeof(Shared)); }
    Trouble(const Trouble&) = delete;
    Trouble& operator=(const Trouble&) = delete;

    static constexpr bool is_possible() {
#ifdef BELFRY_SANITIZED
        return false;
#else
        return true;
#endif
    }
    std::vector<std::string> prefix() const {
        return {"env", "LD_PRELOAD=" + program("libbelfry_trouble.so"), "BELFRY_TEST_TROUBLE=" + path_};
    }
    void fail_syncs(bool fail) { shared_->fail_syncs = fail ? 1 : 0; }
    void shift_wall_clock(int64_t seconds) { shared_->wall_clock_offset_s = seconds; }

private:
    struct Shared {  // as in trouble_shim.c
        volatile int64_t fail_syncs;
        volatile int64_t wall_clock_offset_s;
    };
    std::string path_;
    Shared* shared_ = nullptr;
};

}  // namespace belfry::test

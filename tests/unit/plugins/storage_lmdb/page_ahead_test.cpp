#include "plugins/storage_lmdb/page_ahead.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <cstdio>
#include <thread>
#include <vector>

namespace belfry::storage_lmdb {
namespace {

constexpr size_t page_bytes = 4096;
constexpr size_t pages = 2048;

struct MappedFile {
    std::FILE* file = std::tmpfile();
    int fd = ::fileno(file);
    char* map = nullptr;

    MappedFile() {
        REQUIRE(::ftruncate(fd, pages * page_bytes) == 0);
        void* address = ::mmap(nullptr, pages * page_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        REQUIRE(address != MAP_FAILED);
        map = static_cast<char*>(address);
    }
    ~MappedFile() {
        ::munmap(map, pages * page_bytes);
        std::fclose(file);
    }
    // How many of these pages are in memory. The kernel may bring neighbours along.
    size_t ready(size_t from, size_t to) const {
        std::vector<unsigned char> flags(pages);
        REQUIRE(::mincore(map, pages * page_bytes, flags.data()) == 0);
        return static_cast<size_t>(std::count_if(flags.begin() + static_cast<ptrdiff_t>(from),
                                                 flags.begin() + static_cast<ptrdiff_t>(to),
                                                 [](unsigned char flag) { return (flag & 1) != 0; }));
    }
};

}  // namespace

TEST_CASE("a map is found by its file") {
    const MappedFile mapped;
    CHECK(find_map(mapped.fd) == mapped.map);
    const int other = ::open("/proc/self/exe", O_RDONLY);
    CHECK(find_map(other) == nullptr);  // mapped, but not to be written
    ::close(other);
}

TEST_CASE("pages are readied ahead of a file that grows, as many again as it took, twice") {
    const MappedFile mapped;
    PageAhead ahead(mapped.map);
    ahead.follow(100, pages);
    ahead.follow(100, pages);
    ahead.follow(90, pages);  // LMDB forgot a batch
    CHECK(mapped.ready(0, pages) == 0);
#ifdef MADV_POPULATE_WRITE
    ahead.follow(100, pages);
    ahead.follow(1400, 1500);  // and no further than there is space
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (mapped.ready(1400, 1500) < 100 && std::chrono::steady_clock::now() < end) {
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    CHECK(mapped.ready(1400, 1500) == 100);
#endif
}

}  // namespace belfry::storage_lmdb

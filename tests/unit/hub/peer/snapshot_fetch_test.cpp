#include "hub/peer/snapshot_fetch.hpp"

#include <stdlib.h>

#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <fstream>

namespace belfry::hub::peer {
namespace {

class Directory {
public:
    Directory() { REQUIRE(mkdtemp(path_.data()) != nullptr); }
    ~Directory() { std::filesystem::remove_all(path_); }
    const std::string& path() const { return path_; }

private:
    std::string path_ = "/tmp/belfry-fetch.XXXXXX";
};

Bytes file_of(size_t size) {
    Bytes file(size, '\0');
    for (size_t i = 0; i < size; ++i) file[i] = static_cast<char>(i * 7 + i / 1000);
    return file;
}

Chunk chunk_of(const Bytes& file, uint64_t offset) {
    return {Index{9}, file.size(), offset, file.substr(offset, chunk_bytes)};
}

// Answers every question; `count` at most. True when the file is whole.
bool serve(SnapshotFetch& fetch, const Bytes& file, uint64_t now_ms, size_t count = SIZE_MAX) {
    for (size_t served = 0; served < count;) {
        std::vector<ChunkAsk> asks;
        while (const auto ask = fetch.next_ask(now_ms)) asks.push_back(*ask);
        if (asks.empty()) return false;
        for (const ChunkAsk& ask : asks) {
            const auto whole = fetch.take(chunk_of(file, ask.offset), now_ms);
            REQUIRE(whole);
            if (*whole) return true;
            if (++served >= count) return false;
        }
    }
    return false;
}

Bytes read_all(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return Bytes((std::istreambuf_iterator<char>(in)), {});
}

SnapshotFetch start(const Directory& directory, uint64_t rate = 0, uint64_t now_ms = 1000) {
    auto started = SnapshotFetch::start(directory.path(), 2, Index{9}, rate, now_ms);
    REQUIRE(started);
    return std::move(*started);
}

}  // namespace

TEST_CASE("fetch: a file comes whole, also one that ends with a chunk", "[peer]") {
    for (const size_t size : {size_t{1}, chunk_bytes, 3 * chunk_bytes, 20 * chunk_bytes + 17}) {
        const Directory directory;
        auto fetch = start(directory);
        const Bytes file = file_of(size);
        REQUIRE(serve(fetch, file, 1000));
        CHECK(read_all(fetch.path()) == file);
    }
}

TEST_CASE("fetch: it goes on where it was, after a loss and in another process", "[peer]") {
    const Directory directory;
    const Bytes file = file_of(30 * chunk_bytes + 5);
    {
        auto fetch = start(directory);
        CHECK_FALSE(serve(fetch, file, 1000, 10));
    }
    auto fetch = start(directory);
    const auto ask = fetch.next_ask(1000);
    REQUIRE(ask);
    CHECK(ask->offset == 10 * chunk_bytes);  // and this one is lost on the way
    CHECK_FALSE(fetch.next_ask(1500));
    CHECK(fetch.wake_at_ms(1500) == 2000);
    const auto again = fetch.next_ask(2000);
    REQUIRE(again);
    CHECK(again->offset == ask->offset);
    REQUIRE(fetch.take(chunk_of(file, again->offset), 2000));
    REQUIRE(serve(fetch, file, 2000));
    CHECK(read_all(fetch.path()) == file);
}

TEST_CASE("fetch: what comes twice or too early is not taken", "[peer]") {
    const Directory directory;
    const Bytes file = file_of(4 * chunk_bytes);
    auto fetch = start(directory);
    REQUIRE(fetch.next_ask(1000));
    for (const uint64_t offset : {2 * chunk_bytes, size_t{0}, size_t{0}, chunk_bytes}) {
        const auto whole = fetch.take(chunk_of(file, offset), 1000);
        REQUIRE(whole);
        CHECK_FALSE(*whole);
    }
    REQUIRE(serve(fetch, file, 3000));
    CHECK(read_all(fetch.path()) == file);
}

TEST_CASE("fetch: it keeps to its rate, and gives up when nothing comes", "[peer]") {
    const Directory directory;
    auto fetch = start(directory, 4 * chunk_bytes);  // four chunks in a second
    REQUIRE(fetch.next_ask(1000));
    REQUIRE(fetch.take(chunk_of(file_of(100 * chunk_bytes), 0), 1000));
    CHECK_FALSE(fetch.next_ask(1000));
    CHECK(fetch.wake_at_ms(1000) == 1250);
    CHECK(fetch.next_ask(1250));
    CHECK_FALSE(fetch.next_ask(1250));
    for (uint64_t now_ms = 2000; now_ms < 16'250; now_ms += 1000) {  // it asks again meanwhile, in vain
        CHECK(fetch.next_ask(now_ms));
        CHECK_FALSE(fetch.is_stuck(now_ms));
    }
    CHECK(fetch.is_stuck(16'250));
}

TEST_CASE("snapshot frames: damage is told apart from nonsense", "[peer]") {
    const Bytes octets = encode_snapshot_frame(Chunk{Index{9}, 100, 0, "octets"});
    const auto decoded = decode_snapshot_frame(octets);
    REQUIRE(decoded);
    CHECK(std::get<Chunk>(*decoded).octets == "octets");
    Bytes damaged = octets;
    damaged.back() ^= 1;
    CHECK(decode_snapshot_frame(damaged).error().code == Code::corrupt);
    CHECK(decode_snapshot_frame("").error().code == Code::invalid_argument);
    CHECK(decode_snapshot_frame("\x09zzzzzzzz").error().code == Code::invalid_argument);
    CHECK(std::get<ChunkAsk>(*decode_snapshot_frame(encode_snapshot_frame(ChunkAsk{Index{1}, 5}))).offset == 5);
    CHECK(std::get<SnapshotMissing>(*decode_snapshot_frame(encode_snapshot_frame(SnapshotMissing{Index{3}}))).index ==
          Index{3});
}

}  // namespace belfry::hub::peer

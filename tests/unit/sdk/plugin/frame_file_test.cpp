#include "sdk/plugin/frame_file.hpp"

#include <stdlib.h>

#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <vector>

using namespace belfry;
using plugin::FrameFile;

namespace {

constexpr BytesView magic = "BLFTEST1";

class Fixture {
public:
    Fixture() { REQUIRE(::mkdtemp(directory_.data()) != nullptr); }
    ~Fixture() {
        std::error_code ignored;
        std::filesystem::remove_all(directory_, ignored);
    }
    std::string path() const { return directory_ + "/file"; }
    // A file of these frames; where each ends.
    std::vector<uint64_t> write(const std::vector<Bytes>& frames) const {
        const auto file = FrameFile::open(path(), magic);
        REQUIRE(file.ok());
        std::vector<uint64_t> ends{FrameFile::magic_bytes};
        for (const Bytes& frame : frames) ends.push_back((*file)->write(ends.back(), frame).value());
        return ends;
    }

private:
    std::string directory_ = (std::filesystem::temp_directory_path() / "belfry-frames-XXXXXX").string();
};

struct Reading {
    Result<uint64_t> end = uint64_t{0};
    std::vector<Bytes> frames;
};

Reading read(const std::string& path, uint64_t trusted_end) {
    const auto file = FrameFile::open(path, magic);
    REQUIRE(file.ok());
    Reading reading;
    reading.end = (*file)->read((*file)->size(), trusted_end, [&](BytesView octets) {
        reading.frames.emplace_back(octets);
        return true;
    });
    return reading;
}

void flip(const std::string& path, uint64_t at) {
    std::FILE* file = std::fopen(path.c_str(), "r+b");
    REQUIRE(file != nullptr);
    std::fseek(file, static_cast<long>(at), SEEK_SET);
    const int octet = std::fgetc(file);
    std::fseek(file, static_cast<long>(at), SEEK_SET);
    std::fputc(octet ^ 1, file);
    std::fclose(file);
}

}  // namespace

TEST_CASE_METHOD(Fixture, "frame file: what was written is read, and where it ends", "[plugin][frame_file]") {
    const std::vector<Bytes> frames = {"one", "", Bytes(100'000, 'x')};
    const auto ends = write(frames);
    const auto reading = read(path(), 0);
    REQUIRE(reading.end.ok());
    CHECK(*reading.end == ends.back());
    CHECK(reading.frames == frames);
}

TEST_CASE_METHOD(Fixture, "frame file: cut short anywhere, the frames before it are whole", "[plugin][frame_file]") {
    const auto ends = write({"one", "two", "three"});
    for (uint64_t size = ends[3]; size-- > FrameFile::magic_bytes;) {
        std::filesystem::resize_file(path(), size);
        const auto reading = read(path(), UINT64_MAX);
        REQUIRE(reading.end.ok());
        const size_t whole = size < ends[1] ? 0 : size < ends[2] ? 1 : 2;
        CHECK(*reading.end == ends[whole]);
        CHECK(reading.frames.size() == whole);
    }
}

TEST_CASE_METHOD(Fixture, "frame file: damage is refused where it is trusted, and ends the reading elsewhere",
                 "[plugin][frame_file]") {
    const auto ends = write({"one", "two", "three"});
    flip(path(), ends[2] - 1);
    const auto trusted = read(path(), ends[2]);
    REQUIRE_FALSE(trusted.end.ok());
    CHECK(trusted.end.error().code == Code::corrupt);
    CHECK(trusted.end.error().detail == path() + ": is damaged at octet " + std::to_string(ends[1]));
    const auto untrusted = read(path(), ends[1]);
    REQUIRE(untrusted.end.ok());
    CHECK(*untrusted.end == ends[1]);
}

TEST_CASE_METHOD(Fixture, "frame file: a file of another kind is refused, one that died while it was made is not",
                 "[plugin][frame_file]") {
    write({});
    const auto other = FrameFile::open(path(), "BLFTEST2");
    REQUIRE_FALSE(other.ok());
    CHECK(other.error().code == Code::corrupt);
    std::filesystem::resize_file(path(), 3);
    CHECK(FrameFile::open(path(), "BLFTEST2").ok());
    const auto nowhere = FrameFile::open(path() + "/file", magic);
    REQUIRE_FALSE(nowhere.ok());
    CHECK(nowhere.error().detail.find(path() + "/file: cannot be opened: ") == 0);
}

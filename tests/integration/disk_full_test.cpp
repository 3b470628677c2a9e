// A disk that is really full: a small tmpfs with ballast on it. Needs the right to mount; skipped without.
#include <sys/mount.h>

#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <fstream>
#include <map>
#include <thread>

#include "tests/support/hub_process.hpp"

using namespace belfry;
using namespace belfry::test;
using namespace std::chrono_literals;

namespace {

constexpr size_t ballast_bytes = 24 << 20;
constexpr size_t value_bytes = 60'000;
constexpr int puts_max = 2000;  // far more than the disk holds

class SmallDisk {
public:
    explicit SmallDisk(std::string path) : path_(std::move(path)) {
        std::filesystem::create_directory(path_);
        mounted_ = ::mount("none", path_.c_str(), "tmpfs", 0, "size=64m") == 0;
        if (mounted_) std::ofstream(ballast(), std::ios::binary) << std::string(ballast_bytes, 'b');
    }
    ~SmallDisk() {
        if (mounted_) ::umount2(path_.c_str(), MNT_DETACH);
    }
    SmallDisk(const SmallDisk&) = delete;
    SmallDisk& operator=(const SmallDisk&) = delete;
    bool mounted() const { return mounted_; }
    const std::string& path() const { return path_; }
    std::string ballast() const { return path_ + "/ballast"; }
    // To the last page.
    void fill_up() const {
        std::ofstream filler(path_ + "/filler", std::ios::binary);
        const std::string page(4096, 'f');
        while (filler.write(page.data(), 4096).flush()) continue;
    }
    void make_room() const {
        std::filesystem::remove(ballast());
        std::filesystem::remove(path_ + "/filler");
    }

private:
    std::string path_;
    bool mounted_ = false;
};

using Acknowledged = std::map<std::string, std::string>;

// Writes until the hub refuses at the door; what was acknowledged is remembered. The last ones before may be `uncertain`.
Error fill(Client& client, Acknowledged& acknowledged) {
    for (int number = 0; number < puts_max; ++number) {
        const std::string key = "fill/" + std::to_string(acknowledged.size()) + "." + std::to_string(number);
        const std::string value = std::to_string(number) + std::string(value_bytes, 'v');
        const auto put = client.put(key, value);
        if (put) {
            acknowledged[key] = value;
        } else if (put.error().code != Code::uncertain) {
            return put.error();
        }
    }
    return {};
}

size_t lost(Client& client, const Acknowledged& acknowledged) {
    size_t count = 0;
    for (const auto& [key, value] : acknowledged) {
        const auto got = client.get(key);
        if (!got || got->value != value) ++count;
    }
    return count;
}

}  // namespace

TEST_CASE("disk full: writes are refused, reads go on, nothing acknowledged is lost, room heals it",
          "[integration][disk]") {
    const TemporaryDirectory directory;
    const SmallDisk disk(directory.path() + "/disk");
    if (!disk.mounted()) SKIP("mounting a small tmpfs is not allowed here");
    HubProcess hub(disk.path() + "/data");
    REQUIRE(hub.start());
    Acknowledged acknowledged;
    {
        auto client = hub.client(1500ms);
        const Error refusal = fill(*client, acknowledged);
        INFO(refusal.detail);
        REQUIRE(refusal.code == Code::no_space);
        CHECK(refusal.detail.find("cannot grow") != std::string::npos);
        CHECK(acknowledged.size() > 20);
        CHECK(lost(*client, acknowledged) == 0);
        CHECK(client->put("small", "too").error().code == Code::no_space);
    }
    hub.kill();
    disk.fill_up();
    // The disk is fuller than before. The hub serves what it can prove, or says what it waits for.
    const bool restarted = hub.start();
    INFO(hub.log());
    auto client = hub.client(1500ms);
    if (restarted) {
        CHECK(lost(*client, acknowledged) == 0);
    } else {
        const auto got = client->get(acknowledged.begin()->first);
        REQUIRE_FALSE(got.ok());
        INFO(got.error().detail);
        CHECK(got.error().code == Code::unavailable);
        CHECK(got.error().detail.find("cannot grow") != std::string::npos);
    }

    disk.make_room();
    bool healed = false;
    for (int tries = 0; tries < 40 && !healed; ++tries) {
        healed = client->put("after", "room again").ok();
        if (!healed) std::this_thread::sleep_for(250ms);
    }
    INFO(hub.log());
    REQUIRE(healed);
    CHECK(lost(*client, acknowledged) == 0);
    for (int number = 0; number < 100; ++number) REQUIRE(client->put("more", std::string(value_bytes, 'm')).ok());
    CHECK(lost(*client, acknowledged) == 0);
    CHECK(hub.stop() == 0);
    REQUIRE(hub.start());
    CHECK(lost(*hub.client(), acknowledged) == 0);
    CHECK(hub.client()->get("after")->value == "room again");
    CHECK(hub.stop() == 0);
}

TEST_CASE("disk full: the same process goes on when room is made", "[integration][disk]") {
    const TemporaryDirectory directory;
    const SmallDisk disk(directory.path() + "/disk");
    if (!disk.mounted()) SKIP("mounting a small tmpfs is not allowed here");
    HubProcess hub(disk.path() + "/data");
    REQUIRE(hub.start());
    auto client = hub.client(1500ms);
    Acknowledged acknowledged;
    for (int round = 0; round < 2; ++round) {
        REQUIRE(fill(*client, acknowledged).code == Code::no_space);
        std::filesystem::resize_file(disk.ballast(), round == 0 ? ballast_bytes / 2 : 0);
        bool healed = false;
        for (int tries = 0; tries < 40 && !healed; ++tries) {
            healed = client->put("after", std::to_string(round)).ok();
            if (!healed) std::this_thread::sleep_for(250ms);
        }
        INFO(hub.log());
        REQUIRE(healed);
    }
    CHECK(lost(*client, acknowledged) == 0);
    CHECK(hub.stop() == 0);
}

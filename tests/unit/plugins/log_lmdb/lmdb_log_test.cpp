// What the conformance suite cannot know of log_lmdb: its file, its settings, damage.
#include "plugins/log_lmdb/lmdb_log.hpp"

#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

using namespace belfry;
using log_lmdb::LmdbLog;
namespace fs = std::filesystem;

namespace {

class Folder {
public:
    Folder() {
        std::string pattern = (fs::temp_directory_path() / "belfry-log-lmdb-XXXXXX").string();
        path = ::mkdtemp(pattern.data()) != nullptr ? pattern : "";
    }
    ~Folder() {
        std::error_code ignored;
        fs::remove_all(path, ignored);
    }
    std::string path;
};

Result<std::unique_ptr<LmdbLog>> open(const Folder& folder, plugin::Settings settings = {}) {
    return LmdbLog::open({plugin::Host(), folder.path, std::move(settings)});
}

Status append(LmdbLog& log, uint64_t index, const Bytes& payload) {
    const belfry_log_entry entry = {index, 1, 0, 0, plugin::to_c(BytesView(payload))};
    return log.append({&entry, 1});
}

}  // namespace

TEST_CASE("log_lmdb: a damaged entry is found when the log is opened, and named", "[log_lmdb]") {
    const Folder folder;
    {
        const auto log = open(folder);
        REQUIRE(log.ok());
        for (uint64_t index = 1; index <= 20; ++index) {
            REQUIRE(append(**log, index, "payload of entry " + std::to_string(index) + Bytes(3000, 'p')).ok());
        }
        REQUIRE((*log)->sync().ok());
    }
    const std::string path = folder.path + "/data.mdb";
    std::ifstream file(path, std::ios::binary);
    Bytes octets((std::istreambuf_iterator<char>(file)), {});
    const size_t at = octets.find("payload of entry 7p");
    REQUIRE(at != Bytes::npos);
    std::fstream(path, std::ios::in | std::ios::out | std::ios::binary)
        .seekp(static_cast<std::streamoff>(at) + 500)
        .put('q');
    const auto log = open(folder);
    REQUIRE_FALSE(log.ok());
    CHECK(log.error().code == Code::corrupt);
    CHECK(log.error().detail.find("entry 7 is damaged") != Bytes::npos);
    CHECK(log.error().detail.find(path) != Bytes::npos);
}

TEST_CASE("log_lmdb: files of others are refused and stay as they are", "[log_lmdb]") {
    const Folder folder;
    {
        MDB_env* env = nullptr;
        REQUIRE(mdb_env_create(&env) == 0);
        mdb_env_set_maxdbs(env, 4);
        REQUIRE(mdb_env_open(env, folder.path.c_str(), 0, 0600) == 0);
        MDB_txn* txn = nullptr;
        MDB_dbi dbi = 0;
        REQUIRE(mdb_txn_begin(env, nullptr, 0, &txn) == 0);
        REQUIRE(mdb_dbi_open(txn, "songs", MDB_CREATE, &dbi) == 0);
        REQUIRE(mdb_txn_commit(txn) == 0);
        mdb_env_close(env);
    }
    const auto log = open(folder);
    REQUIRE_FALSE(log.ok());
    CHECK(log.error().code == Code::incompatible);
    CHECK_FALSE(fs::exists(folder.path + "/PLUGIN"));
}

TEST_CASE("log_lmdb: the file does not grow for ever, and the map is a bound", "[log_lmdb]") {
    const Folder folder;
    const auto log = open(folder, {{"map_bytes", "33554432"}});
    REQUIRE(log.ok());
    const Bytes payload(200'000, 'p');
    for (uint64_t index = 1; index <= 500; ++index) {  // 100 MB through a map of 32
        REQUIRE(append(**log, index, payload).ok());
        if (index % 20 == 0) REQUIRE((*log)->compact(Index{index - 10}).ok());
    }
    CHECK((*log)->stats().value().bytes_used < 33'554'432);
    Status status;
    for (uint64_t index = 501; status && index < 1000; ++index) status = append(**log, index, payload);
    REQUIRE_FALSE(status.ok());
    CHECK(status.error().code == Code::no_space);
    CHECK(status.error().detail.find("map_bytes") != Bytes::npos);
    CHECK((*log)->save_vote(Term{7}, 3).ok());
}

TEST_CASE("log_lmdb: settings are refused by name", "[log_lmdb]") {
    const Folder folder;
    for (const char* value : {"", "much", "4096", "-1"}) {
        const auto log = open(folder, {{"map_bytes", value}});
        REQUIRE_FALSE(log.ok());
        CHECK(log.error().code == Code::invalid_argument);
        CHECK(log.error().detail.find("map_bytes") != Bytes::npos);
    }
}

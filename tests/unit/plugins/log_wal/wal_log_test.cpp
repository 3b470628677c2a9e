#include "plugins/log_wal/wal_log.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>

using namespace belfry;
using log_wal::WalLog;

namespace {

struct Folder {
    Folder() {
        const char* base = std::getenv("TMPDIR");
        path = std::string(base != nullptr ? base : "/tmp") + "/wal_log_test_XXXXXX";
        REQUIRE(::mkdtemp(path.data()) != nullptr);
    }
    ~Folder() { std::filesystem::remove_all(path); }
    std::string newest() const {
        std::string found;
        for (const auto& item : std::filesystem::directory_iterator(path))
            if (item.path().extension() == ".wal") found = std::max(found, item.path().string());
        return found;
    }
    std::string path;
};

auto open(const Folder& folder) { return WalLog::open({plugin::Host(), folder.path, {{"segment_bytes", "65536"}}}); }
std::unique_ptr<WalLog> opened(const Folder& folder) {
    auto log = open(folder);
    if (!log) FAIL(log.error().detail);
    return std::move(*log);
}

Status append(WalLog& log, uint64_t index, uint64_t term, const Bytes& payload) {
    const belfry_log_entry entry = {index, term, 7, 0, plugin::to_c(payload)};
    return log.append({&entry, 1});
}

using Entries = std::vector<std::pair<uint64_t, Bytes>>;
int32_t collect(void* context, const belfry_log_entry* entry) {
    static_cast<Entries*>(context)->emplace_back(entry->term, plugin::from_c(entry->payload));
    return 0;
}
Entries entries_of(WalLog& log) {
    Entries entries;
    REQUIRE(log.read(log.state()->first, plugin::LogVisitor(collect, &entries)).ok());
    return entries;
}

void overwrite(const std::string& path, uint64_t offset, char bits) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(static_cast<std::streamoff>(offset));
    const char old = static_cast<char>(file.get());
    file.seekp(static_cast<std::streamoff>(offset));
    file.put(static_cast<char>(old ^ bits));
}

}  // namespace

TEST_CASE("entries, truncations and votes survive reopening at random points") {
    const Folder folder;
    auto log = opened(folder);
    std::mt19937 random(1);
    Entries model;
    uint64_t boundary = 0, boundary_term = 0, vote = 0;
    for (int step = 1; step <= 2000; ++step) {
        const auto term = static_cast<uint64_t>(step / 100 + 1);
        const unsigned choice = random() % 100;
        if (choice < 70) {
            model.emplace_back(term, Bytes(random() % 3000, static_cast<char>(step)));
            REQUIRE(append(*log, boundary + model.size(), term, model.back().second).ok());
        } else if (choice < 78) {
            model.resize(model.size() - random() % (std::min<size_t>(model.size(), 60) + 1));
            REQUIRE(log->truncate_after({boundary + model.size()}).ok());
        } else if (choice < 88) {
            REQUIRE(log->save_vote({term}, vote = random() % 9).ok());
        } else if (choice < 93) {
            REQUIRE(log->compact({boundary + model.size() / 2 + 1}).ok());
            const auto dropped = static_cast<ptrdiff_t>(log->state()->boundary.value - boundary);
            REQUIRE(dropped <= static_cast<ptrdiff_t>(model.size() / 2));
            if (dropped > 0) boundary_term = model[static_cast<size_t>(dropped - 1)].first;
            model.erase(model.begin(), model.begin() + dropped);
            boundary += static_cast<uint64_t>(dropped);
        } else if (choice == 93) {
            boundary += model.size() + 10;
            boundary_term = term;
            model.clear();
            REQUIRE(log->reset({boundary}, {term}).ok());
        } else {
            log.reset();
            log = opened(folder);
            REQUIRE(entries_of(*log) == model);
        }
        const auto state = *log->state();
        REQUIRE(state.boundary.value == boundary);
        REQUIRE(state.boundary_term.value == boundary_term);
        REQUIRE(state.last.value == boundary + model.size());
        REQUIRE(state.voted_for == vote);
        REQUIRE(state.cut_bytes == 0);
    }
    CHECK(boundary > 0);
    CHECK(entries_of(*log) == model);
}

TEST_CASE("a compaction that was cut short between two segments is finished at the next start") {
    const Folder folder;
    const auto segments = [&folder] {
        std::vector<std::string> paths;
        for (const auto& item : std::filesystem::directory_iterator(folder.path))
            if (item.path().extension() == ".wal") paths.push_back(item.path().string());
        std::sort(paths.begin(), paths.end());
        return paths;
    };
    Entries model;
    const auto append_until = [&](WalLog& log, size_t count, uint64_t term) {
        while (segments().size() < count) {
            model.emplace_back(term, Bytes(3000, static_cast<char>(model.size())));
            REQUIRE(append(log, model.size(), term, model.back().second).ok());
        }
    };
    {
        auto log = opened(folder);
        append_until(*log, 2, 1);
        model.resize(5);
        REQUIRE(log->truncate_after({5}).ok());  // stands in the second segment, and is about the first
        append_until(*log, 3, 2);
        REQUIRE(log->sync().ok());
    }
    std::filesystem::remove(segments().front());  // of a compact() of the two, this much came to be
    auto log = opened(folder);
    CHECK(segments().size() == 1);
    const auto state = *log->state();
    CHECK(state.last.value == model.size());
    CHECK(state.boundary.value == model.size() - 1);
    CHECK(state.boundary_term.value == 2);
    CHECK(entries_of(*log) == Entries{model.back()});
    append_until(*log, 2, 3);
    log.reset();
    log = opened(folder);
    CHECK(entries_of(*log) == Entries(model.begin() + static_cast<ptrdiff_t>(state.boundary.value), model.end()));
}

TEST_CASE("entries that end before, at and behind the edges of blocks and of the memory for them are all there") {
    const Folder folder;
    Entries model;
    const auto check = [&](WalLog& log) { CHECK((entries_of(log) == model)); };
    auto log = WalLog::open({plugin::Host(), folder.path, {{"segment_bytes", "4194304"}}});
    REQUIRE(log.ok());
    for (const size_t edge : {size_t{4096}, size_t{8192}, size_t{256 * 1024}, size_t{1024 * 1024}}) {
        for (const size_t shift : {48, 41, 40, 39, 33, 32, 8, 1, 0}) {
            model.emplace_back(1, Bytes(edge - shift, static_cast<char>(model.size() + 1)));
            REQUIRE(append(**log, model.size(), 1, model.back().second).ok());
            if (shift % 2 == 0) REQUIRE((*log)->sync().ok());
        }
        check(**log);  // not all of it synced
        REQUIRE((*log)->save_vote({1}, edge).ok());
        log->reset();
        log = WalLog::open({plugin::Host(), folder.path, {{"segment_bytes", "4194304"}}});
        REQUIRE(log.ok());
        check(**log);
    }
    CHECK((*log)->state()->cut_bytes == 0);
}

TEST_CASE("damage before what was synced is told, a torn tail is cut") {
    const Folder folder;
    {
        auto log = opened(folder);
        for (uint64_t i = 1; i <= 3; ++i) REQUIRE((append(*log, i, 1, Bytes(100, 'x')).ok() && log->sync().ok()));
    }
    const uint64_t size = log_wal::record_bytes(100), begin = log_wal::header_bytes;
    const std::string file = folder.newest();
    for (const uint64_t at : {0, 4, 8, 12, 16, 24, 32, 60}) {  // each field of the second record, and its payload
        overwrite(file, begin + size + at, 1);
        const auto log = open(folder);
        REQUIRE(!log);
        CHECK(log.error().code == Code::corrupt);
        CHECK(log.error().detail.find("offset " + std::to_string(begin + size)) != Bytes::npos);
        overwrite(file, begin + size + at, 1);
    }
    overwrite(file, 40, 1);
    CHECK(open(folder).error().code == Code::corrupt);
    overwrite(file, 40, 1);
    overwrite(file, begin + 2 * size + 60, 1);
    CHECK(opened(folder)->state()->last.value == 2);
    std::filesystem::resize_file(file, begin + size);
    CHECK(open(folder).error().code == Code::corrupt);
}

TEST_CASE("a torn batch is cut although a later record of it is whole") {
    const Folder folder;
    {
        auto log = opened(folder);
        REQUIRE((append(*log, 1, 1, "synced").ok() && log->sync().ok()));
        REQUIRE((append(*log, 2, 1, "torn").ok() && append(*log, 3, 1, "whole").ok()));
    }
    overwrite(folder.newest(), log_wal::header_bytes + log_wal::record_bytes(6) + 41, 1);
    auto log = opened(folder);
    CHECK(log->state()->last.value == 1);
    CHECK(log->state()->cut_bytes > 0);
    CHECK(append(*log, 2, 2, "again").ok());
    log.reset();
    CHECK(entries_of(*opened(folder)) == Entries{{1, "synced"}, {2, "again"}});
}

TEST_CASE("refusals are told apart") {
    const Folder folder;
    auto log = opened(folder);
    CHECK(open(folder).error().code == Code::conflict);
    CHECK(open(folder).error().detail.find("in use by process " + std::to_string(::getpid())) != Bytes::npos);
    CHECK(append(*log, 2, 1, "gap").error().code == Code::invalid_argument);
    const Bytes large(BELFRY_LOG_PAYLOAD_BYTES_MAX, 'l');
    CHECK(append(*log, 1, 1, large).ok());
    for (uint64_t i = 2; i <= 200; ++i) REQUIRE(append(*log, i, 1, Bytes(2000, 's')).ok());
    CHECK(entries_of(*log).front().second == large);
    log.reset();
    const std::string first =
        std::filesystem::path(folder.newest()).parent_path().string() + "/0000000002-00000000000000000001.wal";
    REQUIRE(std::filesystem::remove(first));
    CHECK(open(folder).error().code == Code::corrupt);
}

TEST_CASE("what was synced outlives a killed process") {
    const Folder folder;
    const pid_t child = ::fork();
    if (child == 0) {
        auto log = open(folder);
        for (uint64_t i = 1; log && i <= 500; ++i) (void)append(**log, i, 1, Bytes(500, 'k'));
        ::_exit(log && (*log)->sync().ok() && ::kill(::getpid(), SIGKILL) == 0 ? 1 : 2);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    REQUIRE(WIFSIGNALED(status));
    CHECK(opened(folder)->state()->last.value == 500);
}

TEST_CASE("a newer format is named as such, not as damage") {
    const Folder folder;
    REQUIRE((append(*opened(folder), 1, 1, "entry").ok()));
    overwrite(folder.newest(), 12, 2);  // format 1 becomes 3, and the checksum is not what we would compute
    const auto log = open(folder);
    REQUIRE(!log);
    CHECK(log.error().code == Code::incompatible);
    CHECK(log.error().detail.find("format 3") != Bytes::npos);
    CHECK(log.error().detail.find("damaged") == Bytes::npos);
}

TEST_CASE("a failed fdatasync is final, even when the next one would work") {
    const Folder folder;
    auto log = opened(folder);
    REQUIRE((append(*log, 1, 1, "synced").ok() && log->sync().ok()));
    REQUIRE(append(*log, 2, 1, "not synced").ok());
    std::vector<std::pair<int, int>> segment;  // its descriptors, and what keeps them
    for (const auto& item : std::filesystem::directory_iterator("/proc/self/fd")) {
        std::error_code gone;
        if (std::filesystem::read_symlink(item.path(), gone) == folder.newest())
            segment.emplace_back(std::stoi(item.path().filename()), -1);
    }
    REQUIRE(!segment.empty());
    int ends[2];
    REQUIRE(::pipe(ends) == 0);  // a pipe cannot be synced
    for (auto& [fd, saved] : segment) REQUIRE(((saved = ::dup(fd)) >= 0 && ::dup2(ends[1], fd) == fd));
    CHECK(log->sync().error().code == Code::io);
    for (const auto& [fd, saved] : segment) REQUIRE(::dup2(saved, fd) == fd);
    CHECK(log->sync().error().code == Code::io);
    CHECK(append(*log, 3, 1, "more").error().code == Code::io);
    CHECK(log->save_vote({2}, 1).error().code == Code::io);
    CHECK(log->truncate_after({1}).error().code == Code::io);
    for (const auto& [fd, saved] : segment) ::close(saved);
    for (const int fd : ends) ::close(fd);
    log.reset();
    CHECK(opened(folder)->state()->last.value >= 1);
}

TEST_CASE("a directory that cannot be written is refused with its name") {
    const Folder folder;
    REQUIRE(::chmod(folder.path.c_str(), 0555) == 0);
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        if (::geteuid() == 0 && ::setuid(65534) != 0) ::_exit(2);  // root may write anywhere
        const auto log = open(folder);
        const bool told = !log && log.error().code == Code::io && log.error().detail.find(folder.path) != Bytes::npos;
        ::_exit(told ? 0 : 1);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK((WIFEXITED(status) && WEXITSTATUS(status) == 0));
    REQUIRE(::chmod(folder.path.c_str(), 0755) == 0);
    CHECK(std::filesystem::is_empty(folder.path));
    CHECK(open(folder).ok());
}

TEST_CASE("a log store's directory is refused by its name to another plugin, and an empty PLUGIN file harms nothing") {
    const Folder folder;
    std::ofstream(folder.path + "/PLUGIN") << "storage_lmdb 1\n";
    const auto log = open(folder);
    REQUIRE(!log);
    CHECK(log.error().code == Code::incompatible);
    CHECK(log.error().detail.find("storage_lmdb") != Bytes::npos);
    CHECK(log.error().detail.find(folder.path) != Bytes::npos);
    std::ofstream(folder.path + "/PLUGIN", std::ios::trunc) << "";
    CHECK(append(*opened(folder), 1, 1, "entry").ok());
    CHECK(opened(folder)->state()->last.value == 1);
}

// Backups of real clusters, made with the command-line tool while clients write, and clusters started from them.
#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <fstream>
#include <thread>

#include "sdk/base/backup_file.hpp"
#include "tests/support/cluster_processes.hpp"

using namespace belfry;
using namespace belfry::test;
using namespace std::chrono_literals;

namespace {

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

protocol::DigestRequest everything(Revision at) {
    protocol::DigestRequest request;
    request.filter = {"prefix", ""};
    request.at = at;
    return request;
}

uint64_t digest_of(const HubProcess& hub, Revision at) {
    const auto digest = hub.client()->digest(everything(at));
    INFO((digest ? "" : digest.error().detail));
    REQUIRE(digest);
    return digest->digest;
}

Outcome save(const HubProcess& hub, const std::string& file) {
    return run_program({program("belfry"), "snapshot", "save", file, "--endpoint", hub.client_options().endpoints[0]});
}

// Writes as fast as one client can, until it goes.
class Writer {
public:
    explicit Writer(std::shared_ptr<Client> client)
        : thread_([this, client = std::move(client)] {
              for (uint64_t i = 0; !stop_; ++i) {
                  const auto put =
                      client->put("load/" + std::to_string(i % 50), std::string(2000, 'x') + std::to_string(i));
                  if (put) acknowledged_ = put->revision.value;
              }
          }) {}
    ~Writer() {
        stop_ = true;
        thread_.join();
    }
    uint64_t acknowledged() const { return acknowledged_; }

private:
    std::atomic<bool> stop_{false};
    std::atomic<uint64_t> acknowledged_{0};
    std::thread thread_;
};

void damage(const std::string& path, std::streamoff place) {
    std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
    file.seekg(place);
    const char octet = static_cast<char>(file.get() ^ 0x20);
    file.seekp(place);
    file.put(octet);
}

}  // namespace

TEST_CASE("backup: of a follower under load it holds all that was acknowledged; three members start from it",
          "[integration][backup]") {
    const TemporaryDirectory directory;
    const std::string file = directory.path() + "/backup";
    BackupFacts facts;
    uint64_t digest = 0;
    {
        ClusterProcesses cluster(directory.path(), 3, {"snapshot_log_bytes=1MiB"});
        REQUIRE(cluster.start());
        const uint64_t leader = cluster.leader();
        const HubProcess& follower = cluster.at(leader % 3 + 1);
        {
            const Writer writer(cluster.client());
            while (writer.acknowledged() < 400) std::this_thread::sleep_for(10ms);
            const uint64_t before = writer.acknowledged();
            const Outcome saved = save(follower, file);
            INFO(saved.output << cluster.logs());
            REQUIRE(saved.exit_code == 0);
            const auto checked = check_backup(file);
            REQUIRE(checked);
            facts = *checked;
            CHECK(facts.revision.value >= before);
            CHECK((std::filesystem::status(file).permissions() & std::filesystem::perms(077)) == std::filesystem::perms(0));
        }
        digest = digest_of(cluster.at(leader), facts.revision);
        for (const uint64_t id : cluster.ids()) CHECK(cluster.at(id).stop() == 0);
    }
    const std::string folder = directory.path() + "/new";
    std::filesystem::create_directory(folder);
    {
        ClusterProcesses nameless(folder, 3);
        const Outcome refused = nameless.at(1).restore(file);
        CHECK(refused.exit_code == 1);
        CHECK(has(refused.output, "cluster.id"));
        CHECK(!std::filesystem::exists(nameless.at(1).data_dir()));
    }
    ClusterProcesses restored(folder, 3, {"cluster.id=7e57ab1e7e57ab1e"});
    for (const uint64_t id : restored.ids()) {
        const Outcome filled = restored.at(id).restore(file);
        INFO(filled.output);
        REQUIRE(filled.exit_code == 0);
    }
    CHECK(restored.at(1).restore(file).exit_code == 1);  // it is not empty any more
    INFO(restored.logs());
    REQUIRE(restored.start());
    for (const uint64_t id : restored.ids()) CHECK(digest_of(restored.at(id), facts.revision) == digest);
    const auto put = restored.client()->put("after", "1");
    REQUIRE(put);
    CHECK(put->revision == facts.revision.next());
    CHECK(figure(restored.at(2), "epoch") == 0x7e57ab1e7e57ab1e);
}

TEST_CASE("backup: one hub starts from it and grows; damaged and foreign files are refused", "[integration][backup]") {
    const TemporaryDirectory directory;
    const std::string file = directory.path() + "/backup", copy = directory.path() + "/copy";
    HubProcess hub(directory.path() + "/old");
    REQUIRE(hub.start());
    for (int i = 0; i < 20; ++i) REQUIRE(hub.client()->put("key/" + std::to_string(i), "value"));
    REQUIRE(save(hub, file).exit_code == 0);
    CHECK(has(save(hub, file).output, "--force"));
    const uint64_t digest = digest_of(hub, {20});
    CHECK(hub.stop() == 0);

    const auto size = static_cast<std::streamoff>(std::filesystem::file_size(file));
    ClusterProcesses restored(directory.path(), 1);
    for (const std::streamoff place : {std::streamoff{100}, size - 40, size - 14, size - 9, size - 1}) {
        std::filesystem::copy_file(file, copy, std::filesystem::copy_options::overwrite_existing);
        damage(copy, place);
        const Outcome status = run_program({program("belfry"), "snapshot", "status", copy});
        INFO("octet " << place << ": " << status.output);
        CHECK(status.exit_code == 7);
        CHECK(has(status.output, copy));
        CHECK(restored.at(1).restore(copy).exit_code == 1);
    }
    std::filesystem::resize_file(copy, 100);
    CHECK(has(restored.at(1).restore(copy).output, "cut off"));
    CHECK(has(restored.at(1).restore(directory.path() + "/none").output, "No such file"));
    CHECK(!std::filesystem::exists(restored.at(1).data_dir()));

    REQUIRE(restored.at(1).restore(file).exit_code == 0);
    REQUIRE(restored.start());
    HubProcess& second = restored.add(2, figure(restored.at(1), "epoch"));
    auto client = restored.at(1).client();
    const auto added =
        client->call(protocol::MemberChangeRequest{protocol::MemberChangeRequest::Kind::add, 2, restored.endpoint(2)});
    REQUIRE(added);
    REQUIRE(added->error.code == Code::ok);
    REQUIRE(second.start());
    CHECK(digest_of(second, {20}) == digest);
}

TEST_CASE("backup: one that ended half-way is no hub's data", "[integration][backup]") {
    const TemporaryDirectory directory;
    const std::string file = directory.path() + "/backup";
    HubProcess hub(directory.path() + "/old");
    REQUIRE(hub.start());
    REQUIRE(hub.client()->put("key", "value"));
    REQUIRE(save(hub, file).exit_code == 0);
    HubProcess restored(directory.path() + "/new");
    REQUIRE(restored.restore(file).exit_code == 0);
    std::ofstream(restored.data_dir() + "/fenced") << "a restore into it did not come to its end";
    const Outcome refused = run_program({program("belfryd"), "--data-dir", restored.data_dir()});
    CHECK(refused.exit_code == 1);
    CHECK(has(refused.output, "did not come to its end"));
}

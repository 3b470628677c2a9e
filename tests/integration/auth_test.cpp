// Users, roles and tokens, as an administrator sets them up and a user meets them: on every member, across a fail-over and
// a restart, and back in after a lock-out.
#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <fstream>
#include <future>
#include <thread>

#include "sdk/protocol/codec.hpp"
#include "tests/support/cluster_processes.hpp"

using namespace belfry;
using namespace belfry::test;
using namespace std::chrono_literals;

namespace {

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

// A file that nobody else can read.
std::string secret_file(const TemporaryDirectory& directory, const std::string& name, const std::string& content) {
    const std::string path = directory.path() + "/" + name;
    std::ofstream(path) << content << "\n";
    REQUIRE(::chmod(path.c_str(), 0600) == 0);
    return path;
}

Outcome belfry_at(const HubProcess& hub, std::vector<std::string> words) {
    // A login takes 50 ms of a core, and longer on a busy machine.
    words.insert(words.begin(), {program("belfry"), "--timeout", "20s", "--endpoint", hub.client_options().endpoints[0],
                                 "--feed", hub.client_options().feed_endpoints[0]});
    return run_program(std::move(words), 60);
}
Outcome as_root(const HubProcess& hub, std::vector<std::string> words) {
    words.insert(words.end(), {"--token-file", hub.root_token_file()});
    return belfry_at(hub, std::move(words));
}
Outcome as_user(const HubProcess& hub, const std::string& name, const std::string& password_file,
                std::vector<std::string> words) {
    words.insert(words.end(), {"--user", name, "--password-file", password_file});
    return belfry_at(hub, std::move(words));
}

void must(const Outcome& outcome) {
    INFO(outcome.output);
    REQUIRE(outcome.exit_code == 0);
}

std::shared_ptr<Client> client_of(ClientOptions options, const std::string& user, const std::string& password) {
    options.credentials = {user, password, {}};
    return std::move(*Client::connect(options));
}

// A peer that speaks ZMTP 3.0 without encryption by itself, and so can write what it likes into its handshake (libzmq lets
// nobody choose such properties).
class RawPeer {
public:
    RawPeer(const std::string& endpoint, const std::vector<std::pair<std::string, std::string>>& properties) {
        socket_ = ::socket(AF_INET, SOCK_STREAM, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(static_cast<uint16_t>(std::stoi(endpoint.substr(endpoint.rfind(':') + 1))));
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        REQUIRE(::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
        const timeval patience{10, 0};
        ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        write(Bytes("\xff\0\0\0\0\0\0\0\x01\x7f\x03\0NULL", 16) + Bytes(48, '\0'));
        (void)read(64);
        Bytes ready = "\x05READY";
        for (const auto& [name, value] : properties) {
            ready += static_cast<char>(name.size());
            ready += name + Bytes(3, '\0') + static_cast<char>(value.size()) + value;
        }
        write(Bytes("\x04", 1) + static_cast<char>(ready.size()) + ready);
        (void)frame();  // the other's READY
    }
    ~RawPeer() { ::close(socket_); }
    RawPeer(const RawPeer&) = delete;
    RawPeer& operator=(const RawPeer&) = delete;

    protocol::Reply ask(protocol::RequestOp op) {
        const protocol::Request request{7, "", "", std::move(op)};
        const Bytes body = protocol::encode_requests({&request, 1});
        REQUIRE(body.size() < 256);
        write(Bytes(1, '\0') + static_cast<char>(body.size()) + body);
        const auto replies = protocol::decode_replies(frame());
        REQUIRE((replies && replies->size() == 1));
        return replies->front();
    }

private:
    void write(const Bytes& octets) {
        REQUIRE(::write(socket_, octets.data(), octets.size()) == static_cast<ssize_t>(octets.size()));
    }
    Bytes read(size_t size) {
        Bytes octets(size, '\0');
        size_t have = 0;
        for (ssize_t some = 0; have < size; have += static_cast<size_t>(some)) {
            some = ::read(socket_, octets.data() + have, size - have);
            REQUIRE(some > 0);
        }
        return octets;
    }
    Bytes frame() {
        const Bytes head = read(2);
        if ((head[0] & 2) == 0) return read(static_cast<unsigned char>(head[1]));
        size_t size = static_cast<unsigned char>(head[1]);
        for (const char octet : read(7)) size = size << 8 | static_cast<unsigned char>(octet);
        return read(size);
    }
    int socket_ = -1;
};

// Users: ann, who may read and write app/; ops, who administrates.
struct Team {
    explicit Team(const HubProcess& hub) {
        must(as_root(hub, {"role", "add", "app"}));
        must(as_root(hub, {"role", "grant", "app", "read,write", "app/", "--prefix"}));
        must(as_root(hub, {"role", "add", "ops"}));
        must(as_root(hub, {"role", "grant", "ops", "admin"}));
        must(as_root(hub, {"user", "add", "ann", "--roles", "app", "--new-password-file", ann}));
        must(as_root(hub, {"user", "add", "ops", "--roles", "ops", "--new-password-file", ops}));
    }
    TemporaryDirectory directory;
    const std::string ann = secret_file(directory, "ann", "correct horse");
    const std::string ops = secret_file(directory, "ops", "battery staple");
};

const std::vector<std::string> rbac = {"auth.plugin=auth_rbac"};

}  // namespace

TEST_CASE("auth: users, roles and tokens from nothing, one hub", "[integration][auth]") {
    const TemporaryDirectory directory;
    HubProcess hub(directory.path() + "/data", rbac);
    const bool started = hub.start();
    INFO(hub.log());
    REQUIRE(started);
    struct stat facts {};
    REQUIRE(::stat(hub.root_token_file().c_str(), &facts) == 0);
    CHECK((facts.st_mode & 0777) == 0600);
    for (const char* folder :
         {"", "/log", "/state", "/snapshots"}) {  // not every store makes its files for the owner alone
        REQUIRE(::stat((hub.data_dir() + folder).c_str(), &facts) == 0);
        CHECK((facts.st_mode & 0777) == 0700);
    }
    // Nobody is anybody yet.
    const auto nobody = belfry_at(hub, {"put", "app/x", "1"});
    CHECK(nobody.exit_code == 5);
    CHECK(has(nobody.output, "unauthenticated: this hub must know who asks"));
    CHECK(belfry_at(hub, {"status"}).exit_code == 5);
    CHECK(as_root(hub, {"put", "app/x", "1"}).exit_code == 0);
    CHECK(has(as_root(hub, {"auth", "enable"}).output, "no user may administrate"));

    const Team team(hub);
    CHECK(as_user(hub, "ann", team.ann, {"put", "app/x", "2"}).exit_code == 0);
    CHECK(as_user(hub, "ann", team.ann, {"get", "app/x"}).output == "2\n");
    const auto beyond = as_user(hub, "ann", team.ann, {"get", "secret"});
    CHECK(beyond.exit_code == 5);
    CHECK(has(beyond.output, "denied: user 'ann' may not read 'secret'; it may read prefix 'app/'"));
    CHECK(as_user(hub, "ann", team.ann, {"del", "app/x"}).exit_code == 5);
    CHECK(as_user(hub, "ann", team.ann, {"user", "list"}).exit_code == 5);
    CHECK(as_user(hub, "ann", team.ann, {"export", "-", "--prefix", "app"}).exit_code == 0);
    CHECK(as_user(hub, "ann", team.ann, {"export", "-"}).exit_code == 5);
    CHECK(has(as_user(hub, "ann", team.ann, {"watch", "app/", "--rev", "1", "--count", "1"}).output, "PUT app/x = 1"));
    CHECK(has(as_user(hub, "ann", team.ann, {"log", "--prefix", "app/"}).output, "PUT app/x = 2"));
    CHECK(as_user(hub, "ann", team.ann, {"log"}).exit_code == 5);
    CHECK(as_user(hub, "ann", team.ann, {"watch", ""}).exit_code == 5);
    auto watching = std::async(std::launch::async, [&] {
        return as_user(hub, "ann", team.ann, {"watch", "app/", "--rev", "1"});
    });
    std::this_thread::sleep_for(2s);
    must(as_root(hub, {"revoke", "ann", "app"}));
    const Outcome watched = watching.get();  // does not go on in silence
    CHECK(watched.exit_code == 5);
    CHECK(has(watched.output, "denied"));
    must(as_root(hub, {"grant", "ann", "app"}));
    CHECK(as_user(hub, "ann", team.ann, {"status"}).exit_code == 0);
    CHECK(has(as_user(hub, "ann", team.ann, {"history", "app/x"}).output, "ann"));
    CHECK(has(as_user(hub, "ann", team.ops, {"get", "app/x"}).output, "the name or the password is wrong"));
    CHECK(as_user(hub, "ops", team.ops, {"user", "list"}).output == "ann\tenabled\tapp\nops\tenabled\tops\n");
    CHECK(as_user(hub, "ops", team.ops, {"auth", "enable"}).exit_code == 0);
    CHECK(has(as_user(hub, "ops", team.ops, {"compact", "--keep", "1"}).output, "compacted"));
    CHECK(has(as_user(hub, "ops", team.ops, {"auth", "status"}).output, "required of every member\tyes"));

    // A token in a file.
    const std::string token = team.directory.path() + "/token";
    must(as_user(hub, "ann", team.ann, {"login", "--for", "1h", "--out", token}));
    CHECK(belfry_at(hub, {"get", "app/x", "--token-file", token}).output == "2\n");
    REQUIRE(::chmod(token.c_str(), 0644) == 0);
    CHECK(has(belfry_at(hub, {"get", "app/x", "--token-file", token}).output, "can be read by others"));
    REQUIRE(::chmod(token.c_str(), 0600) == 0);

    // A restart forgets root's token, and no user's.
    const std::string former = hub.root_token();
    CHECK_FALSE(has(hub.log(), "may enter the data directory"));
    hub.kill();
    REQUIRE(::chmod(hub.data_dir().c_str(), 0755) == 0);
    REQUIRE(hub.start());
    CHECK(hub.root_token() != former);
    CHECK(has(hub.log(), "others on this machine may enter the data directory"));
    CHECK(belfry_at(hub, {"get", "app/x", "--token-file", token}).output == "2\n");
    must(as_user(hub, "ops", team.ops,
                 {"user", "passwd", "ann", "--new-password-file", secret_file(team.directory, "new", "another horse")}));
    CHECK(belfry_at(hub, {"get", "app/x", "--token-file", token}).exit_code == 5);
    CHECK(as_user(hub, "ann", team.ann, {"get", "app/x"}).exit_code == 5);

    // What an auditor reads, and what nobody may.
    const std::string log = hub.log();
    CHECK(has(log, "event=administration principal=root about=\"set auth/user/ann\""));
    CHECK(has(log, "event=login principal=ann"));
    CHECK(has(log, "event=\"login refused\" principal=ann"));
    CHECK(has(log, "event=refused principal=ann about=range"));
    for (const char* secret : {"correct horse", "battery staple", "argon2id", "t1-"}) CHECK_FALSE(has(log, secret));
    CHECK_FALSE(has(log, former));
    CHECK_FALSE(has(as_root(hub, {"user", "show", "ann", "-o", "json"}).output, "argon2id"));
    CHECK(hub.stop() == 0);
}

TEST_CASE("auth: a revoke is effective at once on every member, and for who is at work", "[integration][cluster][auth]") {
    const TemporaryDirectory directory;
    ClusterProcesses cluster(directory.path(), 3, rbac);
    const bool started = cluster.start();
    INFO(cluster.logs());
    REQUIRE(started);
    const uint64_t leader = cluster.leader();
    REQUIRE(leader != 0);
    const Team team(cluster.at(leader % 3 + 1));
    must(as_root(cluster.at(leader), {"put", "app/x", "1"}));
    std::map<uint64_t, std::shared_ptr<Client>> clients;
    for (const uint64_t id : cluster.ids()) {
        clients[id] = client_of(cluster.at(id).client_options(), "ann", "correct horse");
        CHECK(clients[id]->get("app/x").ok());
    }
    for (int round = 0; round < 10; ++round) {
        const HubProcess& by = cluster.at(static_cast<uint64_t>(round) % 3 + 1);
        must(as_root(by, {"revoke", "ann", "app"}));
        for (auto& [id, client] : clients) {
            const auto got = client->get("app/x");
            CHECK((!got && got.error().code == Code::denied));
            const auto put = client->put("app/x", "2");
            CHECK((!put && put.error().code == Code::denied));
        }
        must(as_root(by, {"grant", "ann", "app"}));
        for (auto& [id, client] : clients) CHECK(client->get("app/x").ok());
    }
    // A new password logs everybody out, also at the members that were not asked; who knows the new one is in again.
    must(as_root(cluster.at(leader),
                 {"user", "passwd", "ann", "--new-password-file", secret_file(team.directory, "new", "another horse")}));
    for (auto& [id, client] : clients) {
        const auto got = client->get("app/x");
        CHECK((!got && got.error().code == Code::unauthenticated));
    }
    CHECK(client_of(cluster.client_options(), "ann", "another horse")->get("app/x").ok());
    for (const uint64_t id : cluster.ids()) CHECK(cluster.at(id).stop() == 0);
}

TEST_CASE("auth: a fail-over keeps tokens good; root's token is one member's; back in after a lock-out",
          "[integration][cluster][auth]") {
    const TemporaryDirectory directory;
    ClusterProcesses cluster(directory.path(), 3, rbac);
    const bool started = cluster.start();
    INFO(cluster.logs());
    REQUIRE(started);
    const uint64_t leader = cluster.leader();
    REQUIRE(leader != 0);
    const uint64_t other = leader % 3 + 1;
    const Team team(cluster.at(leader));
    const std::string token = team.directory.path() + "/token";
    must(as_user(cluster.at(leader), "ann", team.ann, {"login", "--for", "1h", "--out", token}));
    const auto client = client_of(cluster.client_options(leader), "ann", "correct horse");
    CHECK(client->put("app/x", "1").ok());
    CHECK(belfry_at(cluster.at(other), {"status", "--token-file", cluster.at(leader).root_token_file()}).exit_code == 5);

    cluster.at(leader).kill();
    CHECK(client->put("app/x", "2").ok());
    CHECK(client->get("app/x")->value == "2");
    CHECK(belfry_at(cluster.at(other), {"get", "app/x", "--token-file", token}).output == "2\n");
    REQUIRE(cluster.at(leader).start());
    CHECK(belfry_at(cluster.at(leader), {"get", "app/x", "--token-file", token}).output == "2\n");

    // The last administrator disables himself, and nobody knows a way back: but whoever has a member's data directory.
    must(as_user(cluster.at(other), "ops", team.ops, {"user", "disable", "ops"}));
    CHECK(as_user(cluster.at(leader), "ops", team.ops, {"user", "enable", "ops"}).exit_code == 5);
    must(as_root(cluster.at(other), {"user", "enable", "ops"}));
    CHECK(as_user(cluster.at(leader), "ops", team.ops, {"user", "list"}).exit_code == 0);

    // A member of the wrong settings is no open door.
    must(as_user(cluster.at(leader), "ops", team.ops, {"auth", "enable"}));
    for (const uint64_t id : cluster.ids()) CHECK(cluster.at(id).stop() == 0);
}

TEST_CASE("auth: a member that asks nobody serves nobody, once members must ask", "[integration][cluster][auth]") {
    const TemporaryDirectory directory;
    HubProcess hub(directory.path() + "/data", rbac);
    REQUIRE(hub.start());
    const Team team(hub);
    must(as_root(hub, {"put", "app/x", "1"}));
    must(as_root(hub, {"auth", "enable"}));
    CHECK(hub.stop() == 0);
    HubProcess open(directory.path() + "/data");
    open.launch();
    const auto refused = [&] {
        for (int tries = 0; tries < 100; ++tries) {
            const auto got = belfry_at(open, {"get", "app/x", "--timeout", "200ms"});
            if (has(got.output, "set [auth] plugin = \"auth_rbac\"") && got.exit_code == 5) return true;
        }
        return false;
    };
    CHECK(refused());
    CHECK_FALSE(std::ifstream(open.root_token_file()).good());
    CHECK(belfry_at(open, {"auth", "disable"}).exit_code == 5);
    CHECK(open.stop() == 0);
}

TEST_CASE("auth: without encryption nobody is the user of a key that he writes into his handshake", "[integration][auth]") {
    const TemporaryDirectory directory;
    HubProcess hub(directory.path() + "/data", rbac);
    REQUIRE(hub.start());
    const Team team(hub);
    const std::string key = "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7";
    must(as_root(hub, {"user", "key", "add", "ops", key}));
    for (const char* property : {"User-Id", "user-id", "X-User-Id"}) {
        INFO(property);
        RawPeer peer(hub.client_options().endpoints[0], {{"Socket-Type", "DEALER"}, {"Identity", ""}, {property, key}});
        const auto reply = peer.ask(protocol::RecordsRequest{"auth/", {}});
        INFO(reply.error.detail);
        CHECK(reply.error.code == Code::unauthenticated);
    }
    CHECK(hub.stop() == 0);
}

TEST_CASE("auth: a key is one user's, and nobody inherits what proved a former user of his name", "[integration][auth]") {
    const TemporaryDirectory directory;
    HubProcess hub(directory.path() + "/data", rbac);
    REQUIRE(hub.start());
    const Team team(hub);
    const std::string key = "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7";
    must(as_root(hub, {"user", "key", "add", "ann", key}));
    must(as_root(hub, {"user", "key", "add", "ann", key}));  // again: as it was
    const auto other = as_root(hub, {"user", "key", "add", "ops", key});
    CHECK(other.exit_code != 0);
    CHECK(has(other.output, "this key is user 'ann'"));
    // A removal that ended in the middle.
    REQUIRE(hub.client()->call(protocol::RecordChangeRequest{"auth/user/ann", true, {}, {}}));
    must(as_root(hub, {"user", "add", "ann", "--roles", "app", "--no-password"}));
    CHECK(as_user(hub, "ann", team.ann, {"get", "app/x"}).exit_code == 5);
    const auto shown = as_root(hub, {"user", "show", "ann"}).output;
    CHECK(has(shown, "password\tnone"));
    CHECK_FALSE(has(shown, "key\t"));
    CHECK(hub.stop() == 0);
}

TEST_CASE("auth: wrong passwords are slowed down, right ones of others are not", "[integration][auth]") {
    const TemporaryDirectory directory;
    HubProcess hub(directory.path() + "/data", rbac);
    REQUIRE(hub.start());
    const Team team(hub);
    must(as_root(hub, {"put", "app/x", "1"}));
    size_t wrong = 0, slowed = 0;
    auto options = hub.client_options();
    options.timeout = 20s;
    const auto client = std::move(*Client::connect(options));
    const auto begun = std::chrono::steady_clock::now();
    while (slowed < 50 && std::chrono::steady_clock::now() - begun < 60s) {
        const auto reply = client->call(protocol::AuthenticateRequest{"ann", "guess " + std::to_string(wrong), 0});
        REQUIRE_FALSE(reply);
        if (reply.error().code == Code::unauthenticated) ++wrong;
        if (reply.error().code == Code::busy) ++slowed, std::this_thread::sleep_for(5ms);
    }
    // 5 at once, the next one a second later, and so on with twice as long each time: a slow machine comes that far.
    size_t wrong_max = 5;
    const auto took = std::chrono::steady_clock::now() - begun;
    for (auto pause = 1s, over = pause; over <= took; pause *= 2, over += pause) ++wrong_max;
    CHECK(wrong >= 5);
    CHECK(wrong <= wrong_max);
    CHECK(slowed == 50);
    CHECK(as_user(hub, "ops", team.ops, {"user", "list"}).exit_code == 0);
    CHECK(hub.stop() == 0);
}

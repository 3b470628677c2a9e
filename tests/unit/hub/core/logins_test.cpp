// Logins and tokens against who tries to get more out of them: changes that fall into a login, names that are nobody's,
// secrets that came out.
#include "hub/base/binary.hpp"
#include "hub/model/records.hpp"
#include "sdk/auth/secrets.hpp"
#include "sdk/plugin/auth.hpp"
#include "tests/unit/hub/core/asking.hpp"

using namespace belfry;
using namespace belfry::hub;
using namespace belfry::hub::core;
using namespace belfry::protocol;

namespace {

// A directory of another system: everybody is there, also who is called as the hub calls itself, and never changes.
class Directory {
public:
    static Result<std::unique_ptr<Directory>> open(const belfry::plugin::AuthArguments&) {
        return std::make_unique<Directory>();
    }
    bool is_open() const { return false; }
    Status load(std::span<const belfry::plugin::AuthRecord>, bool) { return {}; }
    Status check_record(BytesView, BytesView) const { return {}; }
    Status authenticate(BytesView, BytesView) const { return {}; }
    Result<uint64_t> stamp(BytesView) const { return 0; }
    Result<BytesView> user_of_key(BytesView key) const { return key; }
    Status authorize(BytesView, uint32_t, const belfry::plugin::AuthRange&) const {
        return Error{Code::denied, "nobody may do anything"};
    }
};

std::unique_ptr<hub::plugin::Authority> directory() {
    static const belfry_host_v1 host = {};
    auto opened = hub::plugin::Authority::open(host, belfry::plugin::AuthTable<Directory>::slots, "directory", {});
    REQUIRE(opened);
    return std::move(*opened);
}

Reply log_in_at(World& world, const Bytes& name) {
    world.logins.clear();
    world.credential = nullptr;
    const uint64_t id = world.send(AuthenticateRequest{name, "its password", 0});
    if (!world.logins.empty()) world.step(PasswordChecked{world.logins[0].login, {}});
    world.flush();
    REQUIRE(world.reply(id) != nullptr);
    return *world.reply(id);
}

// As the state store, and every copy of it, holds it.
Bytes secret_in(const World& world) {
    const auto record = world.store->get(model::table_own_records, auth::secret_name);
    REQUIRE(record);
    Reader in(*record);
    (void)in.u8();
    (void)in.varint();
    (void)in.u64();
    (void)in.bytes();
    const auto secret = auth::decode_secret(in.rest());
    REQUIRE(secret);
    return *secret;
}

// A token that nobody gave, made by who knows the key that tokens are marked with.
Bytes forged(const Bytes& secret, uint64_t expires_ms, uint64_t stamp, const Bytes& name) {
    Bytes body;
    Writer out(body);
    out.u8(1);
    out.varint(expires_ms);
    out.u64(stamp);
    out.bytes(name);
    return "t1-" + auth::hex(body + auth::mark(secret, body));
}

}  // namespace

TEST_CASE("a password that was changed while it was being checked logs nobody in", "[core][access]") {
    Asking hub(1);
    World& world = hub.cluster.at(1);
    const std::pair<const char*, RecordChangeRequest> changes[] = {
        {"another password, or enabled anew", user_of("ann", 2)},
        {"removed", {"auth/user/ann", true, {}, {}}},
        {"disabled", user_of("ann", 1, true)},
    };
    for (const auto& [name, change] : changes) {
        INFO(name);
        hub.as_root(user_of("ann"));
        world.logins.clear();
        world.credential = nullptr;
        const uint64_t id = world.send(AuthenticateRequest{"ann", "its password", 0});
        REQUIRE(world.logins.size() == 1);
        hub.as_root(change);
        world.step(PasswordChecked{world.logins[0].login, {}});
        world.flush();
        REQUIRE(world.reply(id) != nullptr);
        CHECK(world.reply(id)->error.code != Code::ok);
    }
    hub.as_root(user_of("ann", 3));
    CHECK(hub.log_in_again("ann", {}).error.code == Code::ok);
}

TEST_CASE("a user who was added while a password for that name was being checked is not logged in", "[core][access]") {
    Asking hub(1);
    World& world = hub.cluster.at(1);
    world.logins.clear();
    world.credential = nullptr;
    const uint64_t id = world.send(AuthenticateRequest{"bob", "of a former bob", 0});
    REQUIRE(world.logins.size() == 1);
    hub.as_root(user_of("bob"));
    world.step(PasswordChecked{world.logins[0].login, {}});
    world.flush();
    REQUIRE(world.reply(id) != nullptr);
    CHECK(world.reply(id)->error.code == Code::unavailable);
}

TEST_CASE("who is known by a key gets no token: taking the key away is enough", "[core][access]") {
    Asking hub(1);
    World& world = hub.cluster.at(1);
    hub.as_root(RecordChangeRequest{"auth/key/K1", false, auth::encode_key("ann"), {}});
    world.public_key = shown("K1");
    const Reply reply = hub.ask(AuthenticateRequest{}, {});
    CHECK(reply.error.code == Code::invalid_argument);
    CHECK(hub.ask(AuthenticateRequest{}, hub.token).error.code == Code::ok);  // a token is exchanged, key or not
}

TEST_CASE("nobody but the token file makes root, whatever another directory says", "[core][access]") {
    World world(asking_options());
    world.authority = directory();
    world.start();
    world.sync();
    world.credential = shown(root_token);
    CHECK(world.write(put("k")).error.code == Code::ok);
    world.pass(2000);
    world.sync();
    CHECK(log_in_at(world, "ann").error.code == Code::ok);
    for (const Bytes name : {"root", "belfry"}) {
        INFO(name);
        CHECK(log_in_at(world, name).error.code == Code::unauthenticated);
        world.credential = nullptr;
        world.public_key = shown(name);  // the directory says: the key's user is called as the key
        CHECK(world.write(put("k")).error.code == Code::unauthenticated);
        world.public_key = nullptr;
    }
}

TEST_CASE("the key of tokens is the hub's own: nobody chooses it, and it makes nobody root", "[core][access]") {
    Asking hub(1);
    World& world = hub.cluster.at(1);
    hub.as_root(role_of({may(Action::admin)}));
    const Bytes chosen(auth::secret_bytes, 'k');
    const RecordChangeRequest plant{"auth/secret", false, auth::encode_secret(chosen), {}};
    CHECK(hub.ask(plant, hub.token).error.code == Code::invalid_argument);
    CHECK(hub.ask(plant, root_token).error.code == Code::invalid_argument);
    // Whoever has a backup has the key that this hub made.
    const Bytes key = secret_in(world);
    CHECK(hub.ask(StatusRequest{}, forged(key, world.now.wall_ms + 60'000, 0, "root")).error.code == Code::unauthenticated);
    hub.as_root(RecordChangeRequest{"auth/secret", true, {}, {}});  // root's way out: the leader makes another one
    hub.cluster.run(1500);
    CHECK(hub.ask(StatusRequest{}, hub.token).error.code == Code::unauthenticated);
    hub.token = hub.log_in("ann");
    CHECK(secret_in(world) != key);
    CHECK(hub.ask(StatusRequest{}, hub.token).error.code == Code::ok);
}

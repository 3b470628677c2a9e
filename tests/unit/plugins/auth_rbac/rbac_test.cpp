#include <catch2/catch_test_macros.hpp>
#include <map>
#include <random>

#include "plugins/auth_rbac/rbac.hpp"
#include "sdk/auth/secrets.hpp"

using namespace belfry;
using namespace belfry::auth_rbac;
using auth::Action;

namespace {

constexpr uint32_t bit(Action action) { return static_cast<uint32_t>(action); }
Span span(Bytes begin, Bytes end) { return {std::move(begin), std::move(end)}; }

// Records as a hub has them, and a plugin that is told.
struct Hub {
    std::unique_ptr<Rbac> rbac = *Rbac::open(plugin::AuthArguments{plugin::Host(), {}});
    std::map<Bytes, Bytes> records;

    void set(const Bytes& name, std::optional<Bytes> content) {
        if (content) REQUIRE(rbac->check_record(name, *content));
        const plugin::AuthRecord one{name, content ? std::optional<BytesView>(*content) : std::nullopt};
        REQUIRE(rbac->load({&one, 1}, false));
        if (content) records[name] = *content;
        if (!content) records.erase(name);
    }
    void role(const Bytes& name, std::vector<auth::Permission> permissions) {
        set(Bytes(auth::role_prefix) + name, auth::encode_role({std::move(permissions)}));
    }
    void user(const Bytes& name, std::vector<std::string> roles, bool disabled = false, uint64_t stamp = 1) {
        set(Bytes(auth::user_prefix) + name, auth::encode_user({disabled, stamp, std::move(roles)}));
    }
    Code may(BytesView name, Action action, const KeyRange& range) const {
        const Bytes end = range.is_open() ? Bytes() : range.end;
        const Status status = rbac->authorize(name, bit(action), {range.begin, range.is_one(), end});
        return status ? Code::ok : status.error().code;
    }
    std::string sentence(BytesView name, Action action, const KeyRange& range) const {
        const Bytes end = range.is_open() ? Bytes() : range.end;
        const Status status = rbac->authorize(name, bit(action), {range.begin, range.is_one(), end});
        return status ? "" : status.error().detail;
    }
};

}  // namespace

TEST_CASE("permissions: ranges that touch or overlap become one, others stay apart", "[auth][permissions]") {
    CHECK(merged({span("b", "d"), span("a", "b")}) == std::vector{span("a", "d")});
    CHECK(merged({span("a", "c"), span("b", "d"), span("x", "")}) == std::vector{span("a", "d"), span("x", "")});
    CHECK(merged({span("x", ""), span("y", "z")}) == std::vector{span("x", "")});
    CHECK(merged({span("a", "b"), span("c", "d")}) == std::vector{span("a", "b"), span("c", "d")});
    CHECK(merged({}).empty());
}

TEST_CASE("permissions: merged ranges allow what any of them allows, for random ones", "[auth][permissions]") {
    std::mt19937_64 random(20261127);
    const auto key = [&] { return Bytes(1 + random() % 2, static_cast<char>('a' + random() % 6)); };
    for (int round = 0; round < 500; ++round) {
        std::vector<KeyRange> ranges;
        Permissions permissions;
        for (size_t i = random() % 6; i-- > 0;) {
            KeyRange range{key(), key()};
            if (random() % 3 == 0) range.end.clear();
            if (random() % 7 == 0) range.end = Bytes(1, '\0');
            if (!range.is_one() && !range.is_open() && range.end <= range.begin) continue;
            ranges.push_back(range);
            permissions.add({bit(Action::read), range});
        }
        permissions.finish();
        for (int ask = 0; ask < 20; ++ask) {
            const Bytes asked = key();
            const bool expected =
                std::any_of(ranges.begin(), ranges.end(), [&](const KeyRange& range) { return range.contains(asked); });
            CHECK(permissions.allow(bit(Action::read), {asked, true, {}}) == expected);
            CHECK_FALSE(permissions.allow(bit(Action::write), {asked, true, {}}));
        }
    }
}

TEST_CASE("rbac: a user may do what a role of his says, to these keys and no others", "[auth][rbac]") {
    Hub hub;
    hub.role("app", {{bit(Action::read) | bit(Action::write), KeyRange::prefix("app/")},
                     {bit(Action::read), KeyRange::one("motd")},
                     {bit(Action::erase), {"a", "b"}}});
    hub.user("ann", {"app"});
    CHECK(hub.may("ann", Action::read, KeyRange::one("app/x")) == Code::ok);
    CHECK(hub.may("ann", Action::read, KeyRange::prefix("app/")) == Code::ok);
    CHECK(hub.may("ann", Action::read, KeyRange::prefix("app/sub/")) == Code::ok);
    CHECK(hub.may("ann", Action::read, KeyRange::one("motd")) == Code::ok);
    CHECK(hub.may("ann", Action::erase, KeyRange::one("app/x")) == Code::ok);
    CHECK(hub.may("ann", Action::read, KeyRange::prefix("app")) == Code::denied);
    CHECK(hub.may("ann", Action::read, KeyRange::prefix("motd")) == Code::denied);
    CHECK(hub.may("ann", Action::read, KeyRange::all()) == Code::denied);
    CHECK(hub.may("ann", Action::read, {"app/x", Bytes(1, '\0')}) == Code::denied);
    CHECK(hub.may("ann", Action::write, KeyRange::one("motd")) == Code::denied);
    CHECK(hub.may("ann", Action::watch, KeyRange::one("app/x")) == Code::denied);
    CHECK(hub.may("ann", Action::admin, KeyRange::all()) == Code::denied);
    CHECK(hub.may("bob", Action::read, KeyRange::one("app/x")) == Code::unauthenticated);
    CHECK(hub.sentence("ann", Action::read, KeyRange::all()) ==
          "user 'ann' may not read all keys; it may read prefix 'app/', 'motd'");
    CHECK(hub.sentence("ann", Action::watch, KeyRange::one("x")) == "user 'ann' may not watch 'x'; it may watch nothing");
}

TEST_CASE("rbac: two neighbouring roles allow a range over both", "[auth][rbac]") {
    Hub hub;
    hub.role("low", {{bit(Action::read), {"a", "m"}}});
    hub.role("high", {{bit(Action::read), {"m", "z"}}});
    hub.user("ann", {"low", "high"});
    CHECK(hub.may("ann", Action::read, {"b", "y"}) == Code::ok);
    hub.user("ann", {"low"});
    CHECK(hub.may("ann", Action::read, {"b", "y"}) == Code::denied);
}

TEST_CASE("rbac: a role that changes or goes, a user that is disabled: at once", "[auth][rbac]") {
    Hub hub;
    hub.role("ops", {{bit(Action::admin), KeyRange::all()}});
    hub.user("ann", {"ops", "later"});
    CHECK(hub.may("ann", Action::admin, KeyRange::all()) == Code::ok);
    CHECK(hub.may("ann", Action::read, KeyRange::one("k")) == Code::denied);  // admin is about the cluster, not keys
    hub.role("later", {{bit(Action::read), KeyRange::all()}});
    CHECK(hub.may("ann", Action::read, KeyRange::all()) == Code::ok);
    hub.set(Bytes(auth::role_prefix) + "ops", std::nullopt);
    CHECK(hub.may("ann", Action::admin, KeyRange::all()) == Code::denied);
    hub.user("ann", {"later"}, true);
    CHECK(hub.may("ann", Action::read, KeyRange::one("k")) == Code::unauthenticated);
    CHECK_FALSE(hub.rbac->stamp("ann"));
    hub.set(Bytes(auth::user_prefix) + "ann", std::nullopt);
    CHECK(hub.may("ann", Action::read, KeyRange::one("k")) == Code::unauthenticated);
}

TEST_CASE("rbac: passwords, and the stamp that changes with them", "[auth][rbac]") {
    Hub hub;
    hub.user("ann", {});
    const uint64_t without = *hub.rbac->stamp("ann");
    CHECK_FALSE(hub.rbac->authenticate("ann", ""));
    hub.set(Bytes(auth::password_prefix) + "ann", auth::encode_password(*auth::hash_password("correct horse")));
    const uint64_t first = *hub.rbac->stamp("ann");
    CHECK(first != without);
    CHECK(hub.rbac->authenticate("ann", "correct horse"));
    const Status wrong = hub.rbac->authenticate("ann", "correct horsf");
    const Status unknown = hub.rbac->authenticate("bob", "correct horse");
    REQUIRE_FALSE(wrong);
    REQUIRE_FALSE(unknown);
    CHECK(wrong.error().detail == unknown.error().detail);
    hub.set(Bytes(auth::password_prefix) + "ann", auth::encode_password(*auth::hash_password("correct horse")));
    CHECK(*hub.rbac->stamp("ann") != first);  // another salt
    const uint64_t second = *hub.rbac->stamp("ann");
    hub.user("ann", {"a role"[0] == 'a' ? "role" : ""});
    CHECK(*hub.rbac->stamp("ann") == second);  // roles are asked for each time, what was shown stays good
    hub.user("ann", {}, false, 2);
    CHECK(*hub.rbac->stamp("ann") != second);
}

TEST_CASE("rbac: a public key is its user's", "[auth][rbac]") {
    Hub hub;
    hub.set(Bytes(auth::key_prefix) + "Z85", auth::encode_key("ann"));
    CHECK(*hub.rbac->user_of_key("Z85") == "ann");
    hub.set(Bytes(auth::key_prefix) + "Z85", std::nullopt);
    CHECK_FALSE(hub.rbac->user_of_key("Z85"));
}

TEST_CASE("rbac: what was loaded bit by bit is what is loaded at once", "[auth][rbac]") {
    Hub hub;
    hub.role("app", {{bit(Action::read), KeyRange::prefix("app/")}});
    hub.user("ann", {"app"});
    hub.user("bob", {"app"});
    hub.set(Bytes(auth::user_prefix) + "bob", std::nullopt);
    std::vector<plugin::AuthRecord> all;
    for (const auto& [name, content] : hub.records) all.push_back({name, content});
    auto other = *Rbac::open(plugin::AuthArguments{plugin::Host(), {}});
    REQUIRE(other->load(all, true));
    CHECK(*other->stamp("ann") == *hub.rbac->stamp("ann"));
    CHECK_FALSE(other->stamp("bob"));
    CHECK(other->authorize("ann", BELFRY_ACTION_READ, {"app/x", true, {}}));
    REQUIRE(other->load({}, true));
    CHECK_FALSE(other->stamp("ann"));
}

TEST_CASE("rbac: a record of a newer release gives nobody anything", "[auth][rbac]") {
    Hub hub;
    hub.role("app", {{bit(Action::read), KeyRange::all()}});
    hub.user("ann", {"app"});
    const Bytes name = Bytes(auth::user_prefix) + "ann";
    const plugin::AuthRecord newer{name, BytesView("\x92\x02\x01")};
    REQUIRE(hub.rbac->load({&newer, 1}, false));
    CHECK(hub.may("ann", Action::read, KeyRange::one("k")) == Code::unauthenticated);
}

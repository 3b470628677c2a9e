// Who may do what, at the core's door: a table of every kind of request and what it needs, walked on a hub alone, through a
// follower, and as a dry run; logins, tokens, and what a revoke does to what is under way.
#include <set>

#include "hub/core/guesses.hpp"
#include "sdk/protocol/policy.hpp"
#include "sdk/protocol/quota.hpp"
#include "tests/unit/hub/core/asking.hpp"

using namespace belfry;
using namespace belfry::hub;
using namespace belfry::hub::core;
using namespace belfry::protocol;

namespace {

// ---- the table ----

struct Row {
    const char* name;
    RequestOp op;
    std::vector<Permission> needs;  // each of them; none = any user may
    bool only_users = true;         // false: it is how one becomes a user
};

RangeRequest local(RangeRequest op) {
    op.local = true;
    return op;
}
RangeRequest later(RangeRequest op) {
    op.min_revision = Revision{1};
    return op;
}
Compare compare(KeyRange keys) { return {std::move(keys), Compare::Target::version, Compare::Op::equal, 0, {}}; }
TxnRequest then(TxnOp op) { return {{}, {std::move(op)}, {}}; }
TxnRequest otherwise(TxnOp op) { return {{}, {}, {std::move(op)}}; }

std::vector<Row> rows() {
    const KeyRange app = KeyRange::prefix("app/");
    const FilterSpec filter{"prefix", "app/"};
    TxnRequest deep = then({otherwise({then({put("app/deep")})})});
    TxnRequest wide{{compare(KeyRange::one("app/c"))}, {{put("app/t")}, {range(app)}}, {{DeleteRequest{app, true}}}};
    return {
        {"range of one", range(KeyRange::one("app/x")), {may(Action::read, KeyRange::one("app/x"))}},
        {"range", range(app), {may(Action::read, app)}},
        {"local range", local(range(app)), {may(Action::read, app)}},
        {"range at a revision to come", later(range(app)), {may(Action::read, app)}},
        {"range of everything", range(KeyRange::all()), {may(Action::read)}},
        {"put", put("app/x"), {may(Action::write, KeyRange::one("app/x"))}},
        {"put with previous", PutRequest{"app/x", "v", {}, true}, {may(Action::write, app), may(Action::read, app)}},
        {"sequential put", PutRequest{"app/", "v", {}, false, {}, true}, {may(Action::write, app)}},
        {"txn with a claim",
         then({protocol::ClaimRequest{"app/items/", "app/held/", {77}, 0, 1}}),
         {may(Action::read, KeyRange::prefix("app/items/")), may(Action::read, KeyRange::prefix("app/held/")),
          may(Action::write, KeyRange::prefix("app/held/")), may(Action::erase, KeyRange::prefix("app/held/")),
          may(Action::lease, KeyRange::prefix("app/held/"))}},
        {"delete", DeleteRequest{app, false}, {may(Action::erase, app)}},
        {"delete with previous", DeleteRequest{app, true}, {may(Action::erase, app), may(Action::read, app)}},
        {"txn that reads", then({range(app)}), {may(Action::read, app)}},
        {"txn that compares", {TxnRequest{{compare(app)}, {}, {}}}, {may(Action::read, app)}},
        {"txn, then", then({put("app/x")}), {may(Action::write, app)}},
        {"txn, else", otherwise({DeleteRequest{app, false}}), {may(Action::erase, app)}},
        {"txn in a txn in a txn", std::move(deep), {may(Action::write, KeyRange::one("app/deep"))}},
        {"txn with a compare inside",
         then({TxnRequest{{compare(app)}, {{put("app/x")}}, {}}}),
         {may(Action::read, app), may(Action::write, app)}},
        {"txn of all kinds", std::move(wide), {may(Action::read, app), may(Action::write, app), may(Action::erase, app)}},
        {"compact", CompactRequest{Revision{1}}, {may(Action::admin)}},
        {"history", HistoryRequest{"app/x", 0, {}}, {may(Action::read, KeyRange::one("app/x"))}},
        {"changes by read", ChangesRequest{filter, {}, {}, 0}, {may(Action::read, app)}},
        {"changes by watch", ChangesRequest{filter, {}, {}, 0}, {may(Action::watch, app)}},
        {"snapshot", SnapshotRequest{filter, {}, {}, 0}, {may(Action::watch, app)}},
        {"channel", ChannelRequest{filter}, {may(Action::watch, app)}},
        {"channel of everything", ChannelRequest{{"prefix", ""}}, {may(Action::watch)}},
        {"digest", DigestRequest{filter, {}}, {may(Action::read, app)}},
        {"status", StatusRequest{}, {}},
        {"members", MembersRequest{}, {may(Action::admin)}},
        {"member change", MemberChangeRequest{MemberChangeRequest::Kind::promote, 99, {}}, {may(Action::admin)}},
        {"leader transfer", LeaderTransferRequest{99}, {may(Action::admin)}},
        {"backup", BackupRequest{}, {may(Action::admin)}},
        {"backup, a piece", BackupRequest{7, 0, 0}, {may(Action::admin)}},
        {"plugins", PluginsRequest{}, {}},
        {"record change", RecordChangeRequest{"auth/key/K", false, auth::encode_key("bob"), {}}, {may(Action::admin)}},
        {"policy change", RecordChangeRequest{"policy/x", true, {}, {}}, {may(Action::admin)}},
        {"records", RecordsRequest{}, {may(Action::admin)}},
        {"lease grant", LeaseGrantRequest{{}, 10}, {}},
        {"lease revoke", LeaseRevokeRequest{{77}}, {}},
        {"lease keep alive", LeaseKeepAliveRequest{{{77}}}, {}},
        {"lease time to live", LeaseTimeToLiveRequest{{77}, true, {}}, {}},
        {"leases", LeasesRequest{}, {}},
        {"authenticate", AuthenticateRequest{"ann", "a password", 0}, {}, false},
        {"a newer token", AuthenticateRequest{}, {}},
    };
}

// A kind of request that is added needs a row above (and a place in hub/core/permit.cpp).
static_assert(std::variant_size_v<RequestOp> == 24);

// Authentication alone waits for a thread of the shell's, which is the test's next step.
bool waits_for_a_password(const RequestOp& op) {
    const auto* login = std::get_if<AuthenticateRequest>(&op);
    return login != nullptr && !login->name.empty();
}

void walk(Asking& hub) {
    std::set<size_t> walked;
    for (const Row& row : rows()) {
        INFO(row.name);
        walked.insert(row.op.index());
        if (waits_for_a_password(row.op)) continue;
        hub.as_root(role_of(row.needs));
        const bool is_local = row.op.index() == 0 && std::get<RangeRequest>(row.op).local;
        if (is_local) hub.cluster.run(100);  // as old as the member's state
        const Reply allowed = hub.ask(row.op, hub.token);
        INFO(allowed.error.detail);
        CHECK_FALSE(refused(allowed));
        CHECK(hub.ask(row.op, {}).error.code == Code::unauthenticated);
        CHECK(hub.ask(row.op, "t1-0123456789abcdef").error.code == Code::unauthenticated);
        for (size_t without = 0; without < row.needs.size(); ++without) {
            auto fewer = row.needs;
            fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(without));
            // All else that there is, so that nothing but this permission is missing: also keys beside, and admin for keys.
            const uint32_t missing = row.needs[without].actions;
            uint32_t rest = auth::actions_all & ~missing;
            const bool follows = std::holds_alternative<ChangesRequest>(row.op) ||
                                 std::holds_alternative<SnapshotRequest>(row.op) ||
                                 std::holds_alternative<ChannelRequest>(row.op);
            if (follows) rest &= ~(static_cast<uint32_t>(Action::read) | static_cast<uint32_t>(Action::watch));
            fewer.push_back({rest & ~static_cast<uint32_t>(Action::admin), KeyRange::all()});
            if (missing != static_cast<uint32_t>(Action::admin)) {
                fewer.push_back(may(Action::admin));
                fewer.push_back({missing, {"app/0", "app/b"}});
                fewer.push_back({missing, {"b", "z"}});
            }
            hub.as_root(role_of(fewer));
            if (is_local) hub.cluster.run(100);
            const Reply reply = hub.ask(row.op, hub.token);
            CHECK(reply.error.code == Code::denied);
            CHECK(reply.error.detail.find("ann") != std::string::npos);
        }
    }
    CHECK(walked.size() == std::variant_size_v<RequestOp>);
}

}  // namespace

TEST_CASE("every kind of request needs what the table says, and no less, on a hub alone", "[core][access]") {
    Asking hub(1);
    walk(hub);
}

TEST_CASE("every kind of request needs what the table says, and no less, through a follower", "[core][access]") {
    Asking hub(3);
    walk(hub);
}

TEST_CASE("a dry run needs what the write needs", "[core][access]") {
    Asking hub(1);
    World& world = hub.cluster.at(1);
    for (const bool allowed : {false, true}) {
        hub.as_root(role_of(allowed ? std::vector{may(Action::write)} : std::vector{may(Action::read)}));
        world.credential = shown(hub.token);
        const uint64_t id = world.try_out(put("app/x"));
        REQUIRE(world.reply(id) != nullptr);
        CHECK((world.reply(id)->error.code == Code::ok) == allowed);
    }
}

TEST_CASE("a put with a lease needs lease", "[core][access]") {
    Asking hub(1);
    const PutRequest leased{"app/x", "v", LeaseId{7}, false};
    hub.as_root(role_of({may(Action::write)}));
    CHECK(hub.ask(leased, hub.token).error.code == Code::denied);
    hub.as_root(role_of({may(Action::write), may(Action::lease, KeyRange::one("app/x"))}));
    CHECK_FALSE(refused(hub.ask(leased, hub.token)));
}

TEST_CASE("a refusal says what is allowed", "[core][access]") {
    Asking hub(1);
    hub.as_root(role_of({may(Action::read, KeyRange::prefix("app/"))}));
    const Reply reply = hub.ask(SnapshotRequest{{"prefix", ""}, {}, {}, 0}, hub.token);
    CHECK(reply.error.detail == "user 'ann' may not read all keys; it may read prefix 'app/'");
}

TEST_CASE("the author of a change is who made it, whatever he says", "[core][access]") {
    for (const uint64_t members : {1, 3}) {
        Asking hub(members);
        hub.as_root(role_of({may(Action::read), may(Action::write)}));
        CHECK(hub.ask(put("k"), hub.token).error.code == Code::ok);  // says "tester"
        const auto history = std::get<HistoryReply>(hub.ask(HistoryRequest{"k", 0, {}}, hub.token).result);
        REQUIRE(history.versions.size() == 1);
        CHECK(history.versions[0].author == "ann");
    }
}

TEST_CASE("a token is good at every member, and not a moment longer than what it proves", "[core][access]") {
    Asking hub(3);
    hub.as_root(role_of({may(Action::read)}));
    const auto read = range(KeyRange::one("k"));
    for (hub.member = 1; hub.member <= 3; ++hub.member) CHECK(hub.ask(read, hub.token).error.code == Code::ok);
    hub.member = hub.cluster.other_than(hub.leader);

    SECTION("a changed password") {
        hub.as_root(user_of("ann", 2));
        for (hub.member = 1; hub.member <= 3; ++hub.member) {
            CHECK(hub.ask(read, hub.token).error.code == Code::unauthenticated);
        }
    }
    SECTION("a disabled user, whose writes too are refused by the leader") {
        hub.as_root(role_of({may(Action::write)}));
        CHECK(hub.ask(put("k"), hub.token).error.code == Code::ok);
        hub.as_root(user_of("ann", 1, true));
        for (hub.member = 1; hub.member <= 3; ++hub.member) {
            CHECK(hub.ask(read, hub.token).error.code == Code::unauthenticated);
            CHECK(hub.ask(put("k"), hub.token).error.code == Code::unauthenticated);
        }
    }
    SECTION("its time") {
        hub.cluster.run(270'000);
        CHECK(hub.ask(read, hub.token).error.code == Code::ok);
        const auto newer = std::get<AuthenticateReply>(hub.ask(AuthenticateRequest{}, hub.token).result);
        CHECK((newer.principal == "ann" && newer.valid_ms == 300'000));
        hub.cluster.run(61'000);  // and the leeway for clocks
        CHECK(hub.ask(read, hub.token).error.code == Code::unauthenticated);
        CHECK(hub.ask(read, newer.token).error.code == Code::ok);
    }
    SECTION("another leader") {
        hub.cluster.cut_off(hub.leader);
        const uint64_t before = hub.leader;
        hub.cluster.run_until([&] { return hub.cluster.leader() != 0 && hub.cluster.leader() != before; });
        CHECK(hub.ask(read, hub.token).error.code == Code::ok);
        CHECK(hub.ask(put("k"), hub.token).error.code == Code::denied);
    }
    SECTION("octets of it") {
        for (size_t at = 0; at < hub.token.size(); ++at) {
            Bytes other = hub.token;
            other[at] = other[at] == '0' ? '1' : '0';
            CHECK(hub.ask(read, other).error.code == Code::unauthenticated);
        }
    }
}

TEST_CASE("a write that a lagging follower lets through is refused by the leader", "[core][access]") {
    Asking hub(3);
    hub.as_root(role_of({may(Action::write)}));
    // This member hears nothing of the revoke, and takes the request meanwhile.
    hub.cluster.cut_off(hub.member);
    const uint64_t follower = hub.member;
    hub.member = hub.leader;
    hub.as_root(role_of({}));
    World& lagging = hub.cluster.at(follower);
    lagging.credential = shown(hub.token);
    const uint64_t id = lagging.send(put("k"));
    hub.cluster.reconnect(follower);
    hub.cluster.run_until([&] { return lagging.reply(id) != nullptr; });
    CHECK(lagging.reply(id)->error.code == Code::denied);
}

TEST_CASE("writes that are handed over with the office are done by the next leader in their author's name",
          "[core][access]") {
    Asking hub(3);
    hub.as_root(role_of({may(Action::write), may(Action::read)}));
    World& leader = hub.cluster.at(hub.leader);
    leader.credential = shown(root_token);
    leader.send(LeaderTransferRequest{hub.member});
    leader.credential = shown(hub.token);
    std::vector<uint64_t> ids;
    for (int i = 0; i < 5; ++i) ids.push_back(leader.send(put("k" + std::to_string(i))));
    CHECK(leader.reply(ids.back()) == nullptr);
    for (const uint64_t id : ids) {
        hub.cluster.run_until([&] { return leader.reply(id) != nullptr; });
        CHECK(leader.reply(id)->error.code == Code::ok);
    }
    CHECK(hub.cluster.leader() == hub.member);
    const auto history = std::get<HistoryReply>(hub.ask(HistoryRequest{"k4", 0, {}}, hub.token).result);
    REQUIRE(history.versions.size() == 1);
    CHECK(history.versions[0].author == "ann");
}

TEST_CASE("a read that waited for a revision is asked again when it has come", "[core][access]") {
    Asking hub(1);
    hub.as_root(role_of({may(Action::read)}));
    World& world = hub.cluster.at(1);
    auto later_read = range(KeyRange::one("app/x"));
    later_read.min_revision = Revision{world.core->revision().value + 1};
    world.credential = shown(hub.token);
    const uint64_t id = world.send(later_read);
    CHECK(world.reply(id) == nullptr);
    hub.as_root(role_of({}));
    hub.as_root(put("app/x"));
    hub.cluster.run_until([&] { return world.reply(id) != nullptr; });
    CHECK(world.reply(id)->error.code == Code::denied);
}

TEST_CASE("whoever shows a key is its user", "[core][access]") {
    Asking hub(1);
    hub.as_root(role_of({may(Action::read)}));
    hub.as_root(RecordChangeRequest{"auth/key/K1", false, auth::encode_key("ann"), {}});
    const auto read = range(KeyRange::one("k"));
    World& world = hub.cluster.at(1);
    CHECK(hub.ask(read, {}).error.code == Code::unauthenticated);
    world.public_key = shown("K1");
    CHECK(hub.ask(read, {}).error.code == Code::ok);
    hub.as_root(user_of("ann", 1, true));
    CHECK(hub.ask(read, {}).error.code == Code::unauthenticated);
    hub.as_root(user_of("ann"));
    CHECK(hub.ask(read, {}).error.code == Code::ok);
    CHECK(hub.ask(read, "t1-00").error.code == Code::unauthenticated);  // what is shown counts
    world.public_key = shown("K2");
    CHECK(hub.ask(read, {}).error.code == Code::unauthenticated);
}

TEST_CASE("the feed is for connections whose key's user may read everything; others get a stream", "[core][access]") {
    Asking hub(1);
    World& world = hub.cluster.at(1);
    REQUIRE(world.keys);
    CHECK_FALSE(world.keys->feed_open);
    hub.as_root(RecordChangeRequest{"auth/key/K1", false, auth::encode_key("ann"), {}});
    CHECK(world.keys->known == std::vector<Bytes>{"K1"});
    const auto streams = [&](const Bytes& credential) {
        const Reply reply = hub.ask(ChannelRequest{{"prefix", "app/"}}, credential);
        INFO(reply.error.detail);
        REQUIRE(reply.error.code == Code::ok);
        return std::get<ChannelReply>(reply.result).stream;
    };
    hub.as_root(role_of({may(Action::watch, KeyRange::prefix("app/"))}));
    CHECK(world.keys->feed.empty());
    world.public_key = shown("K1");
    CHECK(streams({}));
    hub.as_root(role_of({may(Action::watch)}));
    CHECK(world.keys->feed == std::vector<Bytes>{"K1"});
    CHECK_FALSE(streams({}));
    world.public_key = nullptr;
    CHECK(streams(hub.token));  // he may, but nothing tells the feed who he is
    hub.as_root(user_of("ann", 1, true));
    CHECK((world.keys->known.empty() && world.keys->feed.empty()));
}

TEST_CASE("a stream that waits is refused when its permission was taken away meanwhile", "[core][access]") {
    Asking hub(1);
    World& world = hub.cluster.at(1);
    const auto waiting = [&] {
        world.credential = shown(hub.token);
        ChangesRequest changes{{"prefix", "app/"}, world.core->revision(), {}, 0, 400};
        const uint64_t id = world.send(changes);
        CHECK(world.reply(id) == nullptr);
        return id;
    };
    hub.as_root(role_of({may(Action::watch, KeyRange::prefix("app/"))}));
    const uint64_t first = waiting();
    hub.as_root(put("app/x"));
    REQUIRE(world.reply(first) != nullptr);
    CHECK(std::get<ChangesReply>(world.reply(first)->result).changes.size() == 1);
    const uint64_t second = waiting(), third = waiting();
    hub.as_root(role_of({may(Action::watch, KeyRange::prefix("other/"))}));
    hub.as_root(put("app/x"));
    hub.cluster.run_until([&] { return world.reply(second) != nullptr && world.reply(third) != nullptr; });
    CHECK(world.reply(second)->error.code == Code::denied);
    CHECK(world.reply(third)->error.code == Code::denied);
}

TEST_CASE("wrong passwords: told, slowed, and no token", "[core][access]") {
    Asking hub(1);
    const Status wrong = Error{Code::unauthenticated, "the name or the password is wrong"};
    World& world = hub.cluster.at(1);
    world.audit.clear();
    for (int i = 0; i < 5; ++i) CHECK(hub.log_in_again("ann", wrong).error.code == Code::unauthenticated);
    REQUIRE(world.audit.size() == 5);
    CHECK(world.audit[0].event == Audit::Event::login_refused);
    CHECK(world.audit[0].principal == "ann");
    const Reply slowed = hub.log_in_again("ann", {});
    CHECK(slowed.error.code == Code::busy);
    CHECK(slowed.error.detail == "too many wrong passwords for this name: wait 1 s");
    CHECK(hub.log_in_again("bob", wrong).error.code == Code::unauthenticated);  // others are not slowed
    hub.cluster.run(1100);
    CHECK(hub.log_in_again("ann", {}).error.code == Code::ok);
    CHECK(world.audit.back().event == Audit::Event::login);
    CHECK(hub.log_in_again("nobody", {}).error.code == Code::unauthenticated);  // an authority that changed its mind
}

TEST_CASE("guesses: each one more waits twice as long, at most a minute; many names are bounded", "[core][access]") {
    Guesses guesses;
    uint64_t now_ms = 1'000'000;
    uint64_t longest_ms = 0;
    for (int i = 0; i < 20; ++i) {
        now_ms += guesses.wait_ms("ann", now_ms);
        CHECK(guesses.wait_ms("ann", now_ms) == 0);
        guesses.begin("ann", now_ms);
        longest_ms = std::max(longest_ms, guesses.wait_ms("ann", now_ms));
    }
    CHECK(longest_ms == 64'000);
    CHECK(guesses.wait_ms("ann", now_ms + 700'000) == 0);
    for (int i = 0; i < 10'000; ++i) guesses.begin("name" + std::to_string(i), now_ms);
    CHECK(guesses.wait_ms("ann", now_ms) > 0);  // who is being guessed stays
    guesses.succeeded("ann");
    CHECK(guesses.wait_ms("ann", now_ms) == 0);
}

TEST_CASE("refusals and what administrators do are told, with who and what, and no secret", "[core][access]") {
    Asking hub(3);
    World& world = hub.cluster.at(hub.member);
    World& leader = hub.cluster.at(hub.leader);
    world.audit.clear();
    leader.audit.clear();
    CHECK(hub.ask(range(KeyRange::one("k")), hub.token).error.code == Code::denied);
    REQUIRE(world.audit.size() == 1);
    CHECK(world.audit[0].principal == "ann");
    CHECK(world.audit[0].about == "range");
    CHECK(world.audit[0].outcome.code == Code::denied);
    world.audit.clear();
    hub.as_root(RecordChangeRequest{
        "auth/password/ann", false, auth::encode_password("$argon2id$v=19$m=65536,t=2,p=1$salt$hash"), {}});
    hub.cluster.run(200);
    for (const World* member : {&world, &leader}) {  // each member has it
        REQUIRE(member->audit.size() == 1);
        CHECK(member->audit[0].event == Audit::Event::administration);
        CHECK(member->audit[0].principal == "root");
        CHECK(member->audit[0].about == "set auth/password/ann");
    }
}

TEST_CASE("a change of the members is told with which one, when it begins", "[core][access]") {
    Asking hub(3);
    World& leader = hub.cluster.at(hub.leader);
    leader.audit.clear();
    using Kind = MemberChangeRequest::Kind;
    const std::pair<RequestOp, const char*> asked[] = {
        {MemberChangeRequest{Kind::add, 9, "tcp://10.0.0.9:7430"}, "begin member add 9 tcp://10.0.0.9:7430"},
        {MemberChangeRequest{Kind::remove, 9, {}}, "begin member remove 9"},
        {MemberChangeRequest{Kind::promote, 77, {}}, "begin member promote 77"},
        {LeaderTransferRequest{77}, "begin leader transfer 77"},
    };
    for (const auto& [op, about] : asked) {
        leader.audit.clear();
        (void)hub.ask(op, root_token);
        REQUIRE(leader.audit.size() == 1);
        CHECK(leader.audit[0].principal == "root");
        CHECK(leader.audit[0].about == about);
    }
}

TEST_CASE("status says of quotas and policies only to who administrates", "[core][access]") {
    Asking hub(1);
    const PolicyRule rule{std::string(quota_kind), encode_quota({5000, {}})};
    hub.as_root(RecordChangeRequest{policy_name("others/**"), false, encode_policy({"others/**", {rule}}), {}});
    const auto tells = [&](const Bytes& credential) {
        const Reply reply = hub.ask(StatusRequest{}, credential);
        REQUIRE(reply.error.code == Code::ok);
        const auto& figures = std::get<StatusReply>(reply.result).figures;
        CHECK(figures.size() > 20);
        return std::any_of(figures.begin(), figures.end(),
                           [](const auto& figure) { return figure.first.find("others") != std::string::npos; });
    };
    CHECK(tells(root_token));
    CHECK_FALSE(tells(hub.token));
    hub.as_root(role_of({may(Action::read)}));
    CHECK_FALSE(tells(hub.token));
    hub.as_root(role_of({may(Action::admin)}));
    CHECK(tells(hub.token));
}

TEST_CASE("a filter that matches more than it says shows no more than it says", "[core][access]") {
    static const belfry_filter_v1 boaster = [] {
        belfry_filter_v1 table = prefix_filter;
        table.kind = "boaster";  // its range is the prefix, and everything matches
        table.matches = [](const belfry_filter*, belfry_bytes, belfry_bytes) -> int32_t { return 1; };
        return table;
    }();
    Asking hub(1);
    World& world = hub.cluster.at(1);
    REQUIRE(world.filters.add(boaster));
    hub.as_root(role_of({may(Action::read, KeyRange::prefix("app/"))}));
    const Revision before = world.core->revision();
    hub.as_root(put("other/secret"));
    hub.as_root(put("app/x"));
    hub.as_root(DeleteRequest{KeyRange::one("other/secret"), false});
    const FilterSpec filter{"boaster", "app/"};
    const auto keys_of = [](const ChangesReply& reply) {
        std::vector<Bytes> keys;
        for (const ChangeSet& change : reply.changes) {
            for (const Event& event : change.events) keys.push_back(event.kv.key);
        }
        return keys;
    };
    const Reply changes = hub.ask(ChangesRequest{filter, before, {}, 0}, hub.token);
    REQUIRE(changes.error.code == Code::ok);
    CHECK(keys_of(std::get<ChangesReply>(changes.result)) == std::vector<Bytes>{"app/x"});
    const Reply snapshot = hub.ask(SnapshotRequest{filter, {}, {}, 0}, hub.token);
    REQUIRE(snapshot.error.code == Code::ok);
    CHECK(std::get<SnapshotReply>(snapshot.result).kvs.size() == 1);
    // And one that waits.
    world.credential = shown(hub.token);
    const uint64_t id = world.send(ChangesRequest{filter, world.core->revision(), {}, 0, 10'000});
    hub.as_root(put("other/secret"));
    hub.as_root(put("app/x"));
    hub.cluster.run_until([&] { return world.reply(id) != nullptr; });
    for (const Bytes& key : keys_of(std::get<ChangesReply>(world.reply(id)->result))) CHECK(key == "app/x");
}

TEST_CASE("records never show a secret, not even to root", "[core][access]") {
    Asking hub(1);
    hub.as_root(RecordChangeRequest{
        "auth/password/ann", false, auth::encode_password("$argon2id$v=19$m=65536,t=2,p=1$salt$hash"), {}});
    const auto records = std::get<RecordsReply>(hub.ask(RecordsRequest{"auth/", {}}, root_token).result).records;
    std::set<Bytes> names;
    for (const Record& record : records) {
        names.insert(record.name);
        CHECK(record.content.empty() == auth::is_secret(record.name));
    }
    CHECK(names == std::set<Bytes>{"auth/password/ann", "auth/role/role", "auth/secret", "auth/user/ann"});
}

TEST_CASE("a record that cannot be understood is refused before the log", "[core][access]") {
    Asking hub(1);
    CHECK(hub.ask(RecordChangeRequest{"auth/user/ann", false, "nonsense", {}}, root_token).error.code ==
          Code::invalid_argument);
    CHECK(hub.ask(RecordChangeRequest{"auth/user/root", false, auth::encode_user({}), {}}, root_token).error.code ==
          Code::invalid_argument);
    CHECK(hub.ask(range(KeyRange::one("k")), hub.token).error.code == Code::denied);  // as before
}

TEST_CASE("users survive a restart and a snapshot; the old root token does not", "[core][access]") {
    Asking hub(1);
    hub.as_root(role_of({may(Action::read)}));
    World& world = hub.cluster.at(1);
    hub.cluster.crash(1);
    world.options.root_token = "r1-another";
    hub.cluster.restart(1);
    hub.cluster.elect();
    CHECK(hub.ask(range(KeyRange::one("k")), hub.token).error.code == Code::ok);
    CHECK(hub.ask(RecordsRequest{}, root_token).error.code == Code::unauthenticated);
    CHECK(hub.ask(RecordsRequest{}, "r1-another").error.code == Code::ok);
}

TEST_CASE("auth_open serves everybody, until the cluster says that members must ask", "[core][access]") {
    World world;
    world.authority = authority_of(belfry_plugin_entry_auth_open);
    world.start();
    world.sync();
    CHECK(world.write(put("k")).error.code == Code::ok);
    CHECK(std::get<AuthenticateReply>(world.write(AuthenticateRequest{"ann", "a password", 0}).result).token.empty());
    CHECK(world.write(RecordChangeRequest{"auth/enabled", false, auth::encode_enabled(), {}}).error.code == Code::ok);
    const Reply closed = world.write(put("k"));
    CHECK(closed.error.code == Code::denied);
    CHECK(closed.error.detail.find("auth_rbac") != std::string::npos);
    CHECK(world.get("k").starts_with("(error: denied"));
}

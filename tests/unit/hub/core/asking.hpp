// A hub or a cluster that asks who somebody is (auth_rbac), and a user `ann` with one role; for the tests of access.
#pragma once

#include "sdk/protocol/auth_records.hpp"
#include "tests/unit/hub/core/cluster.hpp"

extern "C" const belfry_plugin_descriptor* belfry_plugin_entry_auth_open(const belfry_host_v1*, belfry_error*);
extern "C" const belfry_plugin_descriptor* belfry_plugin_entry_auth_rbac(const belfry_host_v1*, belfry_error*);

namespace belfry::hub::core {

using namespace belfry::protocol;
using auth::Action;
using auth::Permission;

inline constexpr const char* root_token = "r1-of-this-test";

inline std::unique_ptr<hub::plugin::Authority> authority_of(belfry_plugin_entry_function entry) {
    static const belfry_host_v1 host = {};
    const auto plugin = hub::plugin::link_plugin(entry, host);
    REQUIRE(plugin);
    auto opened = hub::plugin::Authority::open(host, *plugin->auth(), plugin->descriptor->name, {});
    REQUIRE(opened);
    return std::move(*opened);
}

inline Options asking_options() {
    Options options = World::default_options();
    options.root_token = root_token;
    options.entropy = Bytes(auth::secret_bytes, 'e');
    return options;
}

inline std::shared_ptr<const Bytes> shown(const Bytes& token) { return std::make_shared<const Bytes>(token); }

inline Permission may(Action action, KeyRange range) { return {static_cast<uint32_t>(action), std::move(range)}; }
inline Permission may(Action action) { return may(action, KeyRange::all()); }

inline RecordChangeRequest role_of(std::vector<Permission> permissions) {
    return {"auth/role/role", false, auth::encode_role({std::move(permissions)}), {}};
}
inline RecordChangeRequest user_of(const Bytes& name, uint64_t stamp = 1, bool disabled = false) {
    return {"auth/user/" + name, false, auth::encode_user({disabled, stamp, {"role"}}), {}};
}

inline RangeRequest range(KeyRange keys) {
    RangeRequest op;
    op.range = std::move(keys);
    return op;
}
inline PutRequest put(const Bytes& key) { return {key, "v", {}, false}; }

inline bool refused(const Reply& reply) {
    return reply.error.code == Code::denied || reply.error.code == Code::unauthenticated;
}

// A hub, or a cluster, that asks who somebody is; `ask` sends to the member under test.
struct Asking {
    explicit Asking(uint64_t members) : cluster(members, asking_options()) {
        for (uint64_t id = 1; id <= members; ++id) {
            cluster.crash(id);
            cluster.at(id).authority = authority_of(belfry_plugin_entry_auth_rbac);
            cluster.restart(id);
        }
        leader = cluster.elect();
        member = members == 1 ? leader : cluster.other_than(leader);
        as_root(put("app/x"));
        as_root(user_of("ann"));
        as_root(role_of({}));
        cluster.run(1500);  // the key for tokens is there, everywhere
        token = log_in("ann");
    }
    Reply ask(RequestOp op, const Bytes& credential) {
        cluster.at(member).credential = credential.empty() ? nullptr : shown(credential);
        return cluster.ask(member, std::move(op));
    }
    void as_root(RequestOp op) {
        const Reply reply = ask(std::move(op), root_token);
        INFO(reply.error.detail);
        REQUIRE(reply.error.code == Code::ok);
    }
    Bytes log_in(const Bytes& name) {
        World& world = cluster.at(member);
        world.logins.clear();
        world.credential = nullptr;
        const uint64_t id = world.send(AuthenticateRequest{name, "its password", 0});
        cluster.run_until([&] { return !world.logins.empty(); });
        CHECK(world.logins[0].password == "its password");
        world.step(PasswordChecked{world.logins[0].login, {}});
        world.flush();
        REQUIRE(world.reply(id) != nullptr);
        INFO(world.reply(id)->error.detail);
        REQUIRE(world.reply(id)->error.code == Code::ok);
        const auto reply = std::get<AuthenticateReply>(world.reply(id)->result);
        CHECK(reply.principal == name);
        return reply.token;
    }
    Reply log_in_again(const Bytes& name, Status verdict) {
        World& world = cluster.at(member);
        world.logins.clear();
        world.credential = nullptr;
        const uint64_t id = world.send(AuthenticateRequest{name, "its password", 0});
        cluster.run_until([&] { return !world.logins.empty() || world.reply(id) != nullptr; });
        if (!world.logins.empty()) world.step(PasswordChecked{world.logins[0].login, std::move(verdict)});
        world.flush();
        return *world.reply(id);
    }

    Cluster cluster;
    uint64_t leader = 0;
    uint64_t member = 0;
    Bytes token;
};

}  // namespace belfry::hub::core

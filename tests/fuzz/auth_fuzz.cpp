// Records of users and roles, and tokens: any octets are refused or understood; what was understood spells itself again,
// and no octets but a token's own are somebody.
#include <cstdlib>

#include "hub/core/access.hpp"
#include "hub/plugin/plugin.hpp"
#include "plugins/auth_rbac/rbac.hpp"

using namespace belfry;

extern "C" const belfry_plugin_descriptor* belfry_plugin_entry_auth_rbac(const belfry_host_v1*, belfry_error*);

namespace {

void require(bool condition) {
    if (!condition) std::abort();
}

void try_records(BytesView octets) {
    if (const auto user = auth::decode_user(octets)) require(auth::decode_user(auth::encode_user(*user)).ok());
    if (const auto role = auth::decode_role(octets)) {
        require(auth::decode_role(auth::encode_role(*role))->permissions == role->permissions);
    }
    (void)auth::decode_password(octets).ok();
    (void)auth::decode_key(octets).ok();
    (void)auth::decode_secret(octets).ok();
    const size_t zero = octets.find('\0');
    const BytesView name = octets.substr(0, zero),
                    content = zero == BytesView::npos ? BytesView() : octets.substr(zero + 1);
    for (const BytesView prefix : {auth::user_prefix, auth::role_prefix, auth::password_prefix, auth::key_prefix}) {
        (void)auth::check_record(Bytes(prefix) + Bytes(name), content).ok();
    }
    (void)auth::check_record(name, content).ok();
}

// One user, who may read one key.
struct Hub {
    Hub() {
        static const belfry_host_v1 host = {};
        const auto plugin = hub::plugin::link_plugin(belfry_plugin_entry_auth_rbac, host);
        authority = *hub::plugin::Authority::open(host, *plugin->auth(), "auth_rbac", {});
        access.emplace(authority.get(), "r1-root");
        access->load(true, {{"auth/secret", auth::encode_secret(Bytes(auth::secret_bytes, 's'))},
                            {"auth/user/ann", auth::encode_user({false, 1, {"r"}})},
                            {"auth/role/r", auth::encode_role({{{1, KeyRange::one("k")}}})}});
        token = *access->token_for("ann", 2'000'000);
    }
    std::unique_ptr<hub::plugin::Authority> authority;
    std::optional<hub::core::Access> access;
    Bytes token;
};

void try_token(BytesView octets) {
    static Hub hub;
    const Bytes credential(octets);
    const auto who = hub.access->identify(credential, 1'000'000);
    if (credential != "r1-root" && credential != hub.token) require(!who);
    // One octet of a real one exchanged.
    if (octets.size() < 2) return;
    Bytes other = hub.token;
    other[static_cast<unsigned char>(octets[0]) % other.size()] = octets[1];
    require(hub.access->identify(other, 1'000'000).ok() == (other == hub.token));
}

// Whatever a role says, only what is in one of its ranges is allowed.
void try_role(BytesView octets) {
    static const auto rbac =
        *auth_rbac::Rbac::open(plugin::AuthArguments{plugin::Host(), {}});  // it hashes a password: 50 ms
    const auto role = auth::decode_role(octets);
    if (!role || !auth::check_record("auth/role/r", octets)) return;
    const Bytes user = auth::encode_user({false, 1, {"r"}});
    const plugin::AuthRecord records[] = {{"auth/role/r", octets}, {"auth/user/ann", BytesView(user)}};
    require(rbac->load(records, true).ok());
    for (const Bytes& key : {Bytes("a"), Bytes("k"), Bytes("\0", 1), Bytes("\xff")}) {
        bool expected = false;
        for (const auto& permission : role->permissions) {
            expected = expected || ((permission.actions & BELFRY_ACTION_WRITE) != 0 && permission.range.contains(key));
        }
        require(rbac->authorize("ann", BELFRY_ACTION_WRITE, {key, true, {}}).ok() == expected);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const BytesView octets(reinterpret_cast<const char*>(data), size);
    try_records(octets);
    try_token(octets);
    try_role(octets);
    return 0;
}

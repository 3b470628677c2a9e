// Users and roles as the hub's own records: what they are called and what they say. Kept since 1.0; msgpack, any octets are
// refused or understood.
//
//     auth/enabled          [1]                                 every member must ask who somebody is
//     auth/user/NAME        [1, disabled b, stamp u, [role s*]] stamp: random, another one whenever what is out must end
//     auth/password/NAME    [1, hash s]                         secret; argon2id text (sdk/auth/secrets.hpp)
//     auth/key/KEY          [1, user s]                         who has this public key is that user
//     auth/role/NAME        [1, [[actions u, begin o, end o]*]] actions: a sum of Action; a range as in
//     sdk/base/key_range.hpp auth/secret           [1, key o]                          secret; what tokens are marked with
//
// Secret ones are never shown, not even to administrators; a backup holds them.
#pragma once

#include <string>
#include <vector>

#include "sdk/base/error.hpp"
#include "sdk/base/key_range.hpp"

namespace belfry::auth {

inline constexpr BytesView prefix = "auth/";
inline constexpr BytesView enabled_name = "auth/enabled";
inline constexpr BytesView secret_name = "auth/secret";
inline constexpr BytesView user_prefix = "auth/user/";
inline constexpr BytesView password_prefix = "auth/password/";
inline constexpr BytesView key_prefix = "auth/key/";
inline constexpr BytesView role_prefix = "auth/role/";

// Whoever can read a member's data directory. No record has this name.
inline constexpr BytesView root_name = "root";
// The author of what the hub does by itself (compaction). No record has this name either.
inline constexpr BytesView own_name = "belfry";

inline constexpr size_t name_bytes_max = 64;
inline constexpr size_t roles_per_user_max = 256;
inline constexpr size_t permissions_per_role_max = 1024;
inline constexpr size_t public_key_bytes_max = 256;
inline constexpr size_t secret_bytes = 32;

// On the wire, in records and in the plugin ABI (BELFRY_ACTION_...). Never reuse one.
enum class Action : uint32_t { read = 1, write = 2, erase = 4, watch = 8, lease = 16, admin = 32 };
inline constexpr uint32_t actions_all = 63;

// "read", "write", "delete", "watch", "lease", "admin"; static text.
const char* to_string(Action action);
// "read,write"; in the order of their numbers.
std::string actions_text(uint32_t actions);
// Words with commas between; `invalid_argument` naming what there is.
Result<uint32_t> parse_actions(std::string_view text);

struct Permission {
    uint32_t actions = 0;
    KeyRange range = KeyRange::all();  // admin: all keys, nothing less
    friend bool operator==(const Permission&, const Permission&) = default;
};
struct User {
    bool disabled = false;
    uint64_t stamp = 0;
    std::vector<std::string> roles;
};
struct Role {
    std::vector<Permission> permissions;
};

Bytes encode_enabled();
Bytes encode_user(const User& user);
Bytes encode_role(const Role& role);
Bytes encode_password(BytesView hash);
Bytes encode_key(BytesView user);
Bytes encode_secret(BytesView key);
Result<User> decode_user(BytesView content);
Result<Role> decode_role(BytesView content);
Result<std::string> decode_password(BytesView content);  // the hash; of any text
Result<std::string> decode_key(BytesView content);       // the user's name
Result<Bytes> decode_secret(BytesView content);

// 1 to 64 of letters, digits and . _ - @ +; `what` ("a user") opens the sentence.
Status check_name(std::string_view what, BytesView name);
// Is it a record that this release understands? The sentence says what is wrong.
Status check_record(BytesView name, BytesView content);
bool is_secret(BytesView name);

// "prefix 'app/'", "'app/port'", "['a', 'b')", "all keys"
std::string range_text(const KeyRange& range);

}  // namespace belfry::auth

#include "sdk/protocol/auth_records.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "sdk/base/limits.hpp"
#include "sdk/protocol/reader.hpp"
#include "sdk/protocol/writer.hpp"

namespace belfry::auth {

namespace {

using protocol::Reader;
using protocol::TokenBuffer;
using protocol::Writer;

constexpr uint64_t format = 1;
constexpr size_t password_hash_bytes_max = 128;
constexpr uint64_t memory_kib_min = 8 * 1024;
constexpr uint64_t memory_kib_max = 256 * 1024;
constexpr uint64_t passes_max = 16;
constexpr std::array all_actions = {Action::read,  Action::write, Action::erase,
                                    Action::watch, Action::lease, Action::admin};

Error invalid(std::string sentence) { return {Code::invalid_argument, std::move(sentence)}; }

// [1, ...]: `read` takes what follows the format, of which there are `fields`.
template <class Made, class Read>
Result<Made> decode(const char* what, BytesView content, size_t fields, Read read) {
    TokenBuffer tokens;
    if (Status status = protocol::tokenize(content, tokens.get()); !status) {
        return invalid(std::string(what) + ": " + status.error().detail);
    }
    Reader reader(tokens.get(), Code::invalid_argument);
    reader.array(what, 1 + fields, 1 + fields);
    if (reader.number("format") != format && reader.ok()) {
        reader.fail_with(Code::incompatible, std::string(what) + " of another format than " + std::to_string(format));
    }
    Made made{};
    if (reader.ok()) read(reader, made);
    if (!reader.ok()) return reader.error();
    return made;
}

template <class Write>
Bytes encode(size_t fields, Write write) {
    Bytes content;
    Writer writer(content);
    writer.array(1 + fields);
    writer.number(format);
    write(writer);
    return content;
}

Status check_range(const KeyRange& range) {
    if (range.begin.empty()) return invalid("a permission's range begins with an empty key; a zero octet is the first key");
    if (range.begin.size() > limits::key_bytes_max + 1 || range.end.size() > limits::key_bytes_max + 1) {
        return invalid("a permission's range is longer than any key");
    }
    if (!range.is_one() && !range.is_open() && range.end <= range.begin) {
        return invalid("a permission's range ends before it begins");
    }
    return {};
}

// ",t=2": takes the word and the number.
bool take_number(BytesView& text, BytesView word, uint64_t& number) {
    if (!text.starts_with(word)) return false;
    text.remove_prefix(word.size());
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc()) return false;
    text.remove_prefix(static_cast<size_t>(end - text.data()));
    return true;
}

// Costs that would make a login a weapon (over 256 MiB) or a guess cheap (under 8 MiB) are refused.
Status check_password_hash(BytesView hash) {
    BytesView text = hash;
    uint64_t version = 0, memory_kib = 0, passes = 0, lanes = 0;
    const bool read = take_number(text, "$argon2id$v=", version) && take_number(text, "$m=", memory_kib) &&
                      take_number(text, ",t=", passes) && take_number(text, ",p=", lanes) && text.starts_with("$");
    const bool bounded = version == 19 && memory_kib >= memory_kib_min && memory_kib <= memory_kib_max && passes >= 1 &&
                         passes <= passes_max && lanes == 1;
    const bool is_text = hash.size() < password_hash_bytes_max && hash.find('\0') == BytesView::npos;
    if (read && bounded && is_text) return {};
    return invalid("a password's hash is argon2id text with m from " + std::to_string(memory_kib_min) + " to " +
                   std::to_string(memory_kib_max) + ", t up to " + std::to_string(passes_max) + " and p=1");
}

Status check_user(BytesView content) {
    const auto user = decode_user(content);
    if (!user) return user.error();
    for (const std::string& role : user->roles) {
        if (Status named = check_name("a role", role); !named) return named;
    }
    return {};
}

Status check_role(BytesView content) {
    const auto role = decode_role(content);
    if (!role) return role.error();
    for (const Permission& permission : role->permissions) {
        if (permission.actions == 0 || (permission.actions & ~actions_all) != 0) {
            return invalid("a permission's actions are a sum of 1 to 32, not " + std::to_string(permission.actions));
        }
        if (Status checked = check_range(permission.range); !checked) return checked;
        const bool admin = (permission.actions & static_cast<uint32_t>(Action::admin)) != 0;
        if (admin && permission.range != KeyRange::all()) {
            return invalid("admin is about the whole cluster: give it without keys, as a permission of its own");
        }
    }
    return {};
}

}  // namespace

// ---- words ----

const char* to_string(Action action) {
    switch (action) {
        case Action::read: return "read";
        case Action::write: return "write";
        case Action::erase: return "delete";
        case Action::watch: return "watch";
        case Action::lease: return "lease";
        case Action::admin: return "admin";
    }
    return "unknown";
}

std::string actions_text(uint32_t actions) {
    std::string text;
    for (const Action action : all_actions) {
        if ((actions & static_cast<uint32_t>(action)) != 0)
            text += (text.empty() ? "" : ",") + std::string(to_string(action));
    }
    return text;
}

Result<uint32_t> parse_actions(std::string_view text) {
    uint32_t actions = 0;
    for (size_t at = 0; at <= text.size();) {
        const size_t comma = std::min(text.find(',', at), text.size());
        const std::string_view word = text.substr(at, comma - at);
        const auto found =
            std::find_if(all_actions.begin(), all_actions.end(), [&](Action action) { return to_string(action) == word; });
        if (found == all_actions.end()) {
            return invalid("'" + std::string(word) + "' is no action; there are " + actions_text(actions_all));
        }
        actions |= static_cast<uint32_t>(*found);
        at = comma + 1;
    }
    return actions;
}

std::string range_text(const KeyRange& range) {
    const auto quoted = [](const Bytes& key) { return "'" + key + "'"; };
    if (range.is_one()) return quoted(range.begin);
    if (range == KeyRange::all()) return "all keys";
    if (range.end == prefix_end(range.begin)) return "prefix " + quoted(range.begin);
    if (range.is_open()) return "from " + quoted(range.begin) + " on";
    return "[" + quoted(range.begin) + ", " + quoted(range.end) + ")";
}

Status check_name(std::string_view what, BytesView name) {
    const bool plain = std::all_of(name.begin(), name.end(), [](char octet) {
        return (octet >= 'a' && octet <= 'z') || (octet >= 'A' && octet <= 'Z') || (octet >= '0' && octet <= '9') ||
               BytesView("._-@+").find(octet) != BytesView::npos;
    });
    if (name.empty() || name.size() > name_bytes_max || !plain) {
        return invalid(std::string(what) + "'s name is 1 to " + std::to_string(name_bytes_max) +
                       " letters, digits and . _ - @ +");
    }
    if (name == root_name) {
        return invalid("'root' is whoever can read a member's data directory, no name for " + std::string(what));
    }
    if (name == own_name) return invalid("'belfry' is the hub itself, no name for " + std::string(what));
    return {};
}

bool is_secret(BytesView name) { return name == secret_name || name.starts_with(password_prefix); }

// ---- contents ----

Bytes encode_enabled() {
    return encode(0, [](Writer&) {});
}

Bytes encode_user(const User& user) {
    return encode(3, [&](Writer& writer) {
        writer.flag(user.disabled);
        writer.number(user.stamp);
        writer.array(user.roles.size());
        for (const std::string& role : user.roles) writer.text(role);
    });
}

Bytes encode_role(const Role& role) {
    return encode(1, [&](Writer& writer) {
        writer.array(role.permissions.size());
        for (const Permission& permission : role.permissions) {
            writer.array(3);
            writer.number(permission.actions);
            writer.bytes(permission.range.begin);
            writer.bytes(permission.range.end);
        }
    });
}

Bytes encode_password(BytesView hash) {
    return encode(1, [&](Writer& writer) { writer.text(hash); });
}
Bytes encode_key(BytesView user) {
    return encode(1, [&](Writer& writer) { writer.text(user); });
}
Bytes encode_secret(BytesView key) {
    return encode(1, [&](Writer& writer) { writer.bytes(key); });
}

Result<User> decode_user(BytesView content) {
    return decode<User>("user", content, 3, [](Reader& reader, User& user) {
        user.disabled = reader.flag("disabled");
        user.stamp = reader.number("stamp");
        const size_t roles = reader.array("roles", 0, roles_per_user_max);
        for (size_t i = 0; i < roles && reader.ok(); ++i) user.roles.emplace_back(reader.bytes("role"));
    });
}

Result<Role> decode_role(BytesView content) {
    return decode<Role>("role", content, 1, [](Reader& reader, Role& role) {
        const size_t permissions = reader.array("permissions", 0, permissions_per_role_max);
        for (size_t i = 0; i < permissions && reader.ok(); ++i) {
            reader.enter("permission", i);
            reader.array("permission", 3, 3);
            Permission permission;
            permission.actions = static_cast<uint32_t>(reader.number("actions", UINT32_MAX));
            permission.range.begin = reader.bytes("begin");
            permission.range.end = reader.bytes("end");
            role.permissions.push_back(std::move(permission));
        }
    });
}

Result<std::string> decode_password(BytesView content) {
    return decode<std::string>("password", content, 1,
                               [](Reader& reader, std::string& hash) { hash = reader.bytes("hash"); });
}
Result<std::string> decode_key(BytesView content) {
    return decode<std::string>("key", content, 1, [](Reader& reader, std::string& user) { user = reader.bytes("user"); });
}
Result<Bytes> decode_secret(BytesView content) {
    auto key = decode<Bytes>("secret", content, 1, [](Reader& reader, Bytes& octets) { octets = reader.bytes("key"); });
    if (key && key->size() != secret_bytes) return invalid("the secret has " + std::to_string(secret_bytes) + " octets");
    return key;
}

// ---- checked before they are taken ----

Status check_record(BytesView name, BytesView content) {
    const auto status_of = [](const auto& result) { return result ? Status() : Status(result.error()); };
    if (name == enabled_name) {
        return content == encode_enabled() ? Status() : Status(invalid("auth/enabled says nothing but its format"));
    }
    if (name == secret_name) return status_of(decode_secret(content));
    if (name.starts_with(user_prefix)) {
        const Status named = check_name("a user", name.substr(user_prefix.size()));
        return named ? check_user(content) : named;
    }
    if (name.starts_with(role_prefix)) {
        const Status named = check_name("a role", name.substr(role_prefix.size()));
        return named ? check_role(content) : named;
    }
    if (name.starts_with(password_prefix)) {
        if (Status named = check_name("a user", name.substr(password_prefix.size())); !named) return named;
        const auto hash = decode_password(content);
        return hash ? check_password_hash(*hash) : Status(hash.error());
    }
    if (name.starts_with(key_prefix)) {
        const size_t size = name.size() - key_prefix.size();
        if (size == 0 || size > public_key_bytes_max) return invalid("a public key has 1 to 256 octets");
        const auto user = decode_key(content);
        return user ? check_name("a user", *user) : Status(user.error());
    }
    return invalid("'" + Bytes(name) + "' is no record of users and roles that this hub knows");
}

}  // namespace belfry::auth

// `belfry user`, `belfry grant`, `belfry revoke`: who there is.
#include <algorithm>

#include "sdk/auth/secrets.hpp"
#include "sdk/base/random.hpp"
#include "sdk/cli/auth_records.hpp"
#include "sdk/cli/commands.hpp"
#include "sdk/cli/json_writer.hpp"
#include "sdk/cli/secrets.hpp"
#include "sdk/cli/text.hpp"
#include "sdk/cli/verbs.hpp"

namespace belfry::cli {
namespace {

using protocol::Record;

constexpr Flag user_flags[] = {
    {"roles", FlagKind::text, "ROLE,...", "add: what it may do"},
    {"new-password-file", FlagKind::text, "FILE", "add, passwd: the password, in a file; without it you are asked"},
    {"no-password", FlagKind::toggle, "", "add: it has keys alone (belfry user key add)"},
};

Bytes user_name(const std::string& name) { return Bytes(auth::user_prefix) + name; }
Bytes password_name(const std::string& name) { return Bytes(auth::password_prefix) + name; }

Result<std::string> new_password(Context& context) {
    if (context.has("new-password-file")) return read_secret_file(context.arguments.text("new-password-file"));
    auto once = ask_secret("new password: ");
    if (!once) return once;
    const auto again = ask_secret("once more: ");
    if (!again) return again;
    if (*once != *again) return Error{Code::invalid_argument, "the two are not the same"};
    return once;
}

Status set_password(Context& context, Client& client, const std::string& name) {
    auto password = new_password(context);
    if (!password) return password.error();
    const auto hash = auth::hash_password(*password);
    auth::wipe(*password);
    if (!hash) return hash.error();
    const auto written = write_record(client, password_name(name), auth::encode_password(*hash), std::nullopt);
    return written ? Status() : Status(written.error());
}

Status check_roles(Client& client, const std::vector<std::string>& roles) {
    for (const std::string& role : roles) {
        if (const auto found = read_role(client, role); !found) return found.error();
    }
    return {};
}

Result<std::vector<std::string>> keys_of(Client& client, const std::string& name) {
    const auto records = read_records(client, auth::key_prefix);
    if (!records) return records.error();
    std::vector<std::string> keys;
    for (const Record& record : *records) {
        const auto owner = auth::decode_key(record.content);
        if (owner && *owner == name) keys.push_back(record.name.substr(auth::key_prefix.size()));
    }
    return keys;
}

// Password and keys, if there are any.
Status remove_proofs(Client& client, const std::string& name) {
    const Status password = remove_record(client, password_name(name));
    if (!password && password.error().code != Code::conflict) return password;
    const auto keys = keys_of(client, name);
    if (!keys) return keys.error();
    for (const std::string& key : *keys) {
        const Status removed = remove_record(client, Bytes(auth::key_prefix) + key);
        if (!removed && removed.error().code != Code::conflict) return removed;
    }
    return {};
}

// The password first: a user that exists has it already. And before that, what a removal that ended in the middle has left
// of a former user of this name: he must not be the new one.
Exit add_user(Context& context, Client& client) {
    const std::string& name = context.word(1);
    if (auto named = auth::check_name("a user", name); !named) return context.fail(named.error());
    NamedUser user;
    user.user.stamp = random_u64();
    if (context.has("roles")) user.user.roles = split(context.arguments.text("roles"), ',');
    if (auto known = check_roles(client, user.user.roles); !known) return context.fail(known.error());
    const auto there = read_record(client, user_name(name));
    if (!there) return context.fail(there.error());
    if (*there) return context.fail({Code::conflict, "there is a user '" + name + "' already"});
    if (auto removed = remove_proofs(client, name); !removed) return context.fail(removed.error());
    if (!context.has("no-password")) {
        if (auto set = set_password(context, client, name); !set) return context.fail(set.error());
    }
    if (auto written = write_user(client, name, user); !written) return context.fail(written.error());
    return done(context, "user " + name + " added");
}

Exit change_password(Context& context, Client& client) {
    const std::string& name = context.word(1);
    if (const auto user = read_user(client, name); !user) return context.fail(user.error());
    if (auto set = set_password(context, client, name); !set) return context.fail(set.error());
    return done(context, "password changed; what was logged in with the old one is logged out");
}

Exit set_disabled(Context& context, Client& client, bool disabled) {
    const std::string& name = context.word(1);
    auto user = read_user(client, name);
    if (!user) return context.fail(user.error());
    user->user.disabled = disabled;
    user->user.stamp = random_u64();
    if (auto written = write_user(client, name, *user); !written) return context.fail(written.error());
    return done(context, "user " + name + (disabled ? " disabled" : " enabled"));
}

// What is left when this ends in the middle belongs to nobody.
Exit remove_user(Context& context, Client& client) {
    const std::string& name = context.word(1);
    if (auto removed = remove_record(client, user_name(name)); !removed) {
        if (removed.error().code != Code::conflict) return context.fail(removed.error());
        return context.fail({Code::not_found, "there is no user '" + printable(name, 64) + "'"});
    }
    if (auto removed = remove_proofs(client, name); !removed) return context.fail(removed.error());
    return done(context, "user " + name + " removed");
}

std::string roles_text(const auth::User& user) {
    std::string text;
    for (const std::string& role : user.roles) text += (text.empty() ? "" : ",") + role;
    return text;
}

Exit list_users(Context& context, Client& client) {
    const auto records = read_records(client, auth::user_prefix);
    if (!records) return context.fail(records.error());
    JsonWriter json;
    json.begin_array();
    for (const Record& record : *records) {
        const std::string name = record.name.substr(auth::user_prefix.size());
        const auto user = auth::decode_user(record.content);
        if (context.settings.json) {
            json.begin_object().field("name", name).field("disabled", user && user->disabled).name("roles").begin_array();
            if (user) {
                for (const std::string& role : user->roles) json.value(role);
            }
            json.end_array().end_object();
        } else {
            const std::string state = !user ? "(of a newer release)" : user->disabled ? "disabled" : "enabled";
            context.line(printable(name) + "\t" + state + "\t" + (user ? printable(roles_text(*user)) : ""));
        }
    }
    if (context.settings.json) context.line(json.end_array().take());
    return Exit::ok;
}

Exit show_user(Context& context, Client& client) {
    const std::string& name = context.word(1);
    const auto user = read_user(client, name);
    if (!user) return context.fail(user.error());
    const auto password = read_record(client, password_name(name));
    if (!password) return context.fail(password.error());
    const auto keys = keys_of(client, name);
    if (!keys) return context.fail(keys.error());
    if (context.settings.json) {
        JsonWriter json;
        json.begin_object().field("name", name).field("disabled", user->user.disabled);
        json.field("password", password->has_value()).name("roles").begin_array();
        for (const std::string& role : user->user.roles) json.value(role);
        json.end_array().name("keys").begin_array();
        for (const std::string& key : *keys) json.value(key);
        context.line(json.end_array().end_object().take());
        return Exit::ok;
    }
    context.line("name\t" + name);
    context.line(std::string("state\t") + (user->user.disabled ? "disabled" : "enabled"));
    context.line(std::string("password\t") + (password->has_value() ? "set" : "none"));
    for (const std::string& role : user->user.roles) context.line("role\t" + printable(role));
    for (const std::string& key : *keys) context.line("key\t" + printable(key));
    return Exit::ok;
}

Exit add_key(Context& context, Client& client) {
    const std::string& user = context.word(2);
    const Bytes name = Bytes(auth::key_prefix) + context.word(3);
    if (const auto known = read_user(client, user); !known) return context.fail(known.error());
    const auto there = read_record(client, name);
    if (!there) return context.fail(there.error());
    const auto owner = *there ? auth::decode_key((*there)->content) : Result<std::string>(user);
    if (!owner) return context.fail(owner.error());
    if (*owner != user) {
        return context.fail({Code::conflict, "this key is user '" + printable(*owner, 64) +
                                                 "' until it is taken away (belfry user key remove KEY)"});
    }
    const auto written = write_record(client, name, auth::encode_key(user), *there ? (*there)->version : 0);
    return written ? done(context, "whoever has this key's secret half is " + user) : context.fail(written.error());
}

Exit remove_key(Context& context, Client& client) {
    const auto removed = remove_record(client, Bytes(auth::key_prefix) + context.word(2));
    return removed ? done(context, "key removed") : context.fail(removed.error());
}

constexpr ClientVerb user_verbs[] = {
    {{"list", 1, 1, ""}, list_users},
    {{"add", 2, 2, " roles new-password-file no-password "}, add_user},
    {{"passwd", 2, 2, " new-password-file "}, change_password},
    {{"remove", 2, 2, ""}, remove_user},
    {{"show", 2, 2, ""}, show_user},
    {{"disable", 2, 2, ""}, [](Context& context, Client& client) { return set_disabled(context, client, true); }},
    {{"enable", 2, 2, ""}, [](Context& context, Client& client) { return set_disabled(context, client, false); }},
    {{"key", 4, 4, ""}, add_key},
    {{"key", 3, 3, ""}, remove_key},
};

Exit run_user(Context& context) {
    constexpr std::string_view usage =
        "write `user add|passwd|disable|enable|remove|show NAME`, `user list`, `user key add NAME KEY` or "
        "`user key remove KEY`";
    const size_t words = context.arguments.words().size();
    const bool of_keys = context.word(0) == "key" && words > 2;
    if (of_keys && context.word(1) != (words == 4 ? "add" : "remove")) return context.misuse(usage);
    if (context.has("no-password") && context.has("new-password-file")) {
        return context.misuse("--no-password or --new-password-file, not both");
    }
    return run_verb(context, user_verbs, usage);
}

Exit change_roles(Context& context, bool grants) {
    const std::string& name = context.word(0);
    const std::string& role = context.word(1);
    auto client = context.connect();
    if (!client) return context.fail(client.error());
    auto user = read_user(**client, name);
    if (!user) return context.fail(user.error());
    auto& roles = user->user.roles;
    const auto found = std::find(roles.begin(), roles.end(), role);
    if (grants) {
        if (const auto known = read_role(**client, role); !known) return context.fail(known.error());
        if (found != roles.end()) return done(context, "user " + name + " has it already");
        roles.push_back(role);
    } else {
        if (found == roles.end()) {
            return context.fail(
                {Code::not_found, "user '" + name + "' has no role '" + printable(role, 64) +
                                      "'; it has: " + (roles.empty() ? "none" : printable(roles_text(user->user)))});
        }
        roles.erase(found);
    }
    if (auto written = write_user(**client, name, *user); !written) return context.fail(written.error());
    return done(context, "user " + name + (grants ? " has role " : " has no more role ") + role);
}

Exit run_grant(Context& context) { return change_roles(context, true); }
Exit run_revoke(Context& context) { return change_roles(context, false); }

}  // namespace

const Command user_command = {
    .name = "user",
    .summary = "who may log in",
    .usage =
        "add NAME [--roles R,...] | passwd | disable | enable | remove | show NAME | list | key add NAME KEY | key remove "
        "KEY",
    .details =
        "Users are the cluster's (docs/auth.md). Their passwords are hashed here, with Argon2id; the hub never shows the\n"
        "hashes. A change is effective at once, on all members: who was logged in with the old password, or is disabled "
        "or\n"
        "removed, is logged out. A key is the public key of CURVE (belfry keygen) that a client connects with.\n\n"
        "  belfry user add ann --roles app\n"
        "  belfry user passwd ann --new-password-file new.txt\n"
        "  belfry user key add robot 'rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7'",
    .flags = user_flags,
    .words_min = 1,
    .words_max = 4,
    .run = run_user,
};

const Command grant_command = {
    .name = "grant",
    .summary = "give a user a role",
    .usage = "USER ROLE",
    .details = "Effective at once, on all members.\n\n  belfry grant ann app",
    .words_min = 2,
    .words_max = 2,
    .run = run_grant,
};

const Command revoke_command = {
    .name = "revoke",
    .summary = "take a role from a user",
    .usage = "USER ROLE",
    .details = "Effective at once, on all members.\n\n  belfry revoke ann app",
    .words_min = 2,
    .words_max = 2,
    .run = run_revoke,
};

}  // namespace belfry::cli

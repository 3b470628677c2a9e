// `belfry role`: what may be done.
#include <algorithm>

#include "sdk/cli/auth_records.hpp"
#include "sdk/cli/commands.hpp"
#include "sdk/cli/json_writer.hpp"
#include "sdk/cli/text.hpp"
#include "sdk/cli/verbs.hpp"

namespace belfry::cli {
namespace {

using auth::Permission;

constexpr Flag role_flags[] = {
    {"prefix", FlagKind::toggle, "", "KEY is a prefix: every key that begins so"},
    {"to", FlagKind::text, "KEY", "every key from KEY up to, but not with, this one"},
};

Bytes role_name(const std::string& name) { return Bytes(auth::role_prefix) + name; }

// ACTIONS [KEY] as a permission; without KEY: all keys.
Result<Permission> permission_of(Context& context) {
    const auto actions = auth::parse_actions(context.word(2));
    if (!actions) return actions.error();
    const bool has_key = context.arguments.words().size() == 4;
    Permission permission{*actions, KeyRange::all()};
    if (!has_key) {
        if (!context.has("prefix") && !context.has("to")) return permission;
        return Error{Code::invalid_argument, "--prefix and --to need a KEY"};
    }
    const std::string& key = context.word(3);
    if (key.empty()) return Error{Code::invalid_argument, "KEY is empty; leave it out for all keys"};
    if (context.has("prefix") && context.has("to")) return Error{Code::invalid_argument, "--prefix or --to, not both"};
    permission.range = context.has("prefix") ? KeyRange::prefix(key) : KeyRange{key, context.arguments.text("to")};
    return permission;
}

// One permission for each range.
void add_permission(auth::Role& role, const Permission& added) {
    for (Permission& permission : role.permissions) {
        if (permission.range == added.range) return void(permission.actions |= added.actions);
    }
    role.permissions.push_back(added);
}

// Admin is a permission of its own.
std::vector<Permission> parts_of(const Permission& permission) {
    constexpr auto admin = static_cast<uint32_t>(auth::Action::admin);
    std::vector<Permission> parts;
    if ((permission.actions & admin) != 0) parts.push_back({admin, permission.range});
    if ((permission.actions & ~admin) != 0) parts.push_back({permission.actions & ~admin, permission.range});
    return parts;
}

std::string permission_text(const Permission& permission) {
    const std::string actions = auth::actions_text(permission.actions);
    return actions + "\t" + (actions == "admin" ? "the cluster" : printable(auth::range_text(permission.range)));
}

Exit grant_permission(Context& context, Client& client) {
    const auto permission = permission_of(context);
    if (!permission) return context.misuse(permission.error().detail);
    auto role = read_role(client, context.word(1));
    if (!role) return context.fail(role.error());
    for (const Permission& part : parts_of(*permission)) add_permission(role->role, part);
    if (auto written = write_role(client, context.word(1), *role); !written) return context.fail(written.error());
    return done(context, "role " + context.word(1) + " may now also " + context.word(2));
}

Exit revoke_permission(Context& context, Client& client) {
    const auto permission = permission_of(context);
    if (!permission) return context.misuse(permission.error().detail);
    auto role = read_role(client, context.word(1));
    if (!role) return context.fail(role.error());
    auto& all = role->role.permissions;
    uint32_t left = permission->actions;
    for (Permission& one : all) {
        if (one.range != permission->range) continue;
        left &= ~one.actions;
        one.actions &= ~permission->actions;
    }
    if (left != 0) {
        return context.fail({Code::not_found, "the role has no permission to " + auth::actions_text(left) +
                                                  " exactly these "
                                                  "keys; `belfry role show " +
                                                  context.word(1) + "` lists what it has"});
    }
    std::erase_if(all, [](const Permission& one) { return one.actions == 0; });
    if (auto written = write_role(client, context.word(1), *role); !written) return context.fail(written.error());
    return done(context, "role " + context.word(1) + " may no more " + context.word(2));
}

Exit add_role(Context& context, Client& client) {
    const std::string& name = context.word(1);
    if (auto named = auth::check_name("a role", name); !named) return context.fail(named.error());
    const auto written = write_record(client, role_name(name), auth::encode_role({}), uint64_t{0});
    if (written) return done(context, "role " + name + " added; it may do nothing yet (belfry role grant)");
    if (written.error().code != Code::conflict) return context.fail(written.error());
    return context.fail({Code::conflict, "there is a role '" + name + "' already"});
}

Exit remove_role(Context& context, Client& client) {
    const std::string& name = context.word(1);
    const Status removed = remove_record(client, role_name(name));
    if (removed) return done(context, "role " + name + " removed; users that had it may do less");
    if (removed.error().code != Code::conflict) return context.fail(removed.error());
    return context.fail({Code::not_found, "there is no role '" + printable(name, 64) + "'"});
}

void write_permissions(JsonWriter& json, const auth::Role& role) {
    json.name("permissions").begin_array();
    for (const Permission& permission : role.permissions) {
        json.begin_object().field("actions", auth::actions_text(permission.actions));
        json.field("begin", permission.range.begin).field("end", permission.range.end);
        json.field("keys", auth::range_text(permission.range)).end_object();
    }
    json.end_array();
}

Exit show_role(Context& context, Client& client) {
    const auto role = read_role(client, context.word(1));
    if (!role) return context.fail(role.error());
    if (context.settings.json) {
        JsonWriter json;
        json.begin_object().field("name", context.word(1));
        write_permissions(json, role->role);
        context.line(json.end_object().take());
        return Exit::ok;
    }
    for (const Permission& permission : role->role.permissions) context.line(permission_text(permission));
    return Exit::ok;
}

Exit list_roles(Context& context, Client& client) {
    const auto records = read_records(client, auth::role_prefix);
    if (!records) return context.fail(records.error());
    JsonWriter json;
    json.begin_array();
    for (const protocol::Record& record : *records) {
        const std::string name = record.name.substr(auth::role_prefix.size());
        const auto role = auth::decode_role(record.content);
        if (context.settings.json) {
            json.begin_object().field("name", name);
            write_permissions(json, role ? *role : auth::Role());
            json.end_object();
            continue;
        }
        if (!role || role->permissions.empty())
            context.line(printable(name) + (role ? "\tnothing" : "\t(of a newer release)"));
        if (!role) continue;
        for (const Permission& permission : role->permissions) {
            context.line(printable(name) + "\t" + permission_text(permission));
        }
    }
    if (context.settings.json) context.line(json.end_array().take());
    return Exit::ok;
}

constexpr ClientVerb role_verbs[] = {
    {{"list", 1, 1, ""}, list_roles},
    {{"add", 2, 2, ""}, add_role},
    {{"remove", 2, 2, ""}, remove_role},
    {{"show", 2, 2, ""}, show_role},
    {{"grant", 3, 4, " prefix to "}, grant_permission},
    {{"revoke", 3, 4, " prefix to "}, revoke_permission},
};

Exit run_role(Context& context) {
    return run_verb(context, role_verbs,
                    "write `role add|remove|show NAME`, `role list` or `role grant|revoke NAME ACTIONS [KEY]`");
}

}  // namespace

const Command role_command = {
    .name = "role",
    .summary = "what users may do: actions and keys",
    .usage = "add NAME | remove NAME | list | show NAME | grant NAME ACTIONS [KEY [--prefix | --to KEY]] | revoke ...",
    .details =
        "ACTIONS: read, write, delete, watch, lease, admin, with commas between. Without KEY: all keys; admin is about "
        "the\n"
        "cluster and has none. Reading is also enough to watch. A user may do what any of its roles says. Effective at "
        "once, on\n"
        "all members.\n\n"
        "  belfry role add app\n"
        "  belfry role grant app read,write app/ --prefix\n"
        "  belfry role add ops && belfry role grant ops admin",
    .flags = role_flags,
    .words_min = 1,
    .words_max = 4,
    .run = run_role,
};

}  // namespace belfry::cli

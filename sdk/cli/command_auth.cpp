// `belfry auth`: must every member ask who somebody is? `belfry login`: a token in a file.
#include "sdk/base/limits.hpp"
#include "sdk/cli/auth_records.hpp"
#include "sdk/cli/commands.hpp"
#include "sdk/cli/json_writer.hpp"
#include "sdk/cli/reading.hpp"
#include "sdk/cli/secrets.hpp"

namespace belfry::cli {
namespace {

// ---- auth ----

// How many users can log in or connect, and how many of them may administrate.
struct Numbers {
    uint64_t users = 0;
    uint64_t administrators = 0;
    uint64_t roles = 0;
};

Result<Numbers> count(Client& client) {
    const auto users = read_records(client, auth::user_prefix);
    if (!users) return users.error();
    const auto roles = read_records(client, auth::role_prefix);
    if (!roles) return roles.error();
    Numbers numbers{users->size(), 0, roles->size()};
    for (const protocol::Record& record : *users) {
        const auto user = auth::decode_user(record.content);
        if (!user || user->disabled) continue;
        const auto admin = has_admin(client, *user);
        if (!admin) return admin.error();
        numbers.administrators += *admin ? 1 : 0;
    }
    return numbers;
}

Exit show_status(Context& context, Client& client) {
    const auto enabled = read_record(client, Bytes(auth::enabled_name));
    if (!enabled) return context.fail(enabled.error());
    const auto numbers = count(client);
    if (!numbers) return context.fail(numbers.error());
    const auto status = client.status();
    if (!status) return context.fail(status.error());
    std::string member = "unknown";
    for (const auto& [name, figure] : status->figures) {
        if (name != "auth") continue;
        if (const auto* text = std::get_if<std::string>(&figure)) member = *text;
    }
    if (context.settings.json) {
        JsonWriter json;
        json.begin_object().field("required", enabled->has_value()).field("this_member", member);
        json.field("users", numbers->users).field("administrators", numbers->administrators);
        context.line(json.field("roles", numbers->roles).end_object().take());
        return Exit::ok;
    }
    context.line(std::string("required of every member\t") + (enabled->has_value() ? "yes" : "no"));
    context.line("this member\t" + std::string(member == "open" ? "asks nobody (auth_open)" : "asks who somebody is"));
    context.line("users\t" + std::to_string(numbers->users));
    context.line("administrators\t" + std::to_string(numbers->administrators));
    context.line("roles\t" + std::to_string(numbers->roles));
    return Exit::ok;
}

Exit enable(Context& context, Client& client) {
    const auto numbers = count(client);
    if (!numbers) return context.fail(numbers.error());
    if (numbers->administrators == 0) {
        return context.fail({Code::conflict,
                             "no user may administrate: add one first (belfry role add ops; belfry role grant ops admin; "
                             "belfry user add NAME --roles ops)"});
    }
    const auto written = write_record(client, Bytes(auth::enabled_name), auth::encode_enabled(), std::nullopt);
    if (!written) return context.fail(written.error());
    return done(context, "every member must ask who somebody is; one that does not (auth_open) serves nobody");
}

Exit disable(Context& context, Client& client) {
    const Status removed = remove_record(client, Bytes(auth::enabled_name));
    if (!removed && removed.error().code == Code::conflict) return done(context, "it was not required");
    if (!removed) return context.fail(removed.error());
    return done(context, "members with auth_open serve everybody again; those with auth_rbac go on asking");
}

Exit run_auth(Context& context) {
    const std::string& what = context.word(0);
    Exit (*run)(Context&, Client&) = nullptr;
    if (what == "status") run = show_status;
    if (what == "enable") run = enable;
    if (what == "disable") run = disable;
    if (run == nullptr) return context.misuse("write `auth status`, `auth enable` or `auth disable`");
    auto client = context.connect();
    return client ? run(context, **client) : context.fail(client.error());
}

// ---- login ----

constexpr Flag login_flags[] = {
    {"for", FlagKind::duration, "TIME", "how long the token is to be good, at most 12h (5m)"},
    {"out", FlagKind::text, "FILE", "write it there, readable by you alone, for --token-file; without: print it"},
};

Exit run_login(Context& context) {
    const auto own = context.credentials();
    if (!own) return context.fail(own.error());
    if (own->user.empty() && own->token.empty())
        return context.misuse("who logs in? --user NAME, or --token-file for a newer one");
    auto client = context.connect();
    if (!client) return context.fail(client.error());
    const auto wanted = context.arguments.duration("for", std::chrono::milliseconds(limits::token_valid_ms));
    const auto reply = answer_of<protocol::AuthenticateReply>(
        (*client)->call(protocol::AuthenticateRequest{own->user, own->password, static_cast<uint64_t>(wanted.count())}));
    if (!reply) return context.fail(reply.error());
    if (reply->token.empty()) {
        return context.fail({Code::unsupported, "this hub asks nobody who he is (auth_open): there is no token"});
    }
    if (context.has("out")) {
        const std::string& path = context.arguments.text("out");
        if (auto written = write_secret_file(path, reply->token + "\n", true); !written)
            return context.fail(written.error());
        return done(context, reply->principal + ", for " + std::to_string(reply->valid_ms / 1000) + " s, in " + path);
    }
    if (context.settings.json) {
        JsonWriter json;
        json.begin_object().field("token", reply->token).field("valid_ms", reply->valid_ms);
        context.line(json.field("principal", reply->principal).end_object().take());
    } else {
        context.line(reply->token);
    }
    return Exit::ok;
}

}  // namespace

const Command auth_command = {
    .name = "auth",
    .summary = "must members ask who somebody is?",
    .usage = "status | enable | disable",
    .details =
        "Whether a member asks is its own setting ([auth] plugin in belfry.toml). `enable` makes it the cluster's rule: a "
        "member\n"
        "that asks nobody then serves nobody. It is refused as long as no user may administrate. docs/auth.md has the way\n"
        "from an open cluster to one that asks, and back in after a lock-out.\n\n"
        "  belfry --token-file /var/lib/belfry/root-token auth status",
    .words_min = 1,
    .words_max = 1,
    .run = run_auth,
};

const Command login_command = {
    .name = "login",
    .summary = "show a password once, get a token",
    .usage = "[--for TIME] [--out FILE]",
    .details =
        "The token says who you are until it ends, or until the password is changed. With --token-file instead of --user "
        "a\n"
        "token that is still good is exchanged for a newer one.\n\n"
        "  belfry login --user ann --for 8h --out ~/.belfry-token\n"
        "  belfry get app/port --token-file ~/.belfry-token",
    .flags = login_flags,
    .run = run_login,
};

}  // namespace belfry::cli

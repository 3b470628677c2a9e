#include "sdk/cli/commands.hpp"

#include <array>

#include "sdk/cli/service.hpp"
#include "sdk/cli/text.hpp"

namespace belfry::cli {
namespace {

const std::array command_table = {
    &put_command,      &get_command,       &del_command,    &txn_command,     &watch_command,      &history_command,
    &diff_command,     &log_command,       &lease_command,  &lock_command,    &semaphore_command,  &elect_command,
    &agent_command,    &queue_command,     &job_command,    &barrier_command, &presence_command,   &counter_command,
    &once_command,     &service_command,   &import_command, &export_command,  &status_command,     &compact_command,
    &digest_command,   &subscribe_command, &bench_command,  &member_command,  &leader_command,     &keygen_command,
    &snapshot_command, &policy_command,    &user_command,   &role_command,    &grant_command,      &revoke_command,
    &auth_command,     &login_command,     &plugin_command, &store_command,   &completion_command, &version_command,
    &help_command,
};

constexpr Flag common[] = {
    {"endpoint", FlagKind::text, "ADDRESS",
     "the hub's request endpoints, comma between (BELFRY_ENDPOINT; tcp://127.0.0.1:7420)"},
    {"feed", FlagKind::text, "ADDRESS",
     "the hub's feed endpoints, one for each --endpoint (BELFRY_FEED; tcp://127.0.0.1:7421 beside the default endpoint)"},
    {"server-key", FlagKind::text, "KEY",
     "the hub's public key, or one for each endpoint, comma between (BELFRY_SERVER_KEY; none: not encrypted)"},
    {"key-file", FlagKind::text, "FILE", "this client's keys, as `belfry keygen` wrote them (BELFRY_KEY_FILE)"},
    {"timeout", FlagKind::duration, "TIME", "how long one request may take (BELFRY_TIMEOUT; 5s)"},
    {"output", FlagKind::text, "text|json",
     "json: one document, or one line per item where a command streams (BELFRY_OUTPUT; text)", 'o'},
    {"author", FlagKind::text, "NAME", "recorded with every change (BELFRY_AUTHOR; user@host)"},
    {"user", FlagKind::text, "NAME", "who you are, where the hub asks; then a password is needed (BELFRY_USER)"},
    {"password-file", FlagKind::text, "FILE", "that password; without it you are asked (BELFRY_PASSWORD_FILE)"},
    {"token-file", FlagKind::text, "FILE",
     "instead: a token of `belfry login`, or DATA_DIR/root-token of the hub on this machine (BELFRY_TOKEN_FILE)"},
    {"help", FlagKind::toggle, "", "what this command does", 'h'},
};

// A flag, else its variable, else the fallback.
std::string setting(const Arguments& arguments, std::string_view flag, const char* variable, std::string_view fallback,
                    const char* (*environment)(const char*)) {
    if (arguments.has(flag)) return arguments.text(flag);
    const char* text = environment(variable);
    return text != nullptr && *text != '\0' ? std::string(text) : std::string(fallback);
}

Result<Settings> settings_of(const Arguments& arguments, const char* (*environment)(const char*)) {
    Settings settings;
    settings.endpoints = split(setting(arguments, "endpoint", "BELFRY_ENDPOINT", default_endpoint, environment), ',');
    // The feed belongs to the endpoints: what a variable says of others is not about those on the command line.
    const bool other_hub = arguments.has("endpoint") && !arguments.has("feed");
    const std::string feed = other_hub ? "" : setting(arguments, "feed", "BELFRY_FEED", "", environment);
    settings.feeds = split(feed, ',');
    settings.server_keys = split(setting(arguments, "server-key", "BELFRY_SERVER_KEY", "", environment), ',');
    settings.key_file = setting(arguments, "key-file", "BELFRY_KEY_FILE", "", environment);
    settings.author = setting(arguments, "author", "BELFRY_AUTHOR", "", environment);
    settings.user = setting(arguments, "user", "BELFRY_USER", "", environment);
    settings.password_file = setting(arguments, "password-file", "BELFRY_PASSWORD_FILE", "", environment);
    settings.token_file = setting(arguments, "token-file", "BELFRY_TOKEN_FILE", "", environment);
    // One of them on the command line stands before the other in a variable.
    if (arguments.has("user") && !arguments.has("token-file")) settings.token_file.clear();
    if (arguments.has("token-file") && !arguments.has("user")) settings.user.clear();
    if (settings.endpoints.empty()) return Error{Code::invalid_argument, "--endpoint: no address given"};
    if (!settings.feeds.empty() && settings.feeds.size() != settings.endpoints.size())
        return Error{Code::invalid_argument, "--feed: one address for each of --endpoint, in the same order"};
    const std::string output = setting(arguments, "output", "BELFRY_OUTPUT", "text", environment);
    if (output != "text" && output != "json") {
        return Error{Code::invalid_argument, "--output: '" + printable(output, 40) + "' is neither text nor json"};
    }
    settings.json = output == "json";
    const auto timeout = parse_duration(setting(arguments, "timeout", "BELFRY_TIMEOUT", "5s", environment));
    if (!timeout) return Error{Code::invalid_argument, "--timeout: " + timeout.error().detail};
    settings.timeout = *timeout;
    return settings;
}

// The command is the first word that is no common flag and no common flag's value.
size_t command_place(std::span<const std::string> line) {
    size_t place = 0;
    while (place < line.size() && line[place].size() > 1 && line[place][0] == '-') {
        bool takes_next = false;
        for (const Flag& flag : common) {
            const bool named = line[place] == "--" + std::string(flag.name) ||
                               (flag.letter != 0 && line[place] == std::string("-") + flag.letter);
            takes_next = takes_next || (named && flag.kind != FlagKind::toggle);
        }
        place += takes_next ? 2 : 1;
    }
    return std::min(place, line.size());
}

Exit unknown_command(const std::string& name, std::ostream& err) {
    std::vector<std::string_view> names;
    for (const Command* command : command_table) names.push_back(command->name);
    const std::string_view near = nearest(name, names);
    err << "belfry: unknown command '" << printable(name, 40) << "'";
    if (!near.empty()) err << "; did you mean '" << near << "'?";
    err << "\n`belfry help` lists them\n";
    return Exit::usage;
}

}  // namespace

std::span<const Command* const> commands() { return command_table; }

const Command* find_command(std::string_view name) {
    for (const Command* command : command_table) {
        if (command->name == name) return command;
    }
    return nullptr;
}

std::span<const Flag> common_flags() { return common; }

Exit run(std::span<const std::string> line, Streams streams, const char* (*environment)(const char*)) {
    const size_t place = command_place(line);
    const std::string name = place < line.size() ? line[place] : "";
    const Command* command = find_command(name);
    if (command == nullptr && !name.empty()) return unknown_command(name, streams.err);

    std::vector<Flag> flags(std::begin(common), std::end(common));
    if (command != nullptr) flags.insert(flags.end(), command->flags.begin(), command->flags.end());
    std::vector<std::string> rest(line.begin(), line.begin() + static_cast<ptrdiff_t>(place));
    if (place < line.size()) rest.insert(rest.end(), line.begin() + static_cast<ptrdiff_t>(place) + 1, line.end());

    auto arguments = Arguments::parse(rest, flags);
    if (!arguments) {
        streams.err << "belfry " << name << (name.empty() ? "" : ": ") << arguments.error().detail << "\n`belfry help "
                    << name << "` lists the flags\n";
        return Exit::usage;
    }
    if (command == nullptr || arguments->has("help")) {
        streams.out << (command == nullptr ? overview() : manual(*command));
        return command == nullptr && !arguments->has("help") ? Exit::usage : Exit::ok;
    }
    auto settings = settings_of(*arguments, environment);
    if (!settings) {
        streams.err << "belfry " << name << ": " << settings.error().detail << '\n';
        return Exit::usage;
    }
    Context context(*command, std::move(*arguments), std::move(*settings), streams);
    const size_t words = context.arguments.words().size();
    if (words < command->words_min) return context.misuse("a word is missing");
    if (words > command->words_max) {
        return context.misuse("too many words; put quotes round a value with blanks (first surplus: '" +
                              printable(context.word(command->words_max), 40) + "')");
    }
    const Exit exit = command->run(context);
    context.out.flush();
    if ((!context.out || context.was_unread()) && exit == Exit::ok) return Exit::other;
    return exit;
}

}  // namespace belfry::cli

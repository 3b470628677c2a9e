// `belfry help`, `belfry version`, `belfry completion`: what can be told from the table alone.
#include <algorithm>
#include <string>

#include "sdk/cli/commands.hpp"
#include "sdk/cli/json_writer.hpp"
#include "sdk/protocol/messages.hpp"

#ifndef BELFRY_VERSION
#define BELFRY_VERSION "unknown"
#endif

namespace belfry::cli {
namespace {

std::string padded(std::string text, size_t width) {
    text.resize(std::max(width, text.size()), ' ');
    return text;
}

std::string flag_heading(const Flag& flag) {
    std::string text = flag.letter == 0 ? "    " : std::string("-") + flag.letter + ", ";
    text += "--" + std::string(flag.name);
    if (!flag.value.empty()) text += " " + std::string(flag.value);
    return text;
}

std::string flag_lines(std::span<const Flag> flags) {
    size_t width = 0;
    for (const Flag& flag : flags) width = std::max(width, flag_heading(flag).size());
    std::string text;
    for (const Flag& flag : flags) text += "  " + padded(flag_heading(flag), width + 2) + std::string(flag.help) + "\n";
    return text;
}

constexpr std::string_view exit_codes =
    "Exit codes: 0 ok, 1 not found / compare failed / different, 2 usage, 3 unavailable (not done), 4 uncertain (perhaps\n"
    "done), 5 refused, 6 compacted, 7 other. A command that runs another program answers as that one did; 126, 127 if it\n"
    "could not be run, 128 + N if signal N ended it.\n";

Exit run_help(Context& context) {
    if (context.arguments.words().empty()) return context.out << overview(), Exit::ok;
    const Command* command = find_command(context.word(0));
    if (command == nullptr) return context.misuse("there is no command '" + context.word(0) + "'");
    context.out << manual(*command);
    return Exit::ok;
}

Exit run_version(Context& context) {
    if (context.settings.json) {
        JsonWriter json;
        json.begin_object().field("version", BELFRY_VERSION).field("protocol", protocol::protocol_version).end_object();
        context.line(json.take());
    } else {
        context.line("belfry " BELFRY_VERSION ", protocol " + std::to_string(protocol::protocol_version));
    }
    return Exit::ok;
}

Exit run_completion(Context& context) {
    if (context.word(0) != "bash") return context.misuse("only bash is known");
    context.out << bash_completion();
    return Exit::ok;
}

}  // namespace

std::string overview() {
    std::string text =
        "belfry: talk to a Belfry configuration hub\n\n"
        "usage: belfry [FLAGS] COMMAND ...\n\n";
    for (const Command* command : commands()) {
        text += "  " + padded(std::string(command->name), 12) + std::string(command->summary) + "\n";
    }
    text += "\nFlags of every command:\n" + flag_lines(common_flags());
    text += "\n" + std::string(exit_codes);
    text +=
        "\nFirst steps:\n"
        "  belfry put greeting hello\n"
        "  belfry get greeting\n"
        "  belfry watch ''                    # every change, as it happens\n"
        "  belfry help put                    # more about one command\n";
    return text;
}

std::string manual(const Command& command) {
    std::string text = "belfry " + std::string(command.name) + ": " + std::string(command.summary) + "\n\n";
    text += "usage: belfry " + std::string(command.name) + " " + std::string(command.usage) + "\n";
    if (!command.details.empty()) text += "\n" + std::string(command.details) + "\n";
    if (!command.flags.empty()) text += "\nFlags:\n" + flag_lines(command.flags);
    text += "\nFlags of every command:\n" + flag_lines(common_flags());
    return text + "\n" + std::string(exit_codes);
}

const Command help_command = {
    .name = "help",
    .summary = "this list, or the manual of one command",
    .usage = "[COMMAND]",
    .words_max = 1,
    .run = run_help,
};

const Command version_command = {
    .name = "version",
    .summary = "version of this program and of the protocol it speaks",
    .run = run_version,
};

const Command completion_command = {
    .name = "completion",
    .summary = "a completion script for a shell",
    .usage = "bash",
    .details = "  source <(belfry completion bash)",
    .words_min = 1,
    .words_max = 1,
    .run = run_completion,
};

}  // namespace belfry::cli

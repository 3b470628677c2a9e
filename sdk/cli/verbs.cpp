#include "sdk/cli/verbs.hpp"

namespace belfry::cli {

bool are_flags_of(const Context& context, const Verb& verb) {
    for (const Flag& flag : context.command.flags) {
        const std::string name(flag.name);
        if (!context.has(name) || verb.flags.find(" " + name + " ") != std::string_view::npos) continue;
        context.misuse("--" + name + " is not of `" + std::string(context.command.name) + " " + std::string(verb.name) +
                       "`");
        return false;
    }
    return true;
}

Exit run_verb(Context& context, std::span<const ContextVerb> verbs, std::string_view usage) {
    const ContextVerb* row = find_verb(context, verbs);
    if (row == nullptr) return context.misuse(usage);
    return are_flags_of(context, row->verb) ? row->run(context) : Exit::usage;
}

Exit run_verb(Context& context, std::span<const ClientVerb> verbs, std::string_view usage) {
    const ClientVerb* row = find_verb(context, verbs);
    if (row == nullptr) return context.misuse(usage);
    if (!are_flags_of(context, row->verb)) return Exit::usage;
    auto client = context.connect();
    return client ? row->run(context, **client) : context.fail(client.error());
}

}  // namespace belfry::cli

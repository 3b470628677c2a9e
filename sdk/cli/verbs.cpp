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

}  // namespace belfry::cli

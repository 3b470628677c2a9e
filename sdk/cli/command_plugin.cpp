#include "sdk/cli/commands.hpp"

namespace belfry::cli {
namespace {

constexpr Flag flags[] = {
    {"verbose", FlagKind::toggle, "", "every check, not only those that failed", 'v'},
};

Exit run_plugin(Context& context) {
    if (context.word(0) != "check") return context.misuse("only `plugin check FILE.so` is known");
    return context.fail({Code::unsupported, "plugin check is not part of this build"});
}

}  // namespace

const Command plugin_command = {
    .name = "plugin",
    .summary = "examine a plugin: what it is, and whether it keeps its contract",
    .usage = "check FILE.so [-v]",
    .details =
        "Loads the file into this process, prints its descriptor and runs the conformance suite of each of its kinds in\n"
        "a temporary folder. Exit 0 if all hold, 1 if one does not. Only check files you would also run.",
    .flags = flags,
    .words_min = 2,
    .words_max = 2,
    .run = run_plugin,
};

}  // namespace belfry::cli

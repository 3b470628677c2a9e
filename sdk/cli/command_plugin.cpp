#include "sdk/cli/commands.hpp"
#include "sdk/cli/json_writer.hpp"
#include "sdk/cli/text.hpp"
#include "sdk/testing/plugin_check.hpp"

namespace belfry::cli {
namespace {

constexpr Flag flags[] = {
    {"verbose", FlagKind::toggle, "", "every check, not only those that failed", 'v'},
};

void print_json(Context& context, const testing::Report& report, const std::string& about) {
    JsonWriter json;
    json.begin_object().field("file", context.word(1)).field("about", about).field("passed", report.passed());
    json.field("failures", report.failures()).name("checks").begin_array();
    for (const testing::Check& check : report.checks) {
        json.begin_object().field("name", check.name).field("passed", check.passed);
        if (!check.sentence.empty()) json.field("sentence", check.sentence);
        json.end_object();
    }
    context.line(json.end_array().end_object().take());
}

void print_text(Context& context, const testing::Report& report, const std::string& about) {
    context.out << about;
    if (!about.empty() && about.back() != '\n') context.out << '\n';
    for (const testing::Check& check : report.checks) {
        if (check.passed && !context.has("verbose")) continue;
        context.line((check.passed ? "ok    " : "FAIL  ") + check.name +
                     (check.sentence.empty() ? "" : ": " + check.sentence));
    }
    const uint64_t failures = report.failures();
    context.line(plural(report.checks.size(), "check") + ", " + plural(failures, "failure"));
}

Exit run_plugin(Context& context) {
    if (context.word(0) != "check") return context.misuse("only `plugin check FILE.so` is known");
    std::string about;
    const testing::Report report = testing::check_plugin(context.word(1), &about);
    if (context.settings.json) {
        print_json(context, report, about);
    } else {
        print_text(context, report, about);
    }
    return report.passed() ? Exit::ok : Exit::negative;
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

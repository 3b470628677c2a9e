#include "sdk/cli/commands.hpp"
#include "sdk/cli/json_writer.hpp"
#include "sdk/cli/scaffold.hpp"
#include "sdk/cli/text.hpp"
#include "sdk/cli/verbs.hpp"
#include "sdk/testing/plugin_check.hpp"

namespace belfry::cli {
namespace {

constexpr size_t words_max = 64;

constexpr Flag plugin_flags[] = {
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

Exit check(Context& context) {
    std::string about;
    const std::vector<std::string>& words = context.arguments.words();
    const testing::Report report = testing::check_plugin(context.word(1), &about, {words.begin() + 2, words.end()});
    if (context.settings.json) {
        print_json(context, report, about);
    } else {
        print_text(context, report, about);
    }
    return report.passed() ? Exit::ok : Exit::negative;
}

Exit make_new(Context& context) {
    const std::string& name = context.word(2);
    const std::string directory = context.arguments.words().size() == 4 ? context.word(3) : name;
    const auto files = make_scaffold(context.word(1), name);
    if (!files) return context.fail(files.error());
    if (Status status = write_scaffold(directory, *files); !status) return context.fail(status.error());
    if (context.settings.json) {
        JsonWriter json;
        json.begin_object().field("name", name).field("directory", directory).name("files").begin_array();
        for (const auto& [file, octets] : *files) json.value(file);
        context.line(json.end_array().end_object().take());
        return Exit::ok;
    }
    for (const auto& [file, octets] : *files) context.line(printable(directory + "/" + file));
    context.note("now: cd " + printable(directory) +
                 " && cmake -S . -B build && cmake --build build && ctest --test-dir build");
    return Exit::ok;
}

constexpr ContextVerb plugin_verbs[] = {
    {{"new", 3, 4, ""}, make_new},
    {{"check", 2, words_max, " verbose "}, check},
    {{"list", 1, 1, ""}, list_plugins},
};

Exit run_plugin(Context& context) {
    return run_verb(context, plugin_verbs,
                    "write plugin new KIND NAME [DIR], plugin check FILE.so [SPEC]... or plugin list");
}

}  // namespace

const Command plugin_command = {
    .name = "plugin",
    .summary = "plugins: begin a new one, check one, list those of a cluster",
    .usage = "new KIND NAME [DIR] | check FILE.so [SPEC]... [-v] | list",
    .details =
        "`new` writes a project into DIR (or ./NAME): a small plugin that works, and a test. KIND is filter, validator,\n"
        "state_store, log_store or transport.\n"
        "`check` loads the file into this process, prints its descriptor and runs the conformance suite of each of its "
        "kinds "
        "in\n"
        "a temporary folder. SPECs are such as its filters and validators must take, for languages that random ones are "
        "not in.\n"
        "Exit 0 if all hold, 1 if one does not. Only check files you would also run.\n"
        "`list` asks each endpoint what it runs and says where members differ (exit 1). '*' = that member uses it; all "
        "others "
        "are\n"
        "only there to be chosen.\n\n"
        "  belfry plugin new state_store storage_mine\n"
        "  belfry plugin check ./storage_mine.so\n"
        "  belfry plugin check ./filter_depth.so 1 3\n"
        "  belfry plugin list --endpoint tcp://10.0.0.1:7420,tcp://10.0.0.2:7420,tcp://10.0.0.3:7420",
    .flags = plugin_flags,
    .words_min = 1,
    .words_max = words_max,
    .run = run_plugin,
};

}  // namespace belfry::cli

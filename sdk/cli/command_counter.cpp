#include "sdk/recipes/counter.hpp"

#include <charconv>

#include "sdk/cli/commands.hpp"
#include "sdk/cli/json_writer.hpp"
#include "sdk/cli/text.hpp"

namespace belfry::cli {
namespace {

constexpr Flag counter_flags[] = {
    {"add", FlagKind::text, "N", "add so much, which may be below 0, and print the number afterwards"},
    {"set", FlagKind::text, "N", "set it, whatever it was"},
};

Result<int64_t> number_of(const Context& context, std::string_view flag) {
    const std::string text = context.arguments.text(flag);
    int64_t number = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
    if (parsed.ec == std::errc() && parsed.ptr == text.data() + text.size()) return number;
    return Error{Code::invalid_argument,
                 "--" + std::string(flag) + ": '" + printable(text, 40) + "' is no whole number of 64 bits"};
}

Result<int64_t> count(const Context& context, const Counter& counter, int64_t number) {
    if (context.has("add")) return counter.add(number);
    if (!context.has("set")) return counter.get();
    const Status done = counter.set(number);
    if (!done) return done.error();
    return number;
}

Exit run_counter(Context& context) {
    if (context.has("add") && context.has("set")) return context.misuse("--add and --set exclude one another");
    Result<int64_t> number = 0;
    for (const char* flag : {"add", "set"}) {
        if (context.has(flag)) number = number_of(context, flag);
        if (!number) return context.misuse(number.error().detail);
    }
    auto client = context.connect();
    if (!client) return context.fail(client.error());
    const auto now = count(context, Counter(*client, context.word(0)), *number);
    if (!now) return context.fail(now.error());
    // JSON's numbers are doubles to many readers: a text is exact.
    const std::string text = std::to_string(*now);
    JsonWriter json;
    context.line(context.settings.json ? json.begin_object().field("value", text).end_object().take() : text);
    return Exit::ok;
}

}  // namespace

const Command counter_command = {
    .name = "counter",
    .summary = "a whole number that many count up: read it, add to it, set it",
    .usage = "NAME [--add N | --set N]",
    .details =
        "Prints the number that the key NAME holds, in decimal; 0 if there is none. --add changes it by N, exactly once\n"
        "whatever answers are lost, and prints what it is afterwards: nobody else gets the same from --add 1. Exit 5 if "
        "it\n"
        "would overflow 64 bits, or the key holds something else; 4 if nobody knows whether it was done.\n\n"
        "  belfry counter shop/tickets --add 1\n"
        "  belfry counter shop/tickets --add -5\n"
        "  belfry counter shop/tickets --set 0\n"
        "  belfry get shop/tickets",
    .flags = counter_flags,
    .words_min = 1,
    .words_max = 1,
    .run = run_counter,
};

}  // namespace belfry::cli

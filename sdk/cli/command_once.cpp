#include <signal.h>

#include <cerrno>
#include <cstring>

#include "sdk/cli/capture.hpp"
#include "sdk/cli/child_process.hpp"
#include "sdk/cli/commands.hpp"
#include "sdk/cli/holding.hpp"
#include "sdk/cli/json_writer.hpp"
#include "sdk/cli/stop_signal.hpp"
#include "sdk/recipes/once.hpp"

namespace belfry::cli {
namespace {

using namespace std::chrono_literals;

constexpr uint64_t tries_max_default = 3;

constexpr Flag once_flags[] = {
    {"ttl", FlagKind::duration, "TIME", "how long others wait if this process dies, or is paused (10s)"},
    {"wait", FlagKind::duration, "TIME", "how long to wait for others who are at it (for ever)"},
    {"tries", FlagKind::number, "N", "how often it is tried, by all together (3)"},
    {"forget", FlagKind::toggle, "", "do nothing but forget the result, so that it is done again"},
};

// A try that is not to go on: the command is ended, and there is no result of it.
std::optional<Error> reason_to_end(const LossNotice& loss, const Capture& capture) {
    if (const auto lost = loss.reason()) return Error{Code::uncertain, "the turn is lost: " + lost->detail};
    if (stop_requested()) return Error{Code::uncertain, "it was stopped by a signal"};
    if (!capture.full()) return {};
    return Error{Code::too_large, "the command wrote more than " + std::to_string(once_result_bytes_max) + " octets"};
}

Result<Bytes> run_command(const Context& context, const OnceTurn& turn, const LossNotice& loss) {
    const auto& words = context.arguments.words();
    Capture capture(once_result_bytes_max);
    if (!capture.open()) return Error{Code::io, std::string("pipe: ") + std::strerror(errno)};
    auto child = ChildProcess::start({words.begin() + 1, words.end()},
                                     {{"BELFRY_ONCE_KEY", turn.key},
                                      {"BELFRY_ONCE_TOKEN", std::to_string(turn.token.value)},
                                      {"BELFRY_ONCE_TRY", std::to_string(turn.number)}},
                                     {.output = capture.input()});
    if (!child) return child.error();
    capture.close_input();
    const auto code = run_captured(*child, capture, [&] { return !reason_to_end(loss, capture); });
    if (!code) return *reason_to_end(loss, capture);
    if (*code == 0) return capture.take();
    return Error{Code::io, "the command ended with exit code " + std::to_string(*code)};
}

void print_result(Context& context, const Bytes& result) {
    if (!context.settings.json) {
        context.out << result;
        return;
    }
    JsonWriter json;
    context.line(json.begin_object().field("result", result).end_object().take());
}

Exit forget(Context& context) {
    auto client = context.connect();
    if (!client) return context.fail(client.error());
    if (const Status done = forget_once(**client, context.word(0)); !done) return context.fail(done.error());
    return Exit::ok;
}

Exit try_once(Context& context, const HeldLease& held, const LossNotice& loss) {
    OnceOptions options;
    options.tries_max = context.arguments.number("tries", tries_max_default);
    options.timeout = context.arguments.duration("wait", wait_default);
    options.cancelled = stop_requested;
    bool began = false;
    const auto work = [&](const OnceTurn& turn) {
        began = true;
        return run_command(context, turn, loss);
    };
    const auto result = run_once(held.client, held.lease, context.word(0), work, std::move(options));
    if (result) {
        print_result(context, *result);
        return Exit::ok;
    }
    if (stop_requested()) return stopped_exit;
    if (const auto reason = loss.reason()) {
        return context.fail(
            {began ? Code::uncertain : Code::unavailable, "lost before there was a result: " + reason->detail});
    }
    if (result.error().code == Code::timeout) return context.fail({Code::conflict, result.error().detail});
    return context.fail(result.error());
}

Exit run_job(Context& context) {
    const bool forgets = context.has("forget");
    if (forgets != (context.arguments.words().size() == 1))
        return context.misuse("write `once NAME -- COMMAND` or `once NAME --forget`");
    if (forgets) return forget(context);
    if (context.arguments.number("tries", tries_max_default) == 0) return context.misuse("--tries: 1 at least");
    return under_lease(context, try_once);
}

}  // namespace

const Command once_command = {
    .name = "once",
    .summary = "let one of many run a command, and give its output to all",
    .usage = "NAME [--ttl TIME] [--wait TIME] [--tries N] -- COMMAND ARGUMENT... | NAME --forget",
    .details =
        "Of all who ask for NAME, now or later, on any machine, one runs COMMAND; its standard output, up to 1 MiB, is "
        "kept\n"
        "in the hub, and everybody prints it. If COMMAND fails, or who runs it is gone without a word, the next one runs\n"
        "it, --tries times in all; then everybody hears what it failed with (exit 7; 4: the last one was gone).\n"
        "COMMAND finds BELFRY_ONCE_TRY (1 = nobody has tried before), BELFRY_ONCE_TOKEN (greater than that of every turn\n"
        "before) and BELFRY_ONCE_KEY in its environment. Who is paused for longer than --ttl loses his turn: COMMAND gets\n"
        "SIGTERM and after 5 s SIGKILL, and what it wrote is not kept. Exit 1 if others were at it for longer than "
        "--wait.\n\n"
        "  belfry once jobs/migrate-42 -- ./migrate.sh\n"
        "  secret=$(belfry once setup/token -- openssl rand -hex 16)     # the same on every machine\n"
        "  belfry once jobs/migrate-42 --forget                          # to be done again",
    .flags = once_flags,
    .words_min = 1,
    .words_max = command_words_max,
    .run = run_job,
};

}  // namespace belfry::cli

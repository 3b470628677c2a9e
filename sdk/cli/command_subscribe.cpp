#include <atomic>
#include <cstdio>
#include <fstream>
#include <memory>
#include <thread>

#include "sdk/base/hash.hpp"
#include "sdk/cli/commands.hpp"
#include "sdk/cli/json_writer.hpp"
#include "sdk/cli/reading.hpp"
#include "sdk/cli/stop_signal.hpp"
#include "sdk/cli/text.hpp"
#include "sdk/client/subscription.hpp"

namespace belfry::cli {
namespace {

using namespace std::chrono_literals;

constexpr Flag subscribe_flags[] = {
    {"kind", FlagKind::text, "KIND", "what FILTER is: prefix (default), exact, glob, regex, json, or a plugin's"},
    {"until-revision", FlagKind::number, "N", "end as soon as the view is complete at revision N"},
    {"for", FlagKind::duration, "TIME", "end after that time at the latest"},
    {"report", FlagKind::text, "FILE", "write the report there instead of to standard output"},
    {"ready", FlagKind::text, "FILE", "create FILE as soon as the first view is complete"},
    stream_flag,
};

constexpr auto poll = 50ms;

// The file appears whole or not at all.
Status write_whole(const std::string& path, const std::string& text) {
    const std::string temporary = path + ".part";
    std::ofstream file(temporary, std::ios::binary | std::ios::trunc);
    file << text;
    file.close();
    if (!file || std::rename(temporary.c_str(), path.c_str()) != 0) return Error{Code::io, path + ": cannot be written"};
    return {};
}

std::string report_line(const Context& context, const SubscriptionFigures& figures) {
    JsonWriter json;
    const std::string kind = context.arguments.text("kind", "prefix");
    json.begin_object().field("filter", context.word(0)).field("kind", kind).field("revision", figures.revision);
    json.field("changes", figures.changes).field("deliveries", figures.deliveries);
    json.field("digest", hex64(figures.digest)).field("keys", figures.keys);
    json.field("gaps_by_chain", figures.gaps_by_chain).field("gaps_by_mark", figures.gaps_by_mark);
    json.field("joins", figures.joins).field("deltas", figures.deltas).field("snapshots", figures.snapshots);
    json.field("reconnects", figures.reconnects).field("private_stream", figures.private_stream);
    return json.end_object().take() + "\n";
}

// True if the revision asked for was reached, or none was asked for.
Result<bool> follow(const Context& context, const Subscription& subscription) {
    const bool bounded = context.has("until-revision");
    const Revision until{context.arguments.number("until-revision")};
    const auto give_up = std::chrono::steady_clock::now() + context.arguments.duration("for", std::chrono::hours(24 * 365));
    bool announced = false;
    while (!stop_requested() && std::chrono::steady_clock::now() < give_up) {
        if (!announced && subscription.wait_current(0ms)) {
            announced = true;
            if (context.has("ready")) {
                if (auto status = write_whole(context.arguments.text("ready"), "ready\n"); !status) return status.error();
            }
        }
        if (announced && bounded && subscription.wait_revision(until, 0ms)) return true;
        if (auto refused = subscription.refused()) return *std::move(refused);
        std::this_thread::sleep_for(poll);
    }
    return !bounded;
}

Exit run_subscribe(Context& context) {
    catch_stop_signals();
    auto client = context.connect();
    if (!client) return context.fail(client.error());
    SubscriptionOptions options;
    options.filter = filter_of(context.word(0), context.arguments.text("kind"));
    options.private_stream = context.has(stream_flag.name);
    // A hub that is not there yet is waited for; one that refuses the filter will always do so.
    if (auto now = newest_revision(**client, options.filter); !now && exit_of(now.error().code) == Exit::refused)
        return context.fail(now.error());
    auto subscription = Subscription::open(*client, std::move(options));
    if (!subscription) return context.fail(subscription.error());
    auto reached = follow(context, **subscription);
    if (!reached) return context.fail(reached.error());

    const std::string report = report_line(context, (*subscription)->figures());
    if (!context.has("report")) {
        context.out << report;
    } else if (auto status = write_whole(context.arguments.text("report"), report); !status) {
        return context.fail(status.error());
    }
    if (*reached) return Exit::ok;
    return context.fail(
        {Code::timeout, "ended before revision " + context.arguments.text("until-revision") + " was complete"});
}

}  // namespace

const Command subscribe_command = {
    .name = "subscribe",
    .summary = "keep a view of some keys until told to stop, then report its figures",
    .usage = "FILTER [--kind KIND] [--until-revision N] [--for TIME] [--report FILE] [--stream]",
    .details =
        "A subscriber such as a program of yours would be one, for tests and demonstrations. On SIGTERM, SIGINT or when\n"
        "the revision is reached it writes one line of JSON: filter, kind, revision, changes, deliveries, digest, keys,\n"
        "gaps_by_chain, gaps_by_mark, joins, deltas, snapshots, reconnects. `belfry digest FILTER --rev REVISION` must\n"
        "give the same digest. Exit 3 if --until-revision was not reached.",
    .flags = subscribe_flags,
    .words_min = 1,
    .words_max = 1,
    .run = run_subscribe,
};

}  // namespace belfry::cli

#include <algorithm>
#include <future>
#include <thread>

#include "sdk/base/limits.hpp"
#include "sdk/base/may_pass.hpp"
#include "sdk/cli/commands.hpp"
#include "sdk/cli/json_writer.hpp"
#include "sdk/cli/reading.hpp"
#include "sdk/cli/stop_signal.hpp"
#include "sdk/cli/text.hpp"
#include "sdk/cli/verbs.hpp"

namespace belfry::cli {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr Flag lease_flags[] = {
    {"id", FlagKind::number, "N", "grant: this number instead of one that the hub chooses"},
    {"once", FlagKind::toggle, "", "keep-alive: once, and end"},
    {"keys", FlagKind::toggle, "", "timetolive: name its keys too"},
};

constexpr int keep_alives_per_ttl = 3;
constexpr Clock::duration retry_pause = 200ms;

std::string seconds_text(uint64_t ms) {
    const std::string tenth = ms % 1000 < 100 ? "" : "." + std::to_string(ms % 1000 / 100);
    return std::to_string(ms / 1000) + tenth + " s";
}

Result<LeaseId> lease_of(const Context& context) {
    const auto number = parse_number(context.word(1));
    if (!number) return Error{number.error().code, "ID: " + number.error().detail};
    return LeaseId{*number};
}

// ---- grant and revoke ----

Exit grant(Context& context) {
    const auto ttl = parse_duration(context.word(1));
    if (!ttl) return context.misuse("TTL: " + ttl.error().detail);
    if (*ttl < 1s || *ttl % 1s != 0ms) return context.misuse("TTL: whole seconds, 1 at least");
    auto client = context.connect();
    if (!client) return context.fail(client.error());
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(*ttl);
    const auto granted = (*client)->grant_lease(seconds, {context.arguments.number("id")});
    if (!granted) return context.fail(granted.error());
    if (context.settings.json) {
        JsonWriter json;
        json.begin_object().field("lease", granted->lease.value).field("ttl_s", granted->ttl_s).end_object();
        context.line(json.take());
        return Exit::ok;
    }
    context.line("OK lease " + std::to_string(granted->lease.value) + ", " + std::to_string(granted->ttl_s) + " s");
    return Exit::ok;
}

Exit revoke(Context& context, LeaseId lease) {
    auto client = context.connect();
    if (!client) return context.fail(client.error());
    const auto deleted = (*client)->revoke_lease(lease);
    if (!deleted) return context.fail(deleted.error());
    if (context.settings.json) {
        JsonWriter json;
        json.begin_object().field("lease", lease.value).field("deleted", *deleted).end_object();
        context.line(json.take());
    } else {
        context.line("OK lease " + std::to_string(lease.value) + " revoked, " + plural(*deleted, "key") + " deleted");
    }
    return Exit::ok;
}

// ---- keep-alive ----

void print_kept(Context& context, LeaseId lease, uint64_t ttl_s) {
    if (context.settings.json) {
        JsonWriter json;
        json.begin_object().field("lease", lease.value).field("ttl_s", ttl_s).end_object();
        context.line(json.take());
    } else {
        context.line("lease " + std::to_string(lease.value) + " kept alive, " + std::to_string(ttl_s) + " s");
    }
    context.out.flush();
}

// False: a signal came before, or nobody reads the output any more.
bool sleep_until(const Context& context, Clock::time_point end) {
    while (!stop_requested() && context.is_read() && Clock::now() < end) {
        std::this_thread::sleep_for(std::min<Clock::duration>(signal_poll, end - Clock::now()));
    }
    return !stop_requested() && context.is_read();
}

// Its time to live; none: a signal came before the answer. `not_found`: it has ended.
Result<std::optional<uint64_t>> keep_alive_once(Client& client, LeaseId lease) {
    auto reply = client.send(protocol::LeaseKeepAliveRequest{{lease}});
    while (reply.wait_for(signal_poll) != std::future_status::ready) {
        if (stop_requested()) return std::optional<uint64_t>();
    }
    const auto kept = answer_of<protocol::LeaseKeepAliveReply>(reply.get());
    if (!kept) return kept.error();
    if (kept->ttl_s.size() != 1) return Error{Code::corrupt, "the hub answered about another number of leases"};
    if (kept->ttl_s.front() != 0) return std::optional(kept->ttl_s.front());
    return Error{Code::not_found,
                 "there is no lease " + std::to_string(lease.value) + "; it was not granted, or has ended"};
}

Exit keep_alive(Context& context, LeaseId lease) {
    auto client = context.connect();
    if (!client) return context.fail(client.error());
    catch_stop_signals();
    // Only for how long errors are borne; what the hub says of the lease stands, however late it is asked.
    Clock::time_point lives_until = Clock::time_point::min();
    for (;;) {
        const Clock::time_point sent = Clock::now();
        const auto ttl_s = keep_alive_once(**client, lease);
        Clock::time_point next = Clock::now() + retry_pause;
        if (ttl_s) {
            if (!*ttl_s) return Exit::ok;
            print_kept(context, lease, **ttl_s);
            if (context.has("once")) return Exit::ok;
            lives_until = sent + std::chrono::seconds(**ttl_s);
            next = sent + std::chrono::milliseconds(**ttl_s * 1000 / keep_alives_per_ttl);
        } else if (!may_pass(ttl_s.error().code) || next >= lives_until) {
            return context.fail(ttl_s.error());
        }
        if (!sleep_until(context, next)) return Exit::ok;
    }
}

// ---- looked at ----

void write_json(JsonWriter& json, const protocol::LeaseFacts& facts) {
    json.field("lease", facts.lease.value).field("ttl_s", facts.ttl_s).field("remaining_ms", facts.remaining_ms);
    json.field("owner", facts.owner);
}

std::string remaining_text(const protocol::LeaseFacts& facts) {
    return facts.remaining_ms == 0 ? "ending" : seconds_text(facts.remaining_ms);
}

Exit time_to_live(Context& context, LeaseId lease) {
    auto client = context.connect();
    if (!client) return context.fail(client.error());
    const bool keys = context.has("keys");
    const auto told = (*client)->lease_time_to_live(lease, keys);
    if (!told) return context.fail(told.error());
    if (context.settings.json) {
        JsonWriter json;
        write_json(json.begin_object(), told->facts);
        if (keys) json.name("keys").begin_array();
        for (const Bytes& key : told->keys) json.value(key);
        if (keys) json.end_array();
        context.line(json.end_object().take());
        return Exit::ok;
    }
    context.line("lease      " + std::to_string(told->facts.lease.value));
    context.line("ttl        " + seconds_text(told->facts.ttl_s * 1000));
    context.line("remaining  " + remaining_text(told->facts));
    context.line("owner      " + printable(told->facts.owner));
    for (const Bytes& key : told->keys) context.line("key        " + printable(key));
    return Exit::ok;
}

Exit list_leases(Context& context) {
    auto client = context.connect();
    if (!client) return context.fail(client.error());
    const auto leases = (*client)->leases();
    if (!leases) return context.fail(leases.error());
    JsonWriter json;
    json.begin_array();
    for (const protocol::LeaseFacts& facts : *leases) {
        if (context.settings.json) {
            write_json(json.begin_object(), facts);
            json.end_object();
        } else {
            context.line(std::to_string(facts.lease.value) + "\tttl " + seconds_text(facts.ttl_s * 1000) + "\tremaining " +
                         remaining_text(facts) + "\t" + printable(facts.owner));
        }
    }
    if (context.settings.json) context.line(json.end_array().take());
    return Exit::ok;
}

// One that is named by the second word.
template <Exit (*run)(Context& context, LeaseId lease)>
Exit of_lease(Context& context) {
    const auto lease = lease_of(context);
    return lease ? run(context, *lease) : context.misuse(lease.error().detail);
}

constexpr ContextVerb lease_verbs[] = {
    {{"list", 1, 1, ""}, list_leases},
    {{"grant", 2, 2, " id "}, grant},
    {{"revoke", 2, 2, ""}, of_lease<revoke>},
    {{"keep-alive", 2, 2, " once "}, of_lease<keep_alive>},
    {{"timetolive", 2, 2, " keys "}, of_lease<time_to_live>},
};

Exit run_lease(Context& context) {
    return run_verb(context, lease_verbs,
                    "write `lease grant TTL`, `lease list`, or `lease revoke|keep-alive|timetolive ID`");
}

}  // namespace

const Command lease_command = {
    .name = "lease",
    .summary = "keys that go when nobody keeps them alive",
    .usage = "grant TTL [--id N] | revoke ID | keep-alive ID [--once] | timetolive ID [--keys] | list",
    .details =
        "A lease lives for its time to live (TTL: 30s, 5m, or a number of seconds) and for another one with each\n"
        "keep-alive. When it ends, expired or revoked, the keys that were put with it are deleted.\n"
        "`keep-alive` goes on until Ctrl-C, every third of the TTL, with a line for each; it ends with 1 when the lease "
        "has\n"
        "ended, and bears a hub that does not answer for as long as the lease must be there. Ctrl-C does not revoke it.\n\n"
        "  belfry lease grant 30s                                      # OK lease 7, 30 s\n"
        "  id=$(belfry lease grant 30s -o json | jq .lease)\n"
        "  belfry put workers/$HOSTNAME \"$ADDRESS\" --lease $id\n"
        "  belfry lease keep-alive $id || exit                         # while this runs the key is there\n"
        "  belfry lease timetolive $id --keys\n"
        "  belfry lease revoke $id                                     # exit 1 if it has ended",
    .flags = lease_flags,
    .words_min = 1,
    .words_max = 2,
    .run = run_lease,
};

}  // namespace belfry::cli

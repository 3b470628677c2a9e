#include <array>
#include <cstdio>
#include <cstring>

#include "sdk/base/limits.hpp"
#include "sdk/cli/bench_load.hpp"
#include "sdk/cli/bench_watch.hpp"
#include "sdk/cli/commands.hpp"
#include "sdk/cli/importer.hpp"
#include "sdk/cli/json_writer.hpp"
#include "sdk/cli/progress.hpp"
#include "sdk/cli/reading.hpp"
#include "sdk/cli/stop_signal.hpp"
#include "sdk/cli/text.hpp"

namespace belfry::cli {
namespace {

constexpr Flag bench_flags[] = {
    {"clients", FlagKind::number, "N", "connections (default 1; watch: 10 subscribers)"},
    {"in-flight", FlagKind::number, "N", "requests under way, over all connections (default 64)"},
    {"count", FlagKind::number, "N", "requests in all (default 100000; range 1000; watch: 1000 changes)"},
    {"value-bytes", FlagKind::number, "N", "size of a value (default 256)"},
    {"keys", FlagKind::number, "N", "different keys (default 10000; range: keys per answer, default 1000)"},
    {"rate", FlagKind::number, "N", "watch: changes per second (default 0: as fast as they are acknowledged)"},
    {"prefix", FlagKind::text, "FOLDER", "where the keys are made (default bench/)"},
    {"keep", FlagKind::toggle, "", "do not delete the keys afterwards"},
    {"filled", FlagKind::toggle, "", "the keys are there (an earlier run with --keep); puts then come in a shuffled order"},
};

constexpr uint64_t clients_max = 10000;
constexpr uint64_t keys_max = 10'000'000;
constexpr uint64_t measured_max = 100'000'000;  // each costs 4 octets here, and is sorted in the end

struct Plan {
    std::string kind;
    std::string prefix;
    uint64_t clients, in_flight, count, value_bytes, keys, rate;
    bool filled;
};

Bytes key_of(const Plan& plan, uint64_t number) {
    std::array<char, 24> digits{};
    std::snprintf(digits.data(), digits.size(), "%08llu", static_cast<unsigned long long>(number));
    return plan.prefix + digits.data();
}

// Different for each number and of octets by chance, so that nothing on the way can save work: not a store that compresses.
Bytes value_of(const Plan& plan, uint64_t number) {
    Bytes value(plan.value_bytes, '\0');
    uint64_t state = number;
    for (size_t at = 0; at < value.size(); at += sizeof state) {
        std::memcpy(value.data() + at, &state, std::min(value.size() - at, sizeof state));
        state = state * 6364136223846793005u + 1442695040888963407u;
        state ^= state >> 29;
    }
    return value;
}

Plan plan_of(const Context& context) {
    Plan plan;
    plan.kind = context.word(0);
    plan.prefix = context.arguments.text("prefix", "bench/");
    const bool range = plan.kind == "range";
    const bool watch = plan.kind == "watch";
    plan.clients = context.arguments.number("clients", watch ? 10 : 1);
    plan.in_flight = context.arguments.number("in-flight", 64);
    plan.count = context.arguments.number("count", range || watch ? 1000 : 100'000);
    plan.value_bytes = context.arguments.number("value-bytes", 256);
    plan.keys = context.arguments.number("keys", range ? 1000 : 10'000);
    plan.rate = context.arguments.number("rate", 0);
    plan.filled = context.has("filled");
    return plan;
}

Status check(const Plan& plan) {
    const auto outside = [](const char* flag, uint64_t most) {
        return Error{Code::invalid_argument, std::string(flag) + " must be 1 to " + std::to_string(most)};
    };
    if (plan.clients == 0 || plan.clients > clients_max) return outside("--clients", clients_max);
    if (plan.in_flight == 0 || plan.in_flight > 4096 * plan.clients) return outside("--in-flight", 4096 * plan.clients);
    if (plan.keys == 0 || plan.keys > keys_max) return outside("--keys", keys_max);
    const uint64_t count_max = plan.kind == "watch" ? measured_max / plan.clients : measured_max;  // each client measures
    if (plan.count == 0 || plan.count > count_max) return outside("--count", count_max);
    if (plan.value_bytes < 8 || plan.value_bytes > limits::value_bytes_max) {
        return Error{Code::invalid_argument, "--value-bytes must be 8 to " + std::to_string(limits::value_bytes_max)};
    }
    if (plan.prefix.empty())
        return Error{Code::invalid_argument, "--prefix must not be empty: its keys are deleted afterwards"};
    return {};
}

uint64_t shuffled(const Plan& plan, uint64_t number) { return number * 7919 % plan.keys; }

protocol::RequestOp put_request(const Plan& plan, uint64_t number) {
    const uint64_t key = plan.filled ? shuffled(plan, number) : number % plan.keys;
    return protocol::PutRequest{key_of(plan, key), value_of(plan, number), {}, false};
}

protocol::RequestOp get_request(const Plan& plan, uint64_t number) {
    protocol::RangeRequest request;
    request.range = KeyRange::one(key_of(plan, shuffled(plan, number)));
    return request;
}

protocol::RequestOp range_request(const Plan& plan, uint64_t) {
    protocol::RangeRequest request;
    request.range = KeyRange::prefix(plan.prefix);
    request.limit = plan.keys;
    return request;
}

using Clients = std::vector<std::shared_ptr<Client>>;

Result<Clients> connect_all(const Context& context, const Plan& plan) {
    Clients clients;
    for (uint64_t i = 0; i < plan.clients; ++i) {
        auto client = context.connect();
        if (!client) return client.error();
        clients.push_back(std::move(*client));
    }
    // Connecting is not what is measured; and a hub that is not there is told now.
    for (const auto& client : clients) {
        if (auto revision = newest_revision(*client, {"prefix", plan.prefix}); !revision) return revision.error();
    }
    return clients;
}

LoadResult load_of(Context& context, const Clients& clients, const Plan& plan, uint64_t count, const char* label,
                   protocol::RequestOp (*request)(const Plan&, uint64_t)) {
    Progress progress(context, label);
    LoadOptions options;
    options.count = count;
    options.in_flight = plan.in_flight;
    options.request = [&plan, request](uint64_t number) { return request(plan, number); };
    options.progress = [&](uint64_t done) { progress.show(done, count); };
    return run_load(clients, options);
}

// Key by key: what else lies between them is not ours. `--filled` says that all of them are the bench's.
void clean(Context& context, const std::shared_ptr<Client>& client, const Plan& plan, uint64_t written) {
    const uint64_t keys = plan.filled ? plan.keys : std::min(written, plan.keys);
    Progress progress(context, "cleaning");
    Importer eraser(client, limits::txn_ops_max, "bench");
    Status status;
    for (uint64_t number = 0; number < keys && status; ++number) {
        status = eraser.erase(key_of(plan, number));
        progress.show(number + 1, keys);
    }
    const Status rest = eraser.finish();
    if (!status || !rest) context.note("the keys of the bench could not be deleted");
}

Exit print(Context& context, const Plan& plan, const LoadResult& result, const char* unit) {
    const Latencies& latencies = result.latencies;
    if (context.settings.json) {
        JsonWriter json;
        json.begin_object().field("bench", plan.kind).field("clients", plan.clients).field("in_flight", plan.in_flight);
        json.field("value_bytes", plan.value_bytes).field("keys", plan.keys).field("done", result.done);
        json.field("failed", result.failed).field("seconds", result.seconds).field("per_second", result.rate());
        json.field("p50_us", latencies.percentile(0.5)).field("p90_us", latencies.percentile(0.9));
        json.field("p99_us", latencies.percentile(0.99)).field("max_us", latencies.percentile(1));
        context.line(json.end_object().take());
    } else {
        std::array<char, 200> text{};
        std::snprintf(text.data(), text.size(), "%s: %s %s in %.2f s, %s/s; p50 %u us, p90 %u us, p99 %u us, max %u us",
                      plan.kind.c_str(), human_count(result.done).c_str(), unit, result.seconds,
                      human_count(static_cast<uint64_t>(result.rate())).c_str(), latencies.percentile(0.5),
                      latencies.percentile(0.9), latencies.percentile(0.99), latencies.percentile(1));
        context.line(text.data());
    }
    if (result.first_error.code == Code::ok) return Exit::ok;
    return context.fail(
        {result.first_error.code, plural(result.failed, "failure") + ", first: " + result.first_error.detail});
}

Exit bench_watch(Context& context, const Clients& clients, const Plan& plan, uint64_t& written) {
    WatchLoad watch;
    watch.filter = {"prefix", plan.prefix};
    watch.changes = plan.count;
    watch.rate = plan.rate;
    watch.in_flight = plan.in_flight;
    watch.timeout = context.settings.timeout;
    watch.put = [&plan](uint64_t number) {
        return protocol::PutRequest{key_of(plan, number % plan.keys), value_of(plan, number), {}, false};
    };
    auto result = run_watch_load(clients, watch);
    if (!result) return context.fail(result.error());
    written = result->begun;
    return print(context, plan, *result, "deliveries");
}

Exit run_bench(Context& context) {
    const Plan plan = plan_of(context);
    if (auto status = check(plan); !status) return context.misuse(status.error().detail);
    catch_stop_signals();
    const bool reads = plan.kind == "get" || plan.kind == "range";
    if (!reads && plan.kind != "put" && plan.kind != "watch") return context.misuse("one of put, get, range, watch");
    auto clients = connect_all(context, plan);
    if (!clients) return context.fail(clients.error());

    Exit exit = Exit::ok;
    uint64_t written = 0;  // the puts 0 to written - 1
    if (reads && !plan.filled) {
        const LoadResult filled = load_of(context, *clients, plan, plan.keys, "filling", put_request);
        written = filled.begun;
        if (filled.first_error.code != Code::ok) exit = context.fail(filled.first_error);
    }
    if (exit == Exit::ok) {
        if (plan.kind == "put") {
            const LoadResult put = load_of(context, *clients, plan, plan.count, "put", put_request);
            written = put.begun;
            exit = print(context, plan, put, "puts");
        }
        if (plan.kind == "get")
            exit = print(context, plan, load_of(context, *clients, plan, plan.count, "get", get_request), "gets");
        if (plan.kind == "range")
            exit = print(context, plan, load_of(context, *clients, plan, plan.count, "range", range_request), "ranges");
        if (plan.kind == "watch") exit = bench_watch(context, *clients, plan, written);
    }
    if (!context.has("keep")) clean(context, clients->front(), plan, written);
    return exit;
}

}  // namespace

const Command bench_command = {
    .name = "bench",
    .summary = "measure a hub: rate and latency of puts, gets, ranges, deliveries",
    .usage = "put|get|range|watch [--clients N] [--in-flight N] [--count N] [--value-bytes N] [--keys N]",
    .details =
        "Writes keys under --prefix (bench/) and deletes them afterwards: not on a hub that others work with. Closed "
        "loop:\n"
        "--in-flight requests are always under way. watch: each client is a subscriber of its own; the latency is from\n"
        "sending a change to its callback.\n\n"
        "  belfry bench put --in-flight 256\n"
        "  belfry bench get --clients 4 --in-flight 256 --count 1000000\n"
        "  belfry bench watch --clients 100 --rate 100",
    .flags = bench_flags,
    .words_min = 1,
    .words_max = 1,
    .run = run_bench,
};

}  // namespace belfry::cli

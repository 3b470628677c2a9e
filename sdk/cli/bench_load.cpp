#include "sdk/cli/bench_load.hpp"

#include <algorithm>

#include "sdk/cli/stop_signal.hpp"

namespace belfry::cli {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

// Shared by all loops; lives until the last completion has run.
struct Load {
    const LoadOptions options;
    std::atomic<uint64_t> next{0}, done{0}, failed{0};
    std::mutex mutex;  // guards what follows
    std::condition_variable ended;
    size_t loops = 0;
    Error first_error;

    explicit Load(LoadOptions the_options) : options(std::move(the_options)) {}

    void end_loop(const Error* error) {
        const std::lock_guard lock(mutex);
        if (error != nullptr && first_error.code == Code::ok) first_error = *error;
        --loops;
        ended.notify_all();
    }
};

// One request at a time, the next when the answer is there. Each loop keeps its own latencies, so that none waits for
// another.
struct Loop : std::enable_shared_from_this<Loop> {
    std::shared_ptr<Load> load;
    std::shared_ptr<Client> client;
    std::vector<uint32_t> us;
    Clock::time_point sent;

    void send_next() {
        if (stop_requested()) return load->end_loop(nullptr);
        const uint64_t number = load->next.fetch_add(1, std::memory_order_relaxed);
        if (number >= load->options.count) return load->end_loop(nullptr);
        sent = Clock::now();
        const auto status =
            client->send(load->options.request(number),
                         [self = shared_from_this()](Result<protocol::Reply> reply) { self->on_reply(std::move(reply)); });
        if (!status) fail(status.error());
    }

    void on_reply(Result<protocol::Reply> reply) {
        const auto took = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - sent).count();
        if (!reply) return fail(reply.error());
        if (reply->error.code != Code::ok) return fail(reply->error);
        us.push_back(static_cast<uint32_t>(std::clamp<int64_t>(took, 0, UINT32_MAX)));
        load->done.fetch_add(1, std::memory_order_relaxed);
        send_next();
    }

    void fail(const Error& error) {
        load->failed.fetch_add(1, std::memory_order_relaxed);
        load->end_loop(&error);
    }
};

}  // namespace

void Latencies::sort() { std::sort(us.begin(), us.end()); }

uint32_t Latencies::percentile(double part) const {
    if (us.empty()) return 0;
    const auto place = static_cast<size_t>(part * static_cast<double>(us.size()));
    return us[std::min(place, us.size() - 1)];
}

LoadResult run_load(const std::vector<std::shared_ptr<Client>>& clients, const LoadOptions& options) {
    auto load = std::make_shared<Load>(options);
    const size_t loops = std::max(clients.size(), options.in_flight);
    load->loops = loops;
    std::vector<std::shared_ptr<Loop>> all;
    for (size_t i = 0; i < loops; ++i) {
        auto loop = std::make_shared<Loop>();
        loop->load = load;
        loop->client = clients[i % clients.size()];
        loop->us.reserve(options.count / loops + 16);
        all.push_back(std::move(loop));
    }
    const auto begin = Clock::now();
    for (const auto& loop : all) loop->send_next();
    {
        std::unique_lock lock(load->mutex);
        while (!load->ended.wait_for(lock, 200ms, [&] { return load->loops == 0; })) {
            if (options.progress) options.progress(load->done);
        }
    }
    LoadResult result;
    result.seconds = std::chrono::duration<double>(Clock::now() - begin).count();
    result.begun = std::min<uint64_t>(load->next, options.count);
    result.done = load->done;
    result.failed = load->failed;
    result.first_error = load->first_error;
    for (const auto& loop : all) {
        result.latencies.us.insert(result.latencies.us.end(), loop->us.begin(), loop->us.end());
    }
    result.latencies.sort();
    return result;
}

}  // namespace belfry::cli

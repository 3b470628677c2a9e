// Jobs that an assigner hands to workers: it sees who works on them and how far he is, and gets one result of each.
//
//   belfry-example-jobs work NAME       start several; then stop, pause or kill one that works, or a member
//   belfry-example-jobs assign STEPS    a job of so many steps, of a tenth of a second each
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>

#include "sdk/client/environment.hpp"
#include "sdk/recipes/job_board.hpp"

using namespace std::chrono_literals;

namespace {

constexpr const char* board = "example/jobs";
volatile std::sig_atomic_t stopped = 0;

int fail(const belfry::Error& error) { return std::fprintf(stderr, "%s\n", to_string(error).c_str()), 1; }

// On this thread, while it waits.
void show(const belfry::JobState& job) {
    if (job.stage == belfry::JobState::Stage::waiting) std::printf("waits\n");
    if (job.stage == belfry::JobState::Stage::working)
        std::printf("%s: %s\n", job.worker.c_str(), job.progress.empty() ? "has it" : job.progress.c_str());
    std::fflush(stdout);
}

int assign(const std::shared_ptr<belfry::Client>& client, const char* steps) {
    belfry::JobBoard jobs(client, board);
    const auto id = jobs.post(steps);
    if (!id) return fail(id.error());
    const auto result = jobs.wait_result(*id, 1h, show);
    if (!result) return fail(result.error());
    std::printf("%s: %s\n", result->failed ? "failed" : "done", result->value.c_str());
    if (const belfry::Status forgotten = jobs.forget(*id); !forgotten) return fail(forgotten.error());
    return result->failed ? 1 : 0;
}

// Stops as soon as the job is another's.
void do_job(belfry::Worker& worker, const belfry::Job& job, const std::string& name) {
    const int steps = std::atoi(job.value.c_str());
    if (steps <= 0) return void(worker.fail(job, "'" + job.value + "' is no number of steps"));
    for (int step = 1; step <= steps && !stopped; ++step) {
        std::this_thread::sleep_for(100ms);
        const auto known = worker.report(job, std::to_string(step) + " of " + job.value);
        if (!known && known.error().code == belfry::Code::conflict) return;
    }
    const auto told = stopped ? worker.fail(job, "the worker was stopped") : worker.finish(job, job.value + " by " + name);
    if (!told) std::printf("%s\n", to_string(told.error()).c_str());
}

void work(const std::shared_ptr<belfry::Client>& client, const std::string& name) {
    while (!stopped) {
        auto granted = belfry::Lease::grant(client, {.ttl = 3s});
        if (!granted) {
            std::printf("%s\n", to_string(granted.error()).c_str());
            std::this_thread::sleep_for(200ms);
            continue;
        }
        const std::shared_ptr<const belfry::Lease> lease = std::move(*granted);
        belfry::Worker worker(client, lease, board, {.name = name, .cancelled = [] { return stopped != 0; }});
        while (lease->alive() && !stopped) {
            if (const auto job = worker.take(10s)) do_job(worker, *job, name);
        }
    }
}

}  // namespace

int main(int argc, char** argv) {
    std::signal(SIGINT, [](int) { stopped = 1; });
    std::signal(SIGTERM, [](int) { stopped = 1; });
    const std::string what = argc > 2 ? argv[1] : "";
    if (what != "work" && what != "assign") return std::fprintf(stderr, "usage: %s work NAME | assign STEPS\n", argv[0]), 2;
    belfry::ClientOptions where = belfry::options_from_environment();
    where.timeout = 1500ms;  // half the time to live
    auto client = belfry::Client::connect(where);
    if (!client) return fail(client.error());
    if (what == "assign") {
        std::signal(SIGINT, SIG_DFL);  // the job goes on without it
        std::signal(SIGTERM, SIG_DFL);
        return assign(*client, argv[2]);
    }
    work(*client, argv[2]);
    return 0;
}

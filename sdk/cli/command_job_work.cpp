// `belfry job work`: a command is run for each job, and what it writes is the result.
#include <signal.h>

#include <cerrno>
#include <cstring>
#include <thread>

#include "sdk/base/limits.hpp"
#include "sdk/cli/capture.hpp"
#include "sdk/cli/commands.hpp"
#include "sdk/cli/holding.hpp"
#include "sdk/cli/stop_signal.hpp"
#include "sdk/recipes/job_board.hpp"

namespace belfry::cli {
namespace {

using namespace std::chrono_literals;

constexpr auto report_pause = 500ms;         // between two reports of a job, each an entry of the log
constexpr auto pause_between_leases = 1s;    // one is lost, and the hub has to be waited for
constexpr size_t progress_bytes_max = 1024;  // a line for people

WorkerOptions worker_options(const Context& context) {
    WorkerOptions options;
    options.name = context.arguments.text("worker");
    options.attempts_max = context.arguments.number("attempts", options.attempts_max);
    options.cancelled = stop_requested;
    return options;
}

// The last line that is whole; empty: none is yet.
Bytes last_line(BytesView text) {
    const size_t end = text.rfind('\n');
    if (end == BytesView::npos) return {};
    const size_t before = end == 0 ? BytesView::npos : text.rfind('\n', end - 1);
    const size_t begin = before == BytesView::npos ? 0 : before + 1;
    return Bytes(text.substr(begin, std::min(end - begin, progress_bytes_max)));
}

// One lease, and the jobs that are done under it.
class Working {
public:
    Working(Context& context, const HeldLease& held, const LossNotice& loss)
        : context_(context),
          held_(held),
          loss_(loss),
          worker_(held.client, held.lease, context.word(1), worker_options(context)) {}

    Exit run() {
        const auto wait = context_.arguments.duration("wait", wait_default);
        Exit exit = Exit::ok;
        do {
            const auto job = worker_.take(wait);
            if (stop_requested()) return follows() ? Exit::ok : stopped_exit;
            if (!held_.lease->alive()) return lost("lost while waiting");
            const bool none = !job && job.error().code == Code::timeout;
            if (none) return follows() ? Exit::ok : context_.fail({Code::not_found, job.error().detail});
            if (!job) return context_.fail(job.error());
            exit = run_for(*job);
        } while (follows() && !stop_requested() && held_.lease->alive());
        return exit;
    }

private:
    bool follows() const { return context_.has("follow"); }

    Exit lost(const std::string& what) const {
        const auto reason = loss_.reason();
        return context_.fail({Code::uncertain, what + ": " + (reason ? reason->detail : "the lease has ended")});
    }

    Exit run_for(const Job& job) {
        const auto& words = context_.arguments.words();
        Capture capture(limits::value_bytes_max);
        if (!capture.open()) return context_.fail({Code::io, std::string("pipe: ") + std::strerror(errno)});
        auto child = ChildProcess::start({words.begin() + 2, words.end()},
                                         {{"BELFRY_JOB_ID", job.id}, {"BELFRY_JOB_ATTEMPTS", std::to_string(job.attempts)}},
                                         {.input = job.value, .output = capture.input()});
        if (!child) return context_.fail(child.error());
        capture.close_input();
        bool mine = true;
        const auto code = wait_for_end(*child, capture, job, mine);
        if (!mine) return lost("job " + job.id + " is not ours any more, and the command is ended");
        if (!code && stop_requested()) return give_up(job, "the worker was stopped");
        if (!code) return give_up(job, "its result has more than " + std::to_string(limits::value_bytes_max) + " octets");
        if (*code != 0) return give_up(job, "the command ended with exit code " + std::to_string(*code));
        const Status told = worker_.finish(job, capture.take());
        return told ? Exit::ok : context_.fail(told.error());
    }

    // None: it was ended, because of a signal, too much output, or because the job is another's (then `mine` is false).
    std::optional<int> wait_for_end(ChildProcess& child, Capture& capture, const Job& job, bool& mine) {
        std::optional<int> code;
        Bytes told;
        auto next_report = std::chrono::steady_clock::now();
        while (!code) {
            code = child.wait(signal_poll, capture.output());
            capture.read();
            mine = !loss_.reason();
            Bytes line = last_line(capture.text());
            if (!code && mine && line != told && std::chrono::steady_clock::now() >= next_report) {
                const Status known = worker_.report(job, line);
                mine = known || known.error().code != Code::conflict;
                told = std::move(line);
                next_report = std::chrono::steady_clock::now() + report_pause;
            }
            if (code || (mine && !stop_requested() && !capture.full())) continue;
            child.signal(SIGTERM);
            child.end();
            return {};
        }
        return capture.full() ? std::nullopt : code;
    }

    Exit give_up(const Job& job, const std::string& why) {
        if (const Status told = worker_.fail(job, why); !told) return context_.fail(told.error());
        return stop_requested() ? stopped_exit : context_.fail({Code::io, "job " + job.id + ": " + why});
    }

    Context& context_;
    const HeldLease& held_;
    const LossNotice& loss_;
    Worker worker_;
};

}  // namespace

// With --follow a lease that is lost is followed by another one: a hub that is away for long is waited for.
Exit work_on_jobs(Context& context) {
    const auto ttl = lease_ttl(context);
    if (!ttl) return context.misuse(ttl.error().detail);
    catch_stop_signals();
    for (;;) {
        LossNotice loss;
        const auto held = hold_lease(context, *ttl, loss);
        const Exit exit = held ? Working(context, *held, loss).run() : context.fail(held.error());
        if (!context.has("follow")) return exit;
        if (stop_requested()) return Exit::ok;
        const bool again = held ? !held->lease->alive() : exit == Exit::unavailable || exit == Exit::uncertain;
        if (!again) return exit;
        std::this_thread::sleep_for(pause_between_leases);
    }
}

}  // namespace belfry::cli

// `belfry job work`: a command is run for each job, and what it writes is the result.
#include <signal.h>

#include <cerrno>
#include <cstring>

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
        told_.clear();
        next_report_ = {};
        bool mine = true;
        const auto code = run_captured(*child, capture, [&] {
            mine = !loss_.reason() && tell_progress(job, last_line(capture.text()));
            return mine && !stop_requested();
        });
        if (!mine || loss_.reason()) return lost("job " + job.id + " is not ours any more, and the command is ended");
        if (!code && stop_requested()) return give_up(job, "the worker was stopped");
        if (!code) return give_up(job, "its result has more than " + std::to_string(limits::value_bytes_max) + " octets");
        if (*code != 0) return give_up(job, "the command ended with exit code " + std::to_string(*code));
        const Status told = worker_.finish(job, capture.take());
        return told ? Exit::ok : context_.fail(told.error());
    }

    // False: the job is another's.
    bool tell_progress(const Job& job, Bytes line) {
        const auto now = std::chrono::steady_clock::now();
        if (line == told_ || now < next_report_) return true;
        const Status known = worker_.report(job, line);
        told_ = std::move(line);
        next_report_ = now + report_pause;
        return known || known.error().code != Code::conflict;
    }

    Exit give_up(const Job& job, const std::string& why) {
        if (const Status told = worker_.fail(job, why); !told) return context_.fail(told.error());
        return stop_requested() ? stopped_exit : context_.fail({Code::io, "job " + job.id + ": " + why});
    }

    Context& context_;
    const HeldLease& held_;
    const LossNotice& loss_;
    Worker worker_;
    Bytes told_;  // of this job
    std::chrono::steady_clock::time_point next_report_;
};

}  // namespace

Exit work_on_jobs(Context& context) {
    return under_lease(context, [](Context& with, const HeldLease& held, const LossNotice& loss) {
        return Working(with, held, loss).run();
    });
}

}  // namespace belfry::cli

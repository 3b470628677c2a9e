#include <array>

#include "sdk/base/limits.hpp"
#include "sdk/cli/commands.hpp"
#include "sdk/cli/holding.hpp"
#include "sdk/cli/json_writer.hpp"
#include "sdk/cli/render.hpp"
#include "sdk/cli/text.hpp"
#include "sdk/cli/values.hpp"
#include "sdk/cli/verbs.hpp"
#include "sdk/recipes/job_board.hpp"

namespace belfry::cli {
namespace {

constexpr size_t jobs_shown_default = 50;  // unless --most says otherwise

constexpr Flag job_flags[] = {
    {"priority", FlagKind::number, "N", "post: 0 to 9; 0 is handed out first (5)"},
    {"literal", FlagKind::toggle, "", "post: JOB is meant as it stands, even if it begins with '@' or is '-'"},
    {"wait", FlagKind::duration, "TIME", "result, work: how long to wait (for ever); 0s: not at all"},
    {"forget", FlagKind::toggle, "", "result: it is not needed any more, once it was printed"},
    {"most", FlagKind::number, "N", "list: so many (50) of those that wait or are worked on, and of the others"},
    {"ttl", FlagKind::duration, "TIME", "work: when others get the job if this process dies, or is paused (10s)"},
    {"attempts", FlagKind::number, "N", "work: a job that was tried so often has failed (5); 0: never"},
    {"worker", FlagKind::text, "TEXT", "work: who works on it, for others to see (HOST:PID)"},
    {"follow", FlagKind::toggle, "", "work: and the next ones, until Ctrl-C, or until nothing came for --wait"},
};

struct JobVerb {
    Verb verb;
    Exit (*run)(Context& context, JobBoard& board);  // none: work_on_jobs()
};

Exit post_job(Context& context, JobBoard& board) {
    const auto job = read_value(context.word(2), context.has("literal"), context.in, limits::value_bytes_max);
    if (!job) return context.fail(job.error());
    const uint64_t priority = context.arguments.number("priority", queue_priority);
    if (priority > queue_priority_max) return context.misuse("--priority: 0 to 9; 0 is handed out first");
    const auto id = board.post(*job, static_cast<unsigned>(priority));
    if (!id) return context.fail(id.error());
    JsonWriter json;
    json.begin_object().field("id", *id).end_object();
    context.line(context.settings.json ? json.take() : "OK job " + printable(*id));
    return Exit::ok;
}

// ---- looked at ----

std::string_view name_of(JobState::Stage stage) {
    switch (stage) {
        case JobState::Stage::waiting: return "waiting";
        case JobState::Stage::working: return "working";
        case JobState::Stage::done: return "done";
        case JobState::Stage::failed: return "failed";
    }
    return "";
}

std::string line_of(const JobState& job) {
    std::string line = printable(job.id) + "\t" + std::string(name_of(job.stage));
    if (job.stage == JobState::Stage::working)
        line += "\t" + printable(job.worker, value_shown_max) + "\t" + printable(job.progress, value_shown_max);
    return line;
}

Exit list_jobs(Context& context, JobBoard& board) {
    const auto jobs = board.list(context.arguments.number("most", jobs_shown_default));
    if (!jobs) return context.fail(jobs.error());
    JsonWriter json;
    json.begin_array();
    for (const JobState& job : *jobs) {
        if (!context.settings.json) context.line(line_of(job));
        json.begin_object().field("id", job.id).field("stage", name_of(job.stage)).field("attempts", job.attempts);
        if (!job.worker.empty()) json.field("worker", job.worker);
        if (!job.progress.empty()) json.field("progress", job.progress);
        json.end_object();
    }
    if (context.settings.json) context.line(json.end_array().take());
    return Exit::ok;
}

// How far it is goes to the terminal; the output is the result alone.
Exit print_job_result(Context& context, JobBoard& board) {
    const Bytes id = context.word(2);
    const auto show = [&context](const JobState& job) {
        if (job.stage == JobState::Stage::working) context.note(line_of(job));
    };
    const auto wait = context.arguments.duration("wait", wait_default);
    const auto result = board.wait_result(id, wait, context.err_terminal ? show : JobBoard::OnProgress());
    if (!result) {
        const bool none = result.error().code == Code::timeout;
        return context.fail(none ? Error{Code::not_found, result.error().detail} : result.error());
    }
    if (context.settings.json) {
        JsonWriter json;
        context.line(json.begin_object().field(result->failed ? "error" : "result", result->value).end_object().take());
    } else if (!result->failed) {
        context.out << (context.out_terminal ? terminal_safe(result->value) : result->value);
    }
    context.out.flush();
    if (!context.out) return Exit::other;  // nobody has read it: it stays
    if (context.has("forget")) {
        if (const Status done = board.forget(id); !done) return context.fail(done.error());
    }
    return result->failed ? context.fail({Code::io, "the job has failed: " + printable(result->value)}) : Exit::ok;
}

Exit forget_job(Context& context, JobBoard& board) {
    const Status done = board.forget(context.word(2));
    return done ? Exit::ok : context.fail(done.error());
}

constexpr std::array job_verbs = {
    JobVerb{{"post", 3, 3, " priority literal "}, post_job},
    JobVerb{{"list", 2, 2, " most "}, list_jobs},
    JobVerb{{"result", 3, 3, " wait forget "}, print_job_result},
    JobVerb{{"forget", 3, 3, ""}, forget_job},
    JobVerb{{"work", 3, command_words_max, " wait ttl attempts worker follow "}, nullptr},
};

Exit run_job_verb(Context& context) {
    if (const JobVerb* row = find_verb(context, std::span<const JobVerb>(job_verbs))) {
        if (!are_flags_of(context, row->verb)) return Exit::usage;
        if (row->run == nullptr) return work_on_jobs(context);
        auto client = context.connect();
        if (!client) return context.fail(client.error());
        JobBoard board(std::move(*client), context.word(1));
        return row->run(context, board);
    }
    return context.misuse(
        "write `job post BOARD JOB`, `job work BOARD -- COMMAND`, `job list BOARD` or `job result|forget BOARD ID`");
}

}  // namespace

const Command job_command = {
    .name = "job",
    .summary = "jobs that are handed to workers, who report how far they are and give a result back",
    .usage =
        "post BOARD JOB|-|@FILE [--priority N] | work BOARD [--follow] [--wait TIME] [FLAGS] -- COMMAND ARGUMENT... | "
        "list BOARD | result BOARD ID [--wait TIME] [--forget] | forget BOARD ID",
    .details =
        "`work` takes the next job and runs COMMAND with it as its standard input. What COMMAND writes to its standard\n"
        "output, up to 1 MiB, is the job's result; its last whole line so far is what others see as its progress. If it\n"
        "exits with anything but 0 the job goes to the next worker, and has failed after --attempts. COMMAND finds\n"
        "BELFRY_JOB_ID and BELFRY_JOB_ATTEMPTS (1 is the first time) in its environment. If this process dies, or is\n"
        "paused, others get the job after --ttl; then the work may be done twice, but there is one result. COMMAND gets\n"
        "SIGTERM and after 5 s SIGKILL when the job is lost (exit 4), or when this process is stopped.\n"
        "`result` waits for the result and prints it; it stays until `forget`, or --forget. Exit 1: there is none within\n"
        "--wait, or no such job; 7: the job has failed.\n\n"
        "  belfry job work reports --follow -- ./make-report.sh       # start it as often as you like\n"
        "  belfry job post reports 2026-11                            # OK job 5/00000000000000000042-0000\n"
        "  belfry job list reports\n"
        "  belfry job result reports 5/00000000000000000042-0000 --forget",
    .flags = job_flags,
    .words_min = 2,
    .words_max = command_words_max,
    .run = run_job_verb,
};

}  // namespace belfry::cli

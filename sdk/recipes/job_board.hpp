// belfry::JobBoard and belfry::Worker: an assigner hands jobs to workers, sees how far they are, and gets their results.
//
//     belfry::JobBoard board(client, "reports");                        // the assigner
//     const auto id = board.post("2026-11");
//     const auto result = board.wait_result(*id, 1h, [](const belfry::JobState& job) { show(job.worker, job.progress); });
//     board.forget(*id);
//
//     belfry::Worker worker(client, lease, "reports");                  // as many as you like, anywhere
//     while (const auto job = worker.take(1h)) {
//         if (Status known = worker.report(*job, "half"); !known) continue;   // `conflict`: it is not ours any more
//         worker.finish(*job, make_report(job->value));                 // or fail(*job, "no such month")
//     }
//
//   waiting ──▶ working ──▶ done      finish()
//      ▲           ├──────▶ failed    fail(), or the worker died, for the attempts_max-th time
//      └───────────┘                  fail(), or the worker died, before that
//
// Promise: that of queues (recipes/queue.hpp). A job has one result or one error, written in the transaction that takes it
// off the board: whoever lost it meanwhile hears `conflict`, and nothing of his is seen. Who works on a job, and what he
// said last, are keys of his lease: when he dies they go with it, and the job is handed to the next one.
// No promise: that the work itself is done once, as with queues.
// In the hub: a queue NAME/jobs, and for each job NAME/job/ID/worker, NAME/job/ID/progress, then NAME/job/ID/result or
// NAME/job/ID/error. Needs the rights read, write, delete and lease on the prefix NAME/.
// Bounds: those of queues; results stay until forget(), or until more than WorkerOptions::results_max are there: then the
// oldest go. Texts as any value.
// Threads: one at a time for each object. Calls are synchronous: not in a callback of the client.
// Ownership: keeps its client and its lease alive.
#pragma once

#include "sdk/recipes/queue.hpp"

namespace belfry {

inline constexpr size_t job_results_trim_every =
    16;  // a worker's finished jobs: so many more than results_max may be there

struct JobState {
    enum class Stage { waiting, working, done, failed };
    Bytes id;
    Stage stage = Stage::waiting;
    Bytes worker;           // of one that works on it
    Bytes progress;         // what he said last
    uint64_t attempts = 0;  // how often it was handed out so far; 0 when it is done or failed
    friend bool operator==(const JobState&, const JobState&) = default;
};

struct JobResult {
    bool failed = false;
    Bytes value;  // the result, or why there is none
    friend bool operator==(const JobResult&, const JobResult&) = default;
};

class JobBoard {
public:
    using OnProgress = std::function<void(const JobState&)>;

    JobBoard(std::shared_ptr<Client> client, Bytes name);

    // The answer is the job's id. Errors as Queue::push().
    Result<Bytes> post(BytesView job, unsigned priority = queue_priority);
    // `on_progress` is called by this thread, with each state that it sees: of quick ones perhaps only the last. It may be
    // empty. `timeout`: neither done nor failed in that time; `not_found`: there is neither job nor result of this id (it
    // was erased, forgotten, or is one of too many).
    Result<JobResult> wait_result(const Bytes& id, std::chrono::milliseconds timeout, const OnProgress& on_progress = {});
    // Once it is done or failed: its result is not needed any more. `not_found`: there is none.
    Status forget(const Bytes& id);
    // Jobs that wait or are worked on, in the order in which they are handed out, then what is done or failed; `most` of
    // each at most.
    Result<std::vector<JobState>> list(size_t most = 1000);

    const Queue& queue() const { return queue_; }

private:
    Status read_live(std::vector<JobState>& states);

    const std::shared_ptr<Client> client_;
    const Bytes name_;
    Queue queue_;
};

struct WorkerOptions {
    Bytes name = {};                       // for others to see; empty = "HOST:PID"
    uint64_t attempts_max = 5;             // then the job has failed; 0 = never
    size_t results_max = 10'000;           // that nobody has fetched; the same for all workers of a board
    std::function<bool()> cancelled = {};  // as ConsumerOptions::cancelled
};

using Job = QueueItem;

class Worker {
public:
    Worker(std::shared_ptr<Client> client, std::shared_ptr<const Lease> lease, Bytes board, WorkerOptions options = {});

    // The next job; errors as Consumer::take(). What was taken before and not finished stays this worker's.
    Result<Job> take(std::chrono::milliseconds timeout);
    // How far it is. `conflict`: somebody else has the job, or it is gone: stop.
    Status report(const Job& job, BytesView progress);
    // Done. `conflict`: as with report(), and nothing was written; after `uncertain` ask again: `conflict` then says that
    // it was done, or is lost.
    Status finish(const Job& job, BytesView result);
    // Not done: it goes back, and after attempts_max the assigner is told of this error. Errors as finish().
    Status fail(const Job& job, BytesView error);

    const Lease& lease() const { return consumer_.lease(); }

private:
    Status end(const Job& job, const char* how, BytesView value);
    Status trim_results();

    const std::shared_ptr<Client> client_;
    const Bytes board_;
    const WorkerOptions options_;
    Consumer consumer_;
    size_t ended_ = 0;  // jobs, since the results were counted
};

}  // namespace belfry

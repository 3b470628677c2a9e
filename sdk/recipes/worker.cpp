#include <algorithm>

#include "sdk/base/limits.hpp"
#include "sdk/recipes/job_board.hpp"
#include "sdk/recipes/job_keys.hpp"
#include "sdk/recipes/place.hpp"
#include "sdk/recipes/queue_keys.hpp"

namespace belfry {
namespace {

using namespace recipes;
using protocol::TxnRequest;

protocol::TxnOp erase_of(const Bytes& key) { return {protocol::DeleteRequest{KeyRange::one(key)}}; }

WorkerOptions named(WorkerOptions options) {
    if (options.name.empty()) options.name = this_process();
    return options;
}

}  // namespace

Worker::Worker(std::shared_ptr<Client> client, std::shared_ptr<const Lease> lease, Bytes board, WorkerOptions options)
    : client_(std::move(client)),
      board_(std::move(board)),
      options_(named(std::move(options))),
      consumer_(client_, std::move(lease), jobs_of(board_), {.attempts_max = 0, .cancelled = options_.cancelled}) {}

Result<Job> Worker::take(std::chrono::milliseconds timeout) {
    if (Status good = check_board_name(board_); !good) return good.error();
    const Patience patience = Patience::of(timeout, options_.cancelled);
    for (;;) {
        const auto left = patience.until - std::chrono::steady_clock::now();
        const auto wait =
            std::max(std::chrono::duration_cast<std::chrono::milliseconds>(left), std::chrono::milliseconds(0));
        auto jobs = consumer_.take(1, wait);
        if (!jobs) return jobs.error();
        Job job = std::move(jobs->front());
        if (options_.attempts_max != 0 && job.attempts > options_.attempts_max) {
            const std::string times = std::to_string(options_.attempts_max);
            const Status told =
                end(job, "error", "given up: it was handed out " + times + " times, and nobody finished it");
            if (!told) (void)consumer_.give_back(job);
            if (!told && told.error().code != Code::conflict) return told.error();
            continue;
        }
        // Who has it is for others to see; that it could not be said is no reason not to work.
        const Status told = report(job, "");
        if (!told && told.error().code == Code::conflict) continue;
        return job;
    }
}

Status Worker::report(const Job& job, BytesView progress) {
    const JobKeys keys(board_, job.id);
    TxnRequest txn;
    txn.compares = {consumer_.guard(job)};
    txn.then_ops = {{protocol::PutRequest{keys.worker, options_.name, lease().id()}},
                    {protocol::PutRequest{keys.progress, Bytes(progress), lease().id()}}};
    const auto done = client_->txn(std::move(txn));
    if (!done) return done.error();
    if (done->succeeded) return {};
    return Error{Code::conflict, "job " + job.id + " is not this worker's any more"};
}

Status Worker::finish(const Job& job, BytesView result) { return end(job, "result", result); }

Status Worker::fail(const Job& job, BytesView error) {
    if (options_.attempts_max != 0 && job.attempts >= options_.attempts_max) return end(job, "error", error);
    const JobKeys keys(board_, job.id);
    return consumer_.give_back(job, {erase_of(keys.worker), erase_of(keys.progress)});
}

// Off the board, and its result or error there.
Status Worker::end(const Job& job, const char* how, BytesView value) {
    const JobKeys keys(board_, job.id);
    Status done = consumer_.acknowledge(
        std::span(&job, 1),
        {erase_of(keys.worker), erase_of(keys.progress), {protocol::PutRequest{keys.prefix + how, Bytes(value), {}}}});
    if (done && ended_++ % job_results_trim_every == 0) (void)trim_results();  // otherwise the next one that ends does
    return done;
}

// The oldest first, by when they were written.
Status Worker::trim_results() {
    const auto count = client_->range(count_of(KeyRange::prefix(job_prefix_of(board_))));
    if (!count) return count.error();
    if (count->count <= options_.results_max) return {};
    protocol::RangeRequest all = keys_of(job_prefix_of(board_));
    all.sort_target = protocol::SortTarget::create;
    const auto found = client_->range(all);
    if (!found) return found.error();
    std::vector<Bytes> results;
    for (const KeyValue& kv : found->kvs) {
        if (ended_job_of(board_, kv.key)) results.push_back(kv.key);
    }
    if (results.size() <= options_.results_max) return {};
    results.resize(std::min(results.size() - options_.results_max, limits::txn_ops_max));
    TxnRequest txn;
    for (const Bytes& key : results) txn.then_ops.push_back(erase_of(key));
    const auto done = client_->txn(std::move(txn));
    return done ? Status() : Status(done.error());
}

}  // namespace belfry

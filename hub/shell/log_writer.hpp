// The log writer thread: does the core's disk work in order, one log store call at a time, and answers with inputs.
//
//     Persist::vote                     -> durable when save_vote() returns
//     Persist{truncate, entries}        -> EntriesPersisted      (several waiting jobs share one sync)
//     ReadEntries{first, last}          -> EntriesRead
//     Output::compact_to                -> nothing
//     Output::install                   -> on_emptied, when the log is empty after the boundary
//
// A lone write need not change threads twice: when nothing else waits, persist_now() does the same work on the caller's
// thread (a wake-up costs as much as a sync on small virtual machines). Under load the writer thread syncs while the core
// goes on.
//
// A full disk is reported to the core (PersistFailed); any other failure is final: `on_fatal` is called once and nothing is
// written any more.
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <thread>
#include <variant>

#include "hub/core/core.hpp"
#include "hub/plugin/log_store.hpp"
#include "hub/shell/histogram.hpp"
#include "hub/shell/mailbox.hpp"

namespace belfry::hub::shell {

class LogWriter {
public:
    struct Hooks {
        std::function<void(core::Input)> on_done;  // called on the writer thread
        std::function<void(Error)> on_fatal;
        // Called before entries are dropped; keeps the boundary where the next start finds it.
        std::function<Status(const core::Boundary& boundary)> keep_boundary;
        std::function<Status(Index boundary)> before_install;
        std::function<void(Index boundary)> on_emptied;
    };

    // The log outlives the writer.
    LogWriter(plugin::LogStore& log, Hooks hooks);
    ~LogWriter();  // finishes what is queued

    // Of both: the vote is not looked at, save_vote() has been called for it.
    void persist(core::Persist job) { put(std::move(job)); }
    // Does the job at once if the writer is idle, and appends what would have gone to on_done to `answers`. False: it is
    // not, and `job` is untouched.
    bool persist_now(core::Persist& job, std::vector<core::Input>& answers);
    void read(core::ReadEntries job) { put(job); }
    void compact_to(core::Boundary boundary) { put(Compact{std::move(boundary)}); }
    void install(core::Boundary boundary) { put(Install{std::move(boundary)}); }
    // At once, on the calling thread: no message may leave before it. Waits for the job under way; an error is final.
    void save_vote(const raft::Vote& vote);

    const Histogram& sync_latency_us() const { return sync_latency_us_; }
    uint64_t sync_count() const { return sync_count_.load(std::memory_order_relaxed); }
    uint64_t bytes_appended() const { return bytes_appended_.load(std::memory_order_relaxed); }

private:
    struct Compact {
        core::Boundary boundary;
    };
    struct Install {
        core::Boundary boundary;
    };
    using Job = std::variant<core::Persist, core::ReadEntries, Compact, Install>;

    void put(Job job);
    void answer(core::Input input);
    void run();
    void run_jobs(std::vector<Job>& jobs);
    bool start_persist(core::Persist& job);
    void sync_and_report();
    void run_read(const core::ReadEntries& job);
    void run_compact(const core::Boundary& boundary);
    void run_install(const core::Boundary& boundary);
    void fail(Error error);

    plugin::LogStore& log_;
    Hooks hooks_;
    Mailbox<Job> jobs_;
    std::atomic<uint64_t> jobs_left_{0};  // queued or being done by the writer thread
    std::mutex working_;                  // held by whoever calls the log store; guards what follows up to entries_
    std::vector<core::Input>* answers_ = nullptr;  // of persist_now
    Index unsynced_;                               // last entry appended since the last sync; 0 = none
    uint64_t generation_ = 0;                      // of the log, by the last job
    Index refused_from_;                           // a full disk kept entries from here on out; 0 = none
    bool failed_ = false;
    std::vector<belfry_log_entry> entries_;  // reused
    Histogram sync_latency_us_;
    std::atomic<uint64_t> sync_count_{0};
    std::atomic<uint64_t> bytes_appended_{0};
    std::thread thread_;  // last: it uses all of the above
};

}  // namespace belfry::hub::shell

#include "hub/shell/log_writer.hpp"

#include <algorithm>

#include "hub/shell/clock.hpp"

namespace belfry::hub::shell {

LogWriter::LogWriter(plugin::LogStore& log, Hooks hooks)
    : log_(log), hooks_(std::move(hooks)), thread_([this] { run(); }) {}

LogWriter::~LogWriter() {
    jobs_.close();
    thread_.join();
}

void LogWriter::put(Job job) {
    jobs_left_.fetch_add(1);
    jobs_.put(std::move(job));
}

bool LogWriter::persist_now(core::Persist& job, std::vector<core::Input>& answers) {
    if (jobs_left_.load() != 0) return false;
    const std::lock_guard lock(working_);
    if (failed_) return false;
    answers_ = &answers;
    start_persist(job);
    if (!failed_) sync_and_report();
    answers_ = nullptr;
    return true;
}

void LogWriter::answer(core::Input input) {
    if (answers_ != nullptr) {
        answers_->push_back(std::move(input));
    } else {
        hooks_.on_done(std::move(input));
    }
}

void LogWriter::run() {
    std::vector<Job> jobs;
    for (;;) {
        jobs_.take_all(jobs, std::chrono::steady_clock::time_point::max());
        if (jobs.empty()) return;  // closed and drained
        {
            const std::lock_guard lock(working_);
            run_jobs(jobs);
        }
        jobs_left_.fetch_sub(jobs.size());
    }
}

void LogWriter::run_jobs(std::vector<Job>& jobs) {
    for (Job& job : jobs) {
        if (failed_) return;
        if (auto* persist = std::get_if<core::Persist>(&job)) {
            start_persist(*persist);
            continue;
        }
        sync_and_report();  // reads and compaction see only what is durable
        if (failed_) return;
        if (auto* read = std::get_if<core::ReadEntries>(&job)) run_read(*read);
        if (auto* compact = std::get_if<Compact>(&job)) run_compact(compact->boundary);
        if (auto* install = std::get_if<Install>(&job)) run_install(install->boundary);
    }
    if (!failed_) sync_and_report();
}

// Truncation and append in order. False: nothing of the entries was kept.
bool LogWriter::start_persist(core::Persist& job) {
    if (job.truncate_after) {
        if (auto cut = log_.truncate_after(*job.truncate_after); !cut) return fail(cut.error()), false;
        unsynced_ = std::min(unsynced_, *job.truncate_after);
        if (refused_from_ > job.truncate_after->next()) refused_from_ = {};
    }
    generation_ = std::max(generation_, job.generation);
    if (job.entries.empty()) return true;
    // What was queued behind refused entries would leave a gap; the core asks for all of it again.
    if (refused_from_ != Index{} && job.entries.front().index != refused_from_) return false;
    entries_.clear();
    uint64_t bytes = 0;
    for (const raft::Entry& entry : job.entries) {
        const BytesView payload = entry.payload ? BytesView(*entry.payload) : BytesView();
        entries_.push_back(
            {entry.index.value, entry.term.value, static_cast<uint32_t>(entry.type), 0, {payload.data(), payload.size()}});
        bytes += payload.size();
    }
    if (auto appended = log_.append(entries_); !appended) {
        if (appended.error().code != Code::no_space) return fail(appended.error()), false;
        sync_and_report();
        refused_from_ = job.entries.front().index;
        answer(core::PersistFailed{appended.error(), refused_from_});
        return false;
    }
    refused_from_ = {};
    bytes_appended_.fetch_add(bytes, std::memory_order_relaxed);
    unsynced_ = job.entries.back().index;
    return true;
}

void LogWriter::sync_and_report() {
    if (unsynced_ == Index{}) return;
    const uint64_t started_us = now_us();
    if (auto synced = log_.sync(); !synced) return fail(synced.error());
    sync_latency_us_.add(now_us() - started_us);
    sync_count_.fetch_add(1, std::memory_order_relaxed);
    answer(core::EntriesPersisted{std::exchange(unsynced_, Index{}), generation_});
}

void LogWriter::run_read(const core::ReadEntries& job) {
    core::EntriesRead read_back;
    const auto state = log_.state();
    if (!state) return fail(state.error());
    if (job.first.value < state->first_index) return answer(std::move(read_back));  // compacted meanwhile: there are none
    size_t bytes = 0;
    const auto visitor = [&](const belfry_log_entry& entry) {
        if (entry.index > job.last.value) return false;
        const auto* data = static_cast<const char*>(entry.payload.data);
        read_back.entries.push_back({Index{entry.index}, Term{entry.term}, static_cast<raft::EntryType>(entry.type),
                                     std::make_shared<const Bytes>(data, entry.payload.size)});
        bytes += entry.payload.size;
        return bytes < job.bytes_max;
    };
    if (auto read = log_.read(job.first, visitor); !read) return fail(read.error());
    answer(std::move(read_back));
}

void LogWriter::run_compact(const core::Boundary& boundary) {
    if (auto kept = hooks_.keep_boundary(boundary); !kept) return fail(kept.error());
    if (auto compacted = log_.compact(boundary.index.next()); !compacted) fail(compacted.error());
}

// If the process ends between the last two the next start empties the log (restore_log).
void LogWriter::run_install(const core::Boundary& boundary) {
    if (auto ready = hooks_.before_install(boundary.index); !ready) return fail(ready.error());
    if (auto kept = hooks_.keep_boundary(boundary); !kept) return fail(kept.error());
    if (auto emptied = log_.reset(boundary.index, boundary.term); !emptied) return fail(emptied.error());
    unsynced_ = refused_from_ = {};
    hooks_.on_emptied(boundary.index);
}

void LogWriter::save_vote(const raft::Vote& vote) {
    const std::lock_guard lock(working_);
    if (failed_) return;
    if (auto saved = log_.save_vote(vote.term, vote.voted_for); !saved) fail(saved.error());
}

void LogWriter::fail(Error error) {
    failed_ = true;
    hooks_.on_fatal({error.code, "log store " + log_.name() + ": " + error.detail});
}

}  // namespace belfry::hub::shell

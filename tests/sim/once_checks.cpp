#include "tests/sim/once_checks.hpp"

#include <algorithm>
#include <string>

namespace belfry::sim {

namespace {

constexpr uint64_t once_quick_ms = 2000;  // some round trips; shorter than a wait for changes
constexpr unsigned next_name_percent = 60;

Error wrong_job(const std::string& what) { return {Code::corrupt, "once: " + what}; }

}  // namespace

// What becomes of the three keys of a name in one change; NULL = nothing.
struct OnceChecks::Parts {
    const Event* worker = nullptr;
    const Event* tries = nullptr;
    const Event* result = nullptr;

    static bool puts(const Event* event) { return event != nullptr && event->type == EventType::put; }
    static bool erases(const Event* event) { return event != nullptr && event->type == EventType::erase; }
};

Status OnceChecks::on_change(const ChangeSet& change) {
    std::map<Bytes, Parts> by_name;
    for (const Event& event : change.events) {
        const Bytes& key = event.kv.key;
        if (!key.starts_with(OnceKeys::all)) continue;
        Parts& parts = by_name[key.substr(0, key.rfind('/'))];
        if (key.ends_with(OnceKeys::worker)) parts.worker = &event;
        if (key.ends_with(OnceKeys::tries)) parts.tries = &event;
        if (key.ends_with(OnceKeys::result)) parts.result = &event;
    }
    for (const auto& [name, parts] : by_name) {
        Job& job = jobs_[name];
        const auto awaited_ms = awaited_since_ms(name);
        const bool is_slow = Parts::puts(parts.worker) && awaited_ms && is_late(std::max(job.since_ms, *awaited_ms));
        if (is_slow) return wrong_job("nobody was at " + name + " for long, and somebody waited");
        if (Status good = on_job(job, change, parts); !good) return wrong_job(name + ": " + good.error().detail);
    }
    return {};
}

// Each of the recipe's writes is known by what it puts. Whoever puts nothing gives back, has lost his lease, or forgets
// all.
Status OnceChecks::on_job(Job& job, const ChangeSet& change, const Parts& parts) {
    if (Parts::puts(parts.result)) return publish(job, change, parts);
    if (Parts::puts(parts.worker)) return begin(job, change, parts);
    if (Parts::puts(parts.tries)) return fail_try(job, change, parts);
    if (Parts::erases(parts.tries) || Parts::erases(parts.result)) {
        forget(job, change.revision);
    } else {
        let_go(job, Code::uncertain);
    }
    return {};
}

Status OnceChecks::begin(Job& job, const ChangeSet& change, const Parts& parts) {
    if (job.worker) return wrong_job(change.author + " begins while " + job.worker->user + " is at it");
    if (job.has_end) return wrong_job(change.author + " begins, and it has come to its end");
    if (parts.worker->kv.lease == LeaseId{}) return wrong_job(change.author + " is at it without a lease");
    if (!Parts::puts(parts.tries) || parts.tries->kv.value != std::to_string(job.begun + 1))
        return wrong_job(change.author + " begins, and does not count his try as number " + std::to_string(job.begun + 1));
    ++job.begun;
    ++tries_;
    job.worker = {change.author, change.revision};
    return {};
}

// The result names the turn that it comes from.
Status OnceChecks::publish(Job& job, const ChangeSet& change, const Parts& parts) {
    if (job.has_end) return wrong_job(change.author + " publishes, and it has come to its end");
    if (!job.worker) return wrong_job(change.author + " publishes, and nobody is at it");
    const Bytes turn = job.worker->user + " " + std::to_string(job.worker->created.value);
    if (parts.result->kv.value != turn)
        return wrong_job(change.author + " publishes " + parts.result->kv.value + " while it is the turn of " + turn);
    if (!Parts::erases(parts.worker) || !Parts::erases(parts.tries))
        return wrong_job(change.author + " publishes, and does not tidy up");
    ++results_;
    job.worker.reset();
    end(job, Code::ok, turn);
    return {};
}

Status OnceChecks::fail_try(Job& job, const ChangeSet& change, const Parts& parts) {
    if (!job.worker || job.worker->user != change.author)
        return wrong_job(change.author + " has failed, and it was not his turn");
    if (!Parts::erases(parts.worker)) return wrong_job(change.author + " has failed, and stays at it");
    const Bytes begun = std::to_string(job.begun) + " ";
    if (!parts.tries->kv.value.starts_with(begun)) return wrong_job(change.author + " has failed, and counts it otherwise");
    let_go(job, static_cast<Code>(std::stoi(parts.tries->kv.value.substr(begun.size()))));
    return {};
}

void OnceChecks::let_go(Job& job, Code code) {
    job.worker.reset();
    job.since_ms = world_.now();
    if (job.begun >= OnceKeys::tries_max) end(job, code, {});
}

void OnceChecks::end(Job& job, Code code, const Bytes& result) {
    job.ends.push_back({code, result, {}});
    job.has_end = true;
    job.since_ms = world_.now();
}

void OnceChecks::forget(Job& job, Revision at) {
    if (job.has_end) job.ends.back().forgotten = at;
    job.has_end = false;
    job.worker.reset();
    job.begun = 0;
    job.since_ms = world_.now();
}

// ---- those who run it ----

Bytes OnceChecks::some_name() {
    const auto name = [this] { return OnceKeys::all + std::to_string(round_); };
    if (jobs_[name()].has_end && world_.random.chance(next_name_percent)) ++round_;
    return name();
}

void OnceChecks::runs(const Bytes& user, const Bytes& name) { running_[user] = {name, ledger_.newest(), world_.now()}; }

void OnceChecks::told(const Bytes& user, Code code, const Bytes& result) {
    const auto found = running_.find(user);
    if (found == running_.end()) return world_.fail("once: " + user + " is told of an end without having come");
    const Run run = found->second;
    running_.erase(found);
    const Job& job = jobs_[run.name];
    const bool is_so = std::any_of(job.ends.begin(), job.ends.end(), [&](const End& end) {
        return end.code == code && end.result == result && (!end.forgotten || *end.forgotten > run.since);
    });
    const std::string what = code == Code::ok ? result : "of code " + std::to_string(static_cast<int32_t>(code));
    if (!is_so) return world_.fail("once: " + user + " is told of the end " + what + " of " + run.name + ", which is none");
    if (job.has_end && is_late(std::max(job.since_ms, run.since_ms)))
        world_.fail("once: " + user + " is told late of the end of " + run.name);
}

bool OnceChecks::is_late(uint64_t since_ms) const {
    return since_ms >= quick_from_ms_ && world_.now() > since_ms + once_quick_ms;
}

std::optional<uint64_t> OnceChecks::awaited_since_ms(const Bytes& name) const {
    std::optional<uint64_t> first_ms;
    for (const auto& [user, run] : running_) {
        if (run.name == name) first_ms = std::min(first_ms.value_or(UINT64_MAX), run.since_ms);
    }
    return first_ms;
}

void OnceChecks::check_end() const {
    for (const auto& [name, job] : jobs_) {
        if (job.worker) return world_.fail("once: " + job.worker->user + " is at " + name + " for ever");
    }
    for (const auto& [user, run] : running_) return world_.fail("once: " + user + " waits for the end of " + run.name);
}

}  // namespace belfry::sim

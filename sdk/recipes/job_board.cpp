#include "sdk/recipes/job_board.hpp"

#include <algorithm>

#include "sdk/base/limits.hpp"
#include "sdk/protocol/claim.hpp"
#include "sdk/recipes/job_keys.hpp"
#include "sdk/recipes/queue_keys.hpp"

namespace belfry {
namespace {

using namespace recipes;
using namespace std::chrono_literals;
using protocol::TxnRequest;

constexpr size_t ids_per_read = limits::txn_ops_max / 2;  // two keys each

const KeyValue* find(const std::vector<KeyValue>& kvs, const Bytes& key) {
    const auto found = std::find_if(kvs.begin(), kvs.end(), [&key](const KeyValue& kv) { return kv.key == key; });
    return found == kvs.end() ? nullptr : &*found;
}

// What the keys of one job say of it, if it is on the board or has ended.
JobState state_of(const JobKeys& keys, const Bytes& id, const std::vector<KeyValue>& kvs) {
    JobState state;
    state.id = id;
    const KeyValue *worker = find(kvs, keys.worker), *progress = find(kvs, keys.progress);
    if (worker != nullptr) state.worker = worker->value;
    if (progress != nullptr) state.progress = progress->value;
    if (worker != nullptr) state.stage = JobState::Stage::working;
    return state;
}

}  // namespace

JobBoard::JobBoard(std::shared_ptr<Client> client, Bytes name)
    : client_(std::move(client)), name_(std::move(name)), queue_(client_, jobs_of(name_)) {}

Result<Bytes> JobBoard::post(BytesView job, unsigned priority) {
    if (Status good = check_board_name(name_); !good) return good.error();
    return queue_.push(job, priority);
}

Result<JobResult> JobBoard::wait_result(const Bytes& id, std::chrono::milliseconds timeout, const OnProgress& on_progress) {
    if (Status good = check_board_name(name_); !good) return good.error();
    const JobKeys keys(name_, id);
    const Waiting waiting(client_, nullptr, name_, "job " + id + " is not done");
    const Patience patience = Patience::of(timeout);
    JobState told;
    for (;;) {
        const auto parts =
            read_ranges(*client_, {all_of(keys.prefix), count_of(KeyRange::one(keys.item)), one_of(keys.claim)});
        if (!parts && !may_pass(parts.error().code)) return parts.error();
        if (parts) {
            const std::vector<KeyValue>& kvs = parts->ranges[0].kvs;
            for (const bool failed : {false, true}) {
                if (const KeyValue* end = find(kvs, failed ? keys.error : keys.result))
                    return JobResult{failed, end->value};
            }
            if (parts->ranges[1].count == 0)
                return Error{Code::not_found, "there is no job " + id + ", and no result of it"};
            JobState now = state_of(keys, id, kvs);
            for (const KeyValue& claim : parts->ranges[2].kvs) now.attempts = mark_of(claim).attempts;
            if (on_progress && now != told) on_progress(now);
            told = std::move(now);
        }
        if (const Status go = waiting.may_go_on(patience); !go) return go.error();
        if (!parts) waiting.pause(patience);
        if (!parts) continue;
        const auto heard = waiting.hear({"prefix", keys.prefix}, parts->at, patience);
        if (!heard) return heard.error();
    }
}

Status JobBoard::forget(const Bytes& id) {
    const JobKeys keys(name_, id);
    TxnRequest txn;
    txn.then_ops = {{protocol::DeleteRequest{KeyRange::one(keys.result)}},
                    {protocol::DeleteRequest{KeyRange::one(keys.error)}}};
    const auto done = client_->txn(std::move(txn));
    if (!done) return done.error();
    uint64_t deleted = 0;
    for (const protocol::TxnOpReply& one : done->replies) {
        if (const auto* erased = std::get_if<protocol::DeleteReply>(&one.reply)) deleted += erased->deleted;
    }
    return deleted > 0 ? Status() : Status(Error{Code::not_found, "there is no result of job " + id});
}

// ---- all of them ----

Result<std::vector<JobState>> JobBoard::list(size_t most) {
    if (Status good = check_board_name(name_); !good) return good.error();
    const Bytes items = items_of(queue_.name()), claims = claims_of(queue_.name());
    const auto parts = read_ranges(*client_, {keys_of(items, most), all_of(claims), keys_of(job_prefix_of(name_))});
    if (!parts) return parts.error();
    std::map<Bytes, uint64_t> attempts;
    for (const KeyValue& claim : parts->ranges[1].kvs) attempts[claim.key.substr(claims.size())] = mark_of(claim).attempts;
    std::vector<JobState> states;
    for (const KeyValue& item : parts->ranges[0].kvs) {
        JobState state;
        state.id = item.key.substr(items.size());
        if (const auto known = attempts.find(state.id); known != attempts.end()) state.attempts = known->second;
        states.push_back(std::move(state));
    }
    if (Status read = read_live(states); !read) return read.error();
    size_t ended = 0;
    for (const KeyValue& kv : parts->ranges[2].kvs) {
        const auto end = ended_job_of(name_, kv.key);
        if (!end || ended++ >= most) continue;
        JobState state;
        state.id = end->id;
        state.stage = end->failed ? JobState::Stage::failed : JobState::Stage::done;
        states.push_back(std::move(state));
    }
    return states;
}

// Who works on them, and how far.
Status JobBoard::read_live(std::vector<JobState>& states) {
    std::vector<JobState*> live;
    for (JobState& state : states) {
        if (state.attempts > 0) live.push_back(&state);
    }
    for (size_t first = 0; first < live.size(); first += ids_per_read) {
        const size_t last = std::min(live.size(), first + ids_per_read);
        std::vector<protocol::RangeRequest> ranges;
        for (size_t i = first; i < last; ++i) {
            const JobKeys keys(name_, live[i]->id);
            ranges.push_back(one_of(keys.worker));
            ranges.push_back(one_of(keys.progress));
        }
        const auto parts = read_ranges(*client_, ranges);
        if (!parts) return parts.error();
        for (size_t i = first; i < last; ++i) {
            std::vector<KeyValue> kvs = parts->ranges[2 * (i - first)].kvs;
            const auto& progress = parts->ranges[2 * (i - first) + 1].kvs;
            kvs.insert(kvs.end(), progress.begin(), progress.end());
            const uint64_t attempts = live[i]->attempts;
            *live[i] = state_of(JobKeys(name_, live[i]->id), Bytes(live[i]->id), kvs);
            live[i]->attempts = attempts;
        }
    }
    return {};
}

}  // namespace belfry

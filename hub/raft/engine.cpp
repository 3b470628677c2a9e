#include "hub/raft/engine.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "hub/base/assert.hpp"

namespace belfry::hub::raft {

namespace {

// Entries the engine lets wait for acknowledgement; its default of 32 would be met under load.
constexpr unsigned entries_in_flight_max = 512;
// The engine moves no payloads but owns one block per batch, which it may free; it never looks inside.
constexpr size_t token_bytes = 8;

void* make_token() {
    void* token = raft_calloc(1, token_bytes);
    BELFRY_ASSERT(token != nullptr);
    return token;
}

raft_entry make_entry(const Entry& entry, void* token) {
    raft_entry made{};
    made.term = entry.term.value;
    made.type = static_cast<raft_entry_type>(entry.type);
    made.batch = token;
    made.buf.base = token;
    made.buf.len = token_bytes;
    if (entry.type == EntryType::change) {  // the one kind whose octets the engine reads (and only reads)
        made.buf.base = const_cast<char*>(entry.payload->data());
        made.buf.len = entry.payload->size();
    }
    return made;
}

}  // namespace

Engine::~Engine() {
    if (raft_ == nullptr) return;
    raft_close(raft_, nullptr);
    std::free(raft_);
}

Status Engine::init() {
    raft_ = static_cast<struct ::raft*>(std::calloc(1, sizeof(struct ::raft)));
    BELFRY_ASSERT(raft_ != nullptr);
    if (const int code = raft_init(raft_, nullptr, nullptr, options_.id, options_.address.c_str()); code != 0) {
        std::free(raft_);
        raft_ = nullptr;
        return Error{Code::io, std::string("raft engine: ") + raft_strerror(code)};
    }
    raft_->tracer = nullptr;  // the default one formats each line into a buffer shared by all engines
    raft_seed(raft_, options_.seed);
    raft_set_election_timeout(raft_, options_.election_timeout_ms);
    raft_set_heartbeat_timeout(raft_, options_.heartbeat_timeout_ms);
    raft_set_pre_vote(raft_, true);
    raft_set_max_inflight_entries(raft_, entries_in_flight_max);
    return {};
}

// Guard D5. The engine makes a sole voter leader at once, in the term it finds and without a vote. If the machine had lost
// entries that were not yet durable, it would then give their (index, term) to other entries; whoever saw the first ones (a
// standby, a reply) would hold a different log under the same name.
std::optional<Vote> Engine::vote_before_start(const Restored& restored) const {
    if (!options_.guard_sole_voter) return std::nullopt;
    BytesView newest = restored.configuration;
    for (const Entry& entry : restored.trail) {
        if (entry.type == EntryType::change && entry.payload) newest = *entry.payload;
    }
    if (newest.empty()) return std::nullopt;
    const auto servers = decode_configuration(newest);
    if (!servers || !is_sole_voter(**servers, options_.id)) return std::nullopt;  // start() tells what is wrong
    return Vote{Term{restored.term.value + 1}, options_.id};
}

raft_event Engine::event(raft_event_type type, uint64_t now_ms) {
    now_ms_ = std::max(now_ms_, now_ms);  // the engine subtracts unsigned
    raft_event made{};
    made.type = type;
    made.time = now_ms_;
    return made;
}

Status Engine::start(const Restored& restored, uint64_t now_ms, Effects& effects) {
    if (auto loaded = load_changes(restored); !loaded) return loaded;
    vote_ = {restored.term, restored.voted_for};
    trail_.start(restored.boundary, restored.boundary_term);

    void* const token = make_token();  // one batch for all of them
    std::vector<raft_entry> entries;
    entries.reserve(restored.trail.size());
    for (const Entry& entry : restored.trail) {
        if (entry.index != trail_.last().next() || entry.term < trail_.last_term() || entry.term > restored.term) {
            raft_free(token);
            return Error{Code::corrupt, "log: entry " + std::to_string(entry.index.value) + " of term " +
                                            std::to_string(entry.term.value) + " cannot follow entry " +
                                            std::to_string(trail_.last().value) + " of term " +
                                            std::to_string(trail_.last_term().value)};
        }
        trail_.append(entry.term);
        entries.push_back(make_entry(entry, token));
    }

    raft_event started = event(RAFT_START, now_ms);
    raft_snapshot_metadata metadata{};
    if (restored.boundary != Index{}) {
        metadata.index = restored.boundary.value;
        metadata.term = restored.boundary_term.value;
        metadata.configuration = copy_configuration(*changes_.front().servers);  // the engine keeps it
        metadata.configuration_index = restored.configuration_index.value;
        started.start.metadata = &metadata;
    }
    started.start.term = restored.term.value;
    started.start.voted_for = restored.voted_for;
    started.start.start_index = restored.boundary.value + 1;
    started.start.entries = entries.data();
    started.start.n_entries = static_cast<unsigned>(entries.size());
    auto stepped = step(started, nullptr, effects);
    if (stepped) raft_free(token);  // on an error the engine has freed it
    return stepped;
}

// The CHANGE entries that matter: the one in force at the boundary, and those after it.
Status Engine::load_changes(const Restored& restored) {
    if (restored.boundary == Index{}) {
        if (!restored.trail.empty() && restored.trail.front().type != EntryType::change) {
            return Error{Code::corrupt, "log: entry 1 does not name the members"};
        }
    } else {
        if (restored.configuration_index == Index{} || restored.configuration_index > restored.boundary) {
            return Error{Code::corrupt, "log: it begins after entry " + std::to_string(restored.boundary.value) +
                                            ", and which members there were at that point is not known"};
        }
        if (auto taken = take_change(restored.configuration_index, restored.configuration); !taken) return taken;
    }
    for (const Entry& entry : restored.trail) {
        if (entry.type != EntryType::change) continue;
        if (!entry.payload) return Error{Code::corrupt, "log: a membership entry without payload"};
        if (auto taken = take_change(entry.index, *entry.payload); !taken) return taken;
    }
    // The engine counts the first CHANGE, and the one at the boundary, as committed.
    if (!changes_.empty()) change_confirmed_ = changes_.front().index;
    if (changes_.size() > 1) change_confirmed_ = changes_[changes_.size() - 2].index;
    return {};
}

Status Engine::take_change(Index index, const Bytes& payload) {
    auto servers = decode_configuration(payload);
    if (!servers) return servers.error();
    changes_.push_back({index, payload, std::move(*servers)});
    return {};
}

Result<Index> Engine::submit(std::shared_ptr<const Bytes> payload, uint64_t now_ms, Effects& effects) {
    BELFRY_ASSERT(payload != nullptr);
    if (role() != Role::leader) return Error{Code::not_leader, "this member is not the leader"};
    const Entry proposed{trail_.last().next(), term(), EntryType::command, payload};
    void* const token = make_token();
    raft_entry entry = make_entry(proposed, token);
    raft_event submitted = event(RAFT_SUBMIT, now_ms);
    submitted.submit.entries = &entry;
    submitted.submit.n = 1;
    auto stepped = step(submitted, payload, effects);
    raft_free(token);  // ours again: refused, or given back with the entries
    if (!stepped) return stepped.error();
    return proposed.index;
}

// Several writes can be behind one another: an entry is durable and still valid only if no later write in the queue begins
// at or before it. Comparing terms instead of places in the queue can be fooled by an index that is written twice.
Status Engine::persisted(Index index, uint64_t now_ms, Effects& effects) {
    while (!writes_.empty() && writes_.front().last <= index) writes_.pop_front();
    Index valid = std::min(index, trail_.last());
    for (const Write& write : writes_) valid = std::min(valid, std::max(write.first.previous(), Index{}));
    if (valid.value <= raft_->last_stored) return {};
    raft_event done = event(RAFT_PERSISTED_ENTRIES, now_ms);
    done.persisted_entries.index = valid.value;
    return step(done, nullptr, effects);
}

Status Engine::snapshot_taken(Index index, unsigned trailing, uint64_t now_ms, Effects& effects) {
    if (index <= Index{raft_->trail.snapshot.index}) return {};  // no news; the engine must not hear it twice
    if (index > commit_ || index <= trail_.boundary()) {
        return Error{Code::invalid_argument, "snapshot at " + std::to_string(index.value) + ", but the log holds " +
                                                 std::to_string(trail_.boundary().value + 1) + ".." +
                                                 std::to_string(trail_.last().value) + ", committed up to " +
                                                 std::to_string(commit_.value)};
    }
    // The membership in force at `index`.
    const Change* in_force = nullptr;
    for (const Change& change : changes_) {
        if (change.index <= index) in_force = &change;
    }
    BELFRY_ASSERT(in_force != nullptr);
    raft_event taken = event(RAFT_SNAPSHOT, now_ms);
    taken.snapshot.metadata.index = index.value;
    taken.snapshot.metadata.term = trail_.term_of(index).value;
    taken.snapshot.metadata.configuration = copy_configuration(*in_force->servers);  // the engine keeps it
    taken.snapshot.metadata.configuration_index = in_force->index.value;
    taken.snapshot.trailing = trailing;
    if (index.value > trailing && index.value - trailing > trail_.boundary().value) {
        trail_.drop_to(Index{index.value - trailing});
    }
    return step(taken, nullptr, effects);
}

Status Engine::timeout(uint64_t now_ms, Effects& effects) {
    // An early one would make a leader think that its followers are silent.
    if (now_ms < wake_at_ms()) return {};
    raft_event due = event(RAFT_TIMEOUT, now_ms);
    return step(due, nullptr, effects);
}

// The one place where the engine runs.
Status Engine::step(raft_event& event, const std::shared_ptr<const Bytes>& payload, Effects& effects) {
    const Before before{event.type == RAFT_START ? Term{} : term(), commit_, role()};
    raft_update update{};
    const int code = raft_step(raft_, &event, &update);
    take_vote(update, effects);  // also when the step was refused
    if (code != 0) return refuse(code);
    if (update.flags & (RAFT_UPDATE_SNAPSHOT)) return Error{Code::unsupported, "raft: a snapshot from another member"};
    if (update.flags & (RAFT_UPDATE_ENTRIES)) {
        if (auto taken = take_entries(update, payload, effects); !taken) return taken;
    }
    // Messages would go into the effects here; a cluster of one has nobody to send them to.
    if ((update.flags & (RAFT_UPDATE_MESSAGES)) && update.messages.n > 0) {
        return Error{Code::unsupported, "raft: messages for other members, which this release cannot send"};
    }
    // The engine's own value can go back, for instance while it serves a probe that lags behind.
    commit_ = std::max(commit_, Index{raft_commit_index(raft_)});
    effects.committed = effects.committed || commit_ > before.commit;
    effects.role_changed = effects.role_changed || role() != before.role;
    if (auto checked = check(before); !checked) return checked;
    return confirm_changes(event.time, effects);
}

void Engine::take_vote(const raft_update& update, Effects& effects) {
    if ((update.flags & ((RAFT_UPDATE_CURRENT_TERM) | (RAFT_UPDATE_VOTED_FOR))) == 0) return;
    const Vote now{Term{raft_current_term(raft_)}, raft_voted_for(raft_)};
    if (now.term == vote_.term && now.voted_for == vote_.voted_for) return;  // flagged again, already durable
    vote_ = now;
    effects.vote = now;
}

// Copies at once: the array is the caller's or the engine's barrier, and is gone with the next step.
Status Engine::take_entries(const raft_update& update, const std::shared_ptr<const Bytes>& payload, Effects& effects) {
    const Index first{update.entries.index};
    if (auto checked = check_entries(first, update.entries.n); !checked) return checked;
    if (first <= trail_.last()) {
        effects.truncate_after = first.previous();
        trail_.truncate_after(first.previous());
        while (!changes_.empty() && changes_.back().index >= first) changes_.pop_back();
    }
    for (unsigned i = 0; i < update.entries.n; ++i) {
        const raft_entry& entry = update.entries.batch[i];
        const auto type = static_cast<EntryType>(entry.type);
        trail_.append(Term{entry.term});
        auto octets = payload;
        if (!octets) {  // the engine's own barrier
            octets = std::make_shared<const Bytes>(static_cast<const char*>(entry.buf.base), entry.buf.len);
            raft_free(entry.batch);
        }
        if (type == EntryType::change) {
            if (auto taken = take_change(trail_.last(), *octets); !taken) return taken;
        }
        effects.entries.push_back({trail_.last(), Term{entry.term}, type, std::move(octets)});
    }
    writes_.push_back({first, trail_.last()});
    return {};
}

// Tells the engine when the commit index has passed a CHANGE: at once, not when it is applied, or a later truncation could
// roll a committed membership back.
Status Engine::confirm_changes(uint64_t now_ms, Effects& effects) {
    if (changes_.empty()) return {};
    const Change& newest = changes_.back();
    if (newest.index <= change_confirmed_ || newest.index > commit_) return {};
    change_confirmed_ = newest.index;
    while (changes_.size() > 2) changes_.pop_front();
    raft_event confirmed = event(RAFT_CONFIGURATION, now_ms);
    confirmed.configuration.index = change_confirmed_.value;
    confirmed.configuration.conf = copy_configuration(*changes_.back().servers);  // the engine keeps or frees it
    return step(confirmed, nullptr, effects);
}

Status Engine::refuse(int code) const {
    const std::string reason = raft_strerror(code);
    switch (code) {
        case RAFT_NOTLEADER: return Error{Code::not_leader, "this member is not the leader"};
        case RAFT_CANTCHANGE:
        case RAFT_BADID: return Error{Code::conflict, "raft: " + reason};
        default: return Error{Code::io, "raft engine: " + reason};
    }
}

uint64_t Engine::wake_at_ms() const { return raft_timeout(raft_); }

Role Engine::role() const {
    switch (raft_state(raft_)) {
        case RAFT_LEADER: return Role::leader;
        case RAFT_CANDIDATE: return Role::candidate;
        case RAFT_FOLLOWER: return Role::follower;
        default: return Role::unavailable;
    }
}

Term Engine::term() const { return {raft_current_term(raft_)}; }

uint64_t Engine::leader() const {
    raft_id id = 0;
    const char* address = nullptr;  // may dangle; never used
    raft_leader(raft_, &id, &address);
    return id;
}

std::pair<Index, Bytes> Engine::configuration() const {
    if (changes_.empty()) return {};
    return {changes_.back().index, changes_.back().payload};
}

bool Engine::sole_voter() const { return !changes_.empty() && is_sole_voter(*changes_.back().servers, options_.id); }

}  // namespace belfry::hub::raft

#include "hub/raft/engine.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "hub/base/assert.hpp"

namespace belfry::hub::raft {

namespace {

// Entries the engine lets wait for acknowledgement; its default of 32 would be met under load.
constexpr unsigned entries_in_flight_max = 512;
// When a snapshot that was offered is not answered by then, it is offered again: the offer or the fetch was lost. Offers
// are small, and who is still fetching ignores them. The engine's own 30 s would leave a new member empty for so long.
constexpr unsigned offer_again_elections = 10;
constexpr size_t token_bytes = 8;

}  // namespace

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
    raft_set_install_snapshot_timeout(raft_, offer_again_elections * options_.election_timeout_ms);
    raft_set_pre_vote(raft_, true);
    raft_set_max_inflight_entries(raft_, entries_in_flight_max);
    return {};
}

// Guard D5. The engine makes a sole voter leader at once, in the term it finds and without a vote. If the machine had lost
// entries that were not yet durable, it would then give their (index, term) to other entries; whoever saw the first ones (a
// standby, a reply) would hold a different log under the same name.
std::optional<Vote> Engine::vote_before_start(const Restored& restored) const {
    if (!options_.guards.sole_voter) return std::nullopt;
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
    last_contact_ms_ = now_ms;
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
    auto stepped = step(started, {}, effects);
    if (stepped) raft_free(token);  // on an error the engine has freed it
    return stepped;
}

Result<Index> Engine::submit(std::shared_ptr<const Bytes> payload, uint64_t now_ms, Effects& effects) {
    BELFRY_ASSERT(payload != nullptr);
    return submit_entry({trail_.last().next(), term(), EntryType::command, std::move(payload)}, now_ms, effects);
}

Result<Index> Engine::submit_entry(const Entry& proposed, uint64_t now_ms, Effects& effects) {
    if (role() != Role::leader) return Error{Code::not_leader, "this member is not the leader"};
    void* const token = make_token();
    raft_entry entry = make_entry(proposed, token);
    raft_event submitted = event(RAFT_SUBMIT, now_ms);
    submitted.submit.entries = &entry;
    submitted.submit.n = 1;
    auto stepped = step(submitted, {.proposed = &proposed, .received = nullptr}, effects);
    raft_free(token);  // ours again: refused, or given back with the entries
    if (!stepped) return stepped.error();
    return proposed.index;
}

// What was told durable counts only up to where a truncation that is still on its way will cut. Comparing terms instead can
// be fooled by an index that is written twice.
Status Engine::persisted(Index index, uint64_t generation, uint64_t now_ms, Effects& effects) {
    while (!cuts_.empty() && cuts_.front().generation <= generation) cuts_.pop_front();
    Index valid = std::min(index, trail_.last());
    for (const Cut& cut : cuts_) valid = std::min(valid, cut.after);
    if (installing_ || valid.value <= raft_->last_stored) return {};
    raft_event done = event(RAFT_PERSISTED_ENTRIES, now_ms);
    done.persisted_entries.index = valid.value;
    return step(done, {}, effects);
}

Status Engine::timeout(uint64_t now_ms, Effects& effects) {
    // An early one would make a leader think that its followers are silent.
    if (now_ms < wake_at_ms()) return {};
    raft_event due = event(RAFT_TIMEOUT, now_ms);
    return step(due, {}, effects);
}

std::shared_ptr<const Bytes> Engine::Source::payload_of(Index index) const {
    if (proposed != nullptr) return proposed->payload;
    if (received == nullptr) return nullptr;
    BELFRY_ASSERT(!received->empty() && index >= received->front().index && index <= received->back().index);
    return (*received)[static_cast<size_t>(index.value - received->front().index.value)].payload;
}

// The one place where the engine runs.
Status Engine::step(raft_event& event, const Source& source, Effects& effects) {
    const Before before{event.type == RAFT_START ? Term{} : term(), commit_, role()};
    raft_update update{};
    const int code = run(event, update);
    take_vote(update, effects);  // also when the step was refused
    if (code != 0) return refuse(code);
    if (update.flags & (RAFT_UPDATE_SNAPSHOT)) {
        if (auto taken = take_install(update, effects); !taken) return taken;
    }
    if (update.flags & (RAFT_UPDATE_ENTRIES)) {
        if (auto taken = take_entries(update, source, effects); !taken) return taken;
    }
    if (update.flags & (RAFT_UPDATE_MESSAGES)) take_messages(update, effects);
    // The engine's own value can go back, for instance while it serves a probe that lags behind; and during an install it
    // may name entries that are not here.
    if (!installing_) commit_ = std::max(commit_, Index{raft_commit_index(raft_)});
    effects.committed = effects.committed || commit_ > before.commit;
    effects.role_changed = effects.role_changed || role() != before.role;
    if (auto checked = check(before); !checked) return checked;
    return confirm_changes(event.time, effects);
}

int Engine::run(raft_event& event, raft_update& update) {
    const bool asked_for_vote = event.type == RAFT_RECEIVE && event.receive.message->type == RAFT_REQUEST_VOTE;
    if (asked_for_vote && options_.guards.lent_vote) return step_with_lent_vote(event, update);
    return raft_step(raft_, &event, &update);
}

void Engine::take_vote(const raft_update& update, Effects& effects) {
    if ((update.flags & ((RAFT_UPDATE_CURRENT_TERM) | (RAFT_UPDATE_VOTED_FOR))) == 0) return;
    const Vote now{Term{raft_current_term(raft_)}, raft_voted_for(raft_)};
    if (now.term == vote_.term && now.voted_for == vote_.voted_for) return;  // flagged again, already durable
    vote_ = now;
    effects.vote = now;
}

// Copies at once: the array is the caller's or the engine's barrier, and is gone with the next step.
Status Engine::take_entries(const raft_update& update, const Source& source, Effects& effects) {
    const bool ours_now = source.received != nullptr && update.entries.n > 0;  // one token for all of the message
    const std::unique_ptr<void, decltype(&raft_free)> token(ours_now ? update.entries.batch[0].batch : nullptr, &raft_free);
    const Index first{update.entries.index};
    if (auto checked = check_entries(first, update.entries.n); !checked) return checked;
    if (first <= trail_.last()) {
        // What is still in the effects never reached the log, so it need not be cut there.
        const bool unsent = !effects.entries.empty() && effects.entries.front().index < first;
        std::erase_if(effects.entries, [&](const Entry& entry) { return entry.index >= first; });
        if (!unsent) {
            effects.truncate_after = std::min(effects.truncate_after.value_or(first.previous()), first.previous());
            cuts_.push_back({++generation_, first.previous()});
        }
        trail_.truncate_after(first.previous());
        for (; !changes_.empty() && changes_.back().index >= first; ++members_version_) changes_.pop_back();
    }
    for (unsigned i = 0; i < update.entries.n; ++i) {
        const raft_entry& entry = update.entries.batch[i];
        const auto type = static_cast<EntryType>(entry.type);
        trail_.append(Term{entry.term});
        auto octets = source.payload_of(trail_.last());
        if (!octets) {  // the engine's own barrier
            octets = std::make_shared<const Bytes>(static_cast<const char*>(entry.buf.base), entry.buf.len);
            raft_free(entry.batch);
        }
        if (type == EntryType::change) {
            if (auto taken = take_change(trail_.last(), *octets); !taken) return taken;
        }
        effects.entries.push_back({trail_.last(), Term{entry.term}, type, std::move(octets)});
    }
    effects.generation = generation_;
    return {};
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

Index Engine::stored() const { return {raft_->last_stored}; }

Term Engine::term() const { return {raft_current_term(raft_)}; }

uint64_t Engine::leader() const {
    raft_id id = 0;
    const char* address = nullptr;  // may dangle; never used
    raft_leader(raft_, &id, &address);
    return id;
}

}  // namespace belfry::hub::raft

#include "tests/sim/raft/member.hpp"

#include <algorithm>

#include "sdk/base/hash.hpp"

namespace belfry::sim {

using hub::raft::AppendEntries;
using hub::raft::Effects;
using hub::raft::Entry;
using hub::raft::EntryType;
using hub::raft::InstallSnapshot;
using hub::raft::Message;
using hub::raft::Raft;
using hub::raft::Role;

namespace {

constexpr uint64_t trailing_max = 12;      // entries kept behind a snapshot
constexpr uint64_t part_entries_max = 16;  // of one message on the wire

uint64_t next_digest(uint64_t digest, const Entry& entry) {
    return hash64(std::to_string(digest) + "/" + std::to_string(entry.index.value) + "/" + *entry.payload);
}

}  // namespace

void SimMember::Log::drop_to(Index index, Term term) {
    entries.erase(entries.begin(), entries.begin() + static_cast<std::ptrdiff_t>(index.value - boundary.value));
    boundary = index;
    boundary_term = term;
}

SimMember::SimMember(MemberWorld& world, uint64_t id, const hub::raft::Guards& guards, bool ask_before_reads,
                     std::optional<Entry> bootstrap)
    : world_(world), id_(id), guards_(guards), ask_before_reads_(ask_before_reads) {
    if (!bootstrap) return;
    disk_.vote.term = bootstrap->term;
    disk_.log.entries.push_back(*bootstrap);
}

bool SimMember::check(const Status& status, const char* what) {
    if (status) return true;
    world_.fail("member " + std::to_string(id_) + ", " + what + ": " + status.error().detail);
    return false;
}

void SimMember::start() {
    ++life_;
    hub::raft::Restored restored;
    restored.term = disk_.vote.term;
    restored.voted_for = disk_.vote.voted_for;
    restored.boundary = disk_.log.boundary;
    restored.boundary_term = disk_.log.boundary_term;
    restored.configuration_index = disk_.configuration_index;
    restored.configuration = disk_.configuration;
    restored.trail.assign(disk_.log.entries.begin(), disk_.log.entries.end());
    memory_ = disk_.log;
    applied_ = disk_.snapshot;
    digest_ = disk_.snapshot_digest;
    durable_ = memory_.last();
    generation_ = 0;

    auto created = Raft::create({.id = id_,
                                 .address = "m" + std::to_string(id_),
                                 .seed = static_cast<unsigned>(world_.random().next()),
                                 .election_timeout_ms = 300,
                                 .heartbeat_timeout_ms = 30,
                                 .guards = guards_});
    raft_ = std::move(*created);
    barrier_.emplace(*raft_, id_);
    if (const auto vote = raft_->vote_before_start(restored)) {
        disk_.vote = *vote;
        restored.term = vote->term;
        restored.voted_for = vote->voted_for;
    }
    Effects effects;
    if (!check(raft_->start(restored, world_.now_ms(), effects), "start")) return;
    act(effects);
}

void SimMember::crash() {
    // Of the write under way a beginning may have reached the disk.
    if (!writes_.empty() && !writes_.front().install) {
        Write torn = writes_.front();
        torn.entries.resize(world_.random().below(torn.entries.size() + 1));
        carry_out(torn);
    }
    ++life_;
    barrier_.reset();
    reading_.clear();
    raft_.reset();
    writes_.clear();
    waiting_.clear();
    memory_ = {};
}

void SimMember::receive(const Packet& packet) {
    incoming_digest_ = packet.digest;
    Effects effects;
    if (std::holds_alternative<hub::raft::ReadProbe>(packet.message.body)) {
        if (auto answer = hub::raft::ReadBarrier::answer(*raft_, packet.message)) send(std::move(*answer));
        return;
    }
    if (std::holds_alternative<hub::raft::ReadProbeResult>(packet.message.body)) {
        barrier_->receive(packet.message);
        return act(effects);
    }
    if (!check(raft_->receive(packet.message, world_.now_ms(), effects), "receive")) return;
    act(effects);
}

bool SimMember::submit(Bytes payload, std::function<void(Index)> acknowledged) {
    if (raft_->role() != Role::leader) return false;
    Effects effects;
    const auto index = raft_->submit(std::make_shared<const Bytes>(std::move(payload)), world_.now_ms(), effects);
    if (!index) return act(effects), false;
    waiting_[index->value] = {raft_->term(), std::move(acknowledged)};
    act(effects);
    return true;
}

void SimMember::change(const hub::raft::MemberChange& change) {
    Effects effects;
    (void)raft_->change_members(change, world_.now_ms(), effects);  // refusals are part of life
    act(effects);
}

void SimMember::catch_up(uint64_t id) {
    Effects effects;
    (void)raft_->catch_up(id, world_.now_ms(), effects);
    act(effects);
}

void SimMember::transfer(uint64_t id) {
    Effects effects;
    (void)raft_->transfer(id, world_.now_ms(), effects);
    act(effects);
}

// ---- what must be done ----

void SimMember::act(Effects& effects) {
    if (effects.vote) disk_.vote = *effects.vote;  // durable before anything else
    if (effects.install) {
        memory_ = {effects.install->index, effects.install->term, {}};
        waiting_.clear();
        writes_.clear();
        write({effects.install, {}, {}, effects.generation, incoming_digest_});
        ++installs_;
    } else if (effects.truncate_after || !effects.entries.empty()) {
        if (effects.truncate_after) memory_.truncate_after(*effects.truncate_after);
        memory_.entries.insert(memory_.entries.end(), effects.entries.begin(), effects.entries.end());
        write({{}, effects.truncate_after, effects.entries, effects.generation, 0});
    }
    for (Message& message : effects.messages) send(std::move(message));
    if (raft_->role() == Role::leader) world_.leads(id_, raft_->term());
    apply();
    serve_reads();
    arm();
}

void SimMember::read() {
    reading_.push_back({barrier_->ask(), world_.newest_applied(), {}});
    if (!ask_before_reads_ && raft_->role() == Role::leader) reading_.back().index = raft_->commit_index();
    Effects effects;
    act(effects);
}

void SimMember::serve_reads() {
    std::vector<Message> probes;
    barrier_->flush(world_.now_ms(), probes);
    for (Message& probe : probes) send(std::move(probe));
    if (const auto failed = barrier_->take_failed()) {
        std::erase_if(reading_, [&](const Read& read) { return !read.index && read.number <= *failed; });
    }
    if (const auto ready = barrier_->take_ready()) {
        for (Read& read : reading_) {
            if (!read.index && read.number <= ready->read) read.index = ready->index;
        }
    }
    while (!reading_.empty() && reading_.front().index && *reading_.front().index <= applied_) {
        const Read& read = reading_.front();
        ++reads_;
        if (applied_ < read.newest) {
            world_.fail("member " + std::to_string(id_) + " serves a read at " + std::to_string(applied_.value) + "; " +
                        std::to_string(read.newest.value) + " was applied somewhere when it came");
        }
        reading_.pop_front();
    }
}

void SimMember::send(Message message) {
    auto* body = std::get_if<AppendEntries>(&message.body);
    if (body == nullptr) {
        Packet packet{message.peer, std::move(message), 0};
        if (const auto* install = std::get_if<InstallSnapshot>(&packet.message.body))
            packet.digest = world_.digest_at(install->last);
        return world_.send(id_, std::move(packet));
    }
    // As a real sender does, in parts.
    const AppendEntries whole = *body;
    uint64_t sent = 0;
    do {
        AppendEntries part{Index{whole.previous.value + sent}, whole.previous_term, whole.commit, 0, {}};
        if (sent > 0) part.previous_term = memory_.at(part.previous).term;
        for (; sent < whole.count && part.entries.size() < part_entries_max; ++sent) {
            part.entries.push_back(memory_.at(Index{whole.previous.value + sent + 1}));
        }
        part.count = static_cast<uint32_t>(part.entries.size());
        part.commit = std::min(part.commit, Index{part.previous.value + part.count});
        message.body = std::move(part);
        world_.send(id_, {message.peer, message, 0});
    } while (sent < whole.count);
}

void SimMember::write(Write job) {
    writes_.push_back(std::move(job));
    if (writes_.size() == 1) finish_write();
}

// When the disk is done with the first one, the next one's turn comes.
void SimMember::finish_write() {
    const uint64_t start_ms = std::max(disk_ready_ms_, world_.now_ms());
    const uint64_t delay = start_ms - world_.now_ms() + world_.random().between(1, 12);
    world_.after(delay, [this, life = life_] {
        if (life != life_ || !raft_ || writes_.empty()) return;
        const Write job = std::move(writes_.front());
        writes_.pop_front();
        carry_out(job);
        if (!writes_.empty()) finish_write();
        Effects effects;
        if (job.install) {
            if (!check(raft_->snapshot_installed(world_.now_ms(), effects), "installed")) return;
        } else if (!check(raft_->persisted(durable_, generation_, world_.now_ms(), effects), "persisted")) {
            return;
        }
        act(effects);
    });
}

void SimMember::carry_out(const Write& job) {
    if (job.install) {
        disk_.log = {job.install->index, job.install->term, {}};
        disk_.snapshot = applied_ = job.install->index;
        disk_.snapshot_digest = digest_ = job.digest;
        disk_.configuration_index = job.install->configuration_index;
        disk_.configuration = job.install->configuration;
    } else {
        if (job.truncate_after) disk_.log.truncate_after(*job.truncate_after);
        disk_.log.entries.insert(disk_.log.entries.end(), job.entries.begin(), job.entries.end());
    }
    generation_ = job.generation;
    durable_ = disk_.log.last();
}

// What is committed and on this member's disk.
void SimMember::apply() {
    if (raft_->installing()) return;
    while (applied_ < raft_->commit_index() && applied_ < durable_ && applied_ < memory_.last()) {
        const Entry& entry = memory_.at(applied_.next());
        const Entry& stored = disk_.log.at(applied_.next());
        if (entry.term != stored.term) return;  // the disk still has what is about to be cut
        digest_ = next_digest(digest_, entry);
        applied_ = entry.index;
        world_.applied(id_, applied_, entry, digest_);
        const auto waiting = waiting_.find(applied_.value);
        if (waiting == waiting_.end()) continue;
        const auto [term, acknowledged] = std::move(waiting->second);
        waiting_.erase(waiting);
        if (term == entry.term) acknowledged(applied_);
    }
}

// Of what is applied; durable a moment later.
void SimMember::take_snapshot() {
    if (applied_ <= disk_.snapshot || raft_->installing()) return;
    world_.after(world_.random().between(1, 30), [this, life = life_, index = applied_, digest = digest_] {
        if (life != life_ || !raft_ || raft_->installing() || index <= disk_.snapshot) return;
        disk_.snapshot = index;
        disk_.snapshot_digest = digest;
        Effects effects;
        const auto trailing = static_cast<unsigned>(world_.random().between(1, trailing_max));
        if (!check(raft_->snapshot_taken(index, trailing, world_.now_ms(), effects), "snapshot")) return;
        const Index cut = raft_->boundary();
        if (cut > disk_.log.boundary) {
            const Term term = disk_.log.at(cut).term;
            for (const Entry& entry : disk_.log.entries) {
                if (entry.index > cut || entry.type != EntryType::change) continue;
                disk_.configuration_index = entry.index;
                disk_.configuration = *entry.payload;
            }
            disk_.log.drop_to(cut, term);
            memory_.drop_to(cut, term);
        }
        act(effects);
    });
}

void SimMember::arm() {
    const uint64_t wake_ms = std::min(raft_->wake_at_ms(), barrier_->wake_at_ms());
    if (wake_ms == armed_for_ms_ && wake_ms > world_.now_ms()) return;
    armed_for_ms_ = wake_ms;
    const uint64_t delay = wake_ms > world_.now_ms() ? wake_ms - world_.now_ms() : 1;
    world_.after(delay, [this, life = life_, wake_ms] {
        if (life != life_ || !raft_ || armed_for_ms_ != wake_ms) return;
        armed_for_ms_ = 0;
        Effects effects;
        if (!check(raft_->timeout(world_.now_ms(), effects), "timeout")) return;
        act(effects);
    });
}

}  // namespace belfry::sim

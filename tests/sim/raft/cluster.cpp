#include "tests/sim/raft/cluster.hpp"

#include <algorithm>

#include "hub/raft/message_codec.hpp"

namespace belfry::sim {

using hub::raft::CatchUp;
using hub::raft::Entry;
using hub::raft::Member;
using hub::raft::MemberChange;
using hub::raft::MemberRole;
using hub::raft::Raft;
using hub::raft::Role;

namespace {

constexpr uint64_t trouble_ms = 20'000;
constexpr uint64_t calm_ms = 20'000;
constexpr size_t trace_lines_max = 60;

}  // namespace

Cluster::Cluster(const ClusterSetup& setup) : setup_(setup), random_(setup.seed) {
    std::vector<std::pair<uint64_t, std::string>> voters;
    for (uint64_t id = 1; id <= setup.voters; ++id) voters.emplace_back(id, "m" + std::to_string(id));
    const Entry bootstrap = Raft::bootstrap_entry(voters);
    for (const auto& [id, address] : voters) {
        members_[id] = std::make_unique<SimMember>(*this, id, setup.guards, setup.ask_before_reads, bootstrap);
    }
}

void Cluster::after(uint64_t delay_ms, std::function<void()> what) {
    events_.emplace(std::pair{now_ms_ + delay_ms, ++order_}, std::move(what));
}

void Cluster::fail(const std::string& what) {
    if (verdict_.failure.empty()) verdict_.failure = "at " + std::to_string(now_ms_) + " ms: " + what;
}

void Cluster::trace(const std::string& line) {
    if (!setup_.trace) return;
    verdict_.trace.push_back(std::to_string(now_ms_) + " " + line);
    if (verdict_.trace.size() > 20 * trace_lines_max) verdict_.trace.erase(verdict_.trace.begin());
}

ClusterVerdict Cluster::run() {
    for (auto& [id, member] : members_) member->start();
    after(100, [this] { write(); });
    // Some take their first snapshot when the log has just begun.
    after(random_.between(120, 700), [this] {
        if (SimMember& member = any_member(); member.up()) member.take_snapshot();
    });
    after(500, [this] { trouble(); });
    after(1000, [this] { administer(); });
    after(trouble_ms, [this] { settle(); });
    const uint64_t end_ms = now_ms_ + trouble_ms + calm_ms;
    while (!events_.empty() && verdict_.failure.empty()) {
        auto node = events_.extract(events_.begin());
        now_ms_ = std::max(now_ms_, node.key().first);
        if (now_ms_ > end_ms) break;
        node.mapped()();
    }
    if (verdict_.failure.empty() && !all_equal(newest_applied())) fail("the members are not equal" + describe());
    for (const auto& [id, member] : members_) verdict_.installs += member->installs(), verdict_.reads += member->reads();
    verdict_.elections = leader_of_.size();
    return verdict_;
}

// ---- the network ----

void Cluster::send(uint64_t from, Packet packet) {
    const uint64_t to = packet.to;
    const auto deliver = [this, from, to, octets = hub::raft::encode_message(packet.message), digest = packet.digest] {
        const auto found = members_.find(to);
        if (found == members_.end() || !found->second->up() || cut(from, to)) return;
        auto message = hub::raft::decode_message(from, octets);
        if (!message) return fail("a message is not understood: " + message.error().detail);
        found->second->receive({to, std::move(*message), digest});
    };
    const bool lost = troubled_ && random_.chance(4);
    if (lost || cut(from, to)) return;
    const auto delay = [&] { return troubled_ && random_.chance(3) ? random_.between(20, 900) : random_.between(1, 8); };
    if (troubled_ && random_.chance(3)) after(delay(), deliver);
    after(delay(), std::move(deliver));
}

// ---- the judge ----

void Cluster::leads(uint64_t member, Term term) {
    const auto [entry, fresh] = leader_of_.emplace(term.value, member);
    if (fresh) trace("member " + std::to_string(member) + " leads in term " + std::to_string(term.value));
    if (entry->second != member) {
        fail("members " + std::to_string(entry->second) + " and " + std::to_string(member) + " both lead in term " +
             std::to_string(term.value));
    }
}

void Cluster::applied(uint64_t member, Index index, const Entry& entry, uint64_t digest) {
    const auto [found, fresh] = truth_.emplace(index.value, Truth{entry.term, entry.payload, digest});
    if (fresh) return;
    const Truth& truth = found->second;
    if (truth.term != entry.term || *truth.payload != *entry.payload || truth.digest != digest) {
        fail("member " + std::to_string(member) + " applied another entry at " + std::to_string(index.value) + " (term " +
             std::to_string(entry.term.value) + ") than the first one to apply it (term " +
             std::to_string(truth.term.value) + ")");
    }
}

uint64_t Cluster::digest_at(Index index) const {
    const auto found = truth_.find(index.value);
    return found == truth_.end() ? 0 : found->second.digest;
}

// All that the leader counts as members hold everything.
bool Cluster::all_equal(Index at_least) {
    const SimMember* const leading = leader();
    if (leading == nullptr) return false;
    for (const Member& known : leading->raft().members()) {
        const SimMember& member = *members_.at(known.id);
        if (!member.up() || member.applied() < at_least || member.digest() != digest_at(member.applied())) return false;
    }
    return true;
}

std::string Cluster::describe() {
    std::string text;
    for (const auto& [id, member] : members_) {
        text += "\n  member " + std::to_string(id) + ": ";
        if (!member->up()) {
            text += "down";
            continue;
        }
        const Raft& raft = member->raft();
        constexpr const char* roles[] = {"unavailable", "follower", "candidate", "leader"};
        text += std::string(roles[static_cast<size_t>(raft.role())]) + " in term " + std::to_string(raft.term().value) +
                ", last " + std::to_string(raft.last_index().value) + ", committed " +
                std::to_string(raft.commit_index().value) + ", applied " + std::to_string(member->applied().value) +
                "; knows";
        for (const Member& known : raft.members()) {
            text += " " + std::to_string(known.id) + (known.role == MemberRole::voter ? "" : "(learner)");
        }
    }
    return text;
}

// ---- load and troubles ----

SimMember* Cluster::leader() {
    SimMember* newest = nullptr;
    for (auto& [id, member] : members_) {
        if (!member->up() || member->raft().role() != Role::leader) continue;
        if (newest == nullptr || member->raft().term() > newest->raft().term()) newest = member.get();
    }
    return newest;
}

SimMember& Cluster::any_member() {
    auto found = members_.begin();
    std::advance(found, static_cast<std::ptrdiff_t>(random_.below(members_.size())));
    return *found->second;
}

void Cluster::write() {
    if (!troubled_) return;
    for (auto& [id, member] : members_) {  // whoever believes to lead is written to
        if (!member->up()) continue;
        if (random_.chance(30)) member->read();
        const Bytes payload = "command " + std::to_string(++commands_);
        (void)member->submit(payload, [this, payload](Index index) {
            ++verdict_.acknowledged;
            const auto truth = truth_.find(index.value);
            if (truth == truth_.end() || *truth->second.payload != payload) fail("acknowledged and not there: " + payload);
        });
    }
    after(random_.between(2, 40), [this] { write(); });
}

void Cluster::crash(SimMember& member) {
    ++verdict_.crashes;
    trace("member " + std::to_string(member.id()) + " crashes");
    member.crash();
    after(random_.between(50, 2500), [this, &member] {
        if (!member.up()) {
            trace("member " + std::to_string(member.id()) + " starts");
            member.start();
        }
    });
}

void Cluster::trouble() {
    if (!troubled_) return;
    SimMember& member = any_member();
    const uint64_t what = random_.below(10);
    if (what < 3 && member.up()) {
        crash(member);
    } else if (what < 4) {
        trace("everything crashes");
        for (auto& [id, one] : members_) {
            if (one->up()) crash(*one);
        }
    } else if (what < 6) {
        SimMember& other = any_member();
        if (random_.chance(50)) cuts_.insert({member.id(), other.id()});  // one way
        if (random_.chance(50)) {
            for (const auto& [id, one] : members_) cuts_.insert({id, member.id()}), cuts_.insert({member.id(), id});
        }
        after(random_.between(100, 3000), [this] { cuts_.clear(); });
    } else if (what < 7) {
        member.stall_disk(random_.between(50, 1500));
    } else if (member.up()) {
        member.take_snapshot();
    }
    after(random_.between(50, 800), [this] { trouble(); });
}

// What an operator does: adds the joiners one by one, removes members, moves the leadership.
void Cluster::administer() {
    SimMember* const leading = leader();
    after(random_.between(100, 900), [this] { administer(); });
    if (leading == nullptr) return;
    const std::vector<Member> now = leading->raft().members();
    const auto learner =
        std::find_if(now.begin(), now.end(), [](const Member& m) { return m.role == MemberRole::learner; });
    if (learner != now.end()) {
        const CatchUp state = leading->raft().catch_up_state(learner->id);
        if (state == CatchUp::finished) {
            ++verdict_.changes;
            leading->change({MemberChange::Kind::promote, learner->id, {}});
        } else if (state != CatchUp::running) {
            leading->catch_up(learner->id);
        }
        return;
    }
    if (!troubled_) return;
    if (joined_ < setup_.joiners && random_.chance(40)) {
        const uint64_t id = setup_.voters + ++joined_;
        trace("member " + std::to_string(id) + " joins");
        members_[id] = std::make_unique<SimMember>(*this, id, setup_.guards, setup_.ask_before_reads, std::nullopt);
        members_[id]->start();
    }
    for (const auto& [id, member] : members_) {
        const bool known = std::any_of(now.begin(), now.end(), [id = id](const Member& m) { return m.id == id; });
        if (known || removed_.contains(id)) continue;
        ++verdict_.changes;
        return leading->change({MemberChange::Kind::add_learner, id, "m" + std::to_string(id)});
    }
    const Member& chosen = now[random_.below(now.size())];
    if (setup_.removals && now.size() > 3 && random_.chance(15) && chosen.id != leading->id()) {
        trace("member " + std::to_string(chosen.id) + " is removed");
        removed_.insert(chosen.id);
        ++verdict_.changes;
        return leading->change({MemberChange::Kind::remove, chosen.id, {}});
    }
    if (random_.chance(15) && chosen.id != leading->id()) {
        ++verdict_.transfers;
        leading->transfer(chosen.id);
    }
}

// The troubles are over: everybody is there again and must become equal.
void Cluster::settle() {
    trace("the troubles are over");
    troubled_ = false;
    cuts_.clear();
    for (auto& [id, member] : members_) {
        if (!member->up()) member->start();
    }
}

}  // namespace belfry::sim

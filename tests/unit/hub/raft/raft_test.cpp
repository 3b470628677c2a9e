#include "hub/raft/raft.hpp"

#include <catch2/catch_test_macros.hpp>

#include "hub/raft/configuration.hpp"
#include "hub/raft/trail.hpp"

using namespace belfry;
using namespace belfry::hub::raft;

namespace {

std::shared_ptr<const Bytes> payload(const Bytes& text) { return std::make_shared<const Bytes>(text); }

// A log as a member of a cluster of one leaves it behind.
Restored log_of(std::vector<Term> terms, Term current) {
    Restored restored;
    restored.term = current;
    restored.voted_for = 1;
    restored.trail.push_back(Raft::bootstrap_entry({{1, "local"}}));
    for (const Term term : terms)
        restored.trail.push_back({restored.trail.back().index.next(), term, EntryType::command, {}});
    return restored;
}

struct SoleMember {
    std::unique_ptr<Raft> raft;
    Effects effects;
    uint64_t now_ms = 1000;

    explicit SoleMember(Restored restored, bool guard = true) {
        raft = std::move(*Raft::create({.id = 1, .seed = 7, .guards = {.sole_voter = guard}}));
        if (const auto vote = raft->vote_before_start(restored)) {
            restored.term = vote->term;
            restored.voted_for = vote->voted_for;
        }
        REQUIRE(raft->start(restored, now_ms, effects));
    }
    Index submit(const Bytes& text) {
        effects = {};
        const auto index = raft->submit(payload(text), now_ms, effects);
        REQUIRE(index);
        return *index;
    }
    bool persisted(Index index) {
        effects = {};
        REQUIRE(raft->persisted(index, 0, now_ms, effects));
        return effects.committed;
    }
};

}  // namespace

TEST_CASE("a sole voter leads from the start, and what it stored is committed", "[raft]") {
    SoleMember member(log_of({Term{1}, Term{1}}, Term{1}));
    CHECK(member.raft->role() == Role::leader);
    CHECK(member.raft->leader() == 1);
    CHECK(member.raft->sole_voter());
    CHECK(member.raft->commit_index() == Index{3});
    CHECK(member.raft->last_index() == Index{3});
    CHECK(member.effects.entries.empty());
}

TEST_CASE("guard D5: a sole voter starts in a new term, with its own vote", "[raft][D5]") {
    const auto raft = std::move(*Raft::create(Options()));
    const auto vote = raft->vote_before_start(log_of({Term{4}}, Term{4}));
    REQUIRE(vote);
    CHECK(vote->term == Term{5});
    CHECK(vote->voted_for == 1);
}

TEST_CASE("guard D5: entries lost in a crash are not replaced by others of the same index and term", "[raft][D5]") {
    const auto twice = [](bool guard) {
        SoleMember before(log_of({}, Term{1}), guard);
        before.submit("never synced");
        const Entry lost = before.effects.entries.at(0);
        // The machine goes down: only term and vote were durable.
        auto left = log_of({}, before.raft->term());
        SoleMember after(left, guard);
        after.submit("something else");
        const Entry now = after.effects.entries.at(0);
        CHECK(now.index == lost.index);
        return now.term == lost.term;
    };
    CHECK_FALSE(twice(true));
    CHECK(twice(false));  // what the guard is for
}

TEST_CASE("guard D5 is for sole voters only", "[raft][D5]") {
    Restored restored;
    restored.term = Term{1};
    restored.trail.push_back(Raft::bootstrap_entry({{1, "a"}, {2, "b"}, {3, "c"}}));
    const auto raft = std::move(*Raft::create(Options()));
    CHECK_FALSE(raft->vote_before_start(restored));
}

TEST_CASE("an entry is committed when it is durable, not before", "[raft]") {
    SoleMember member(log_of({}, Term{1}));
    CHECK(member.submit("one") == Index{2});
    REQUIRE(member.effects.entries.size() == 1);
    CHECK(*member.effects.entries[0].payload == "one");
    CHECK(member.effects.entries[0].term == member.raft->term());
    CHECK(member.raft->commit_index() == Index{1});
    CHECK(member.submit("two") == Index{3});
    CHECK(member.persisted(Index{2}));
    CHECK(member.raft->commit_index() == Index{2});
    CHECK_FALSE(member.persisted(Index{2}));  // said again: no news
    CHECK(member.persisted(Index{3}));
    CHECK(member.raft->commit_index() == Index{3});
    CHECK(member.raft->term_of(Index{3}) == member.raft->term());
    CHECK(member.raft->term_of(Index{1}) == Term{1});
    CHECK(member.raft->term_of(Index{4}) == Term{});
}

TEST_CASE("a timeout that is not due does nothing; one that is due leads to the next", "[raft]") {
    SoleMember member(log_of({}, Term{1}));
    const uint64_t due = member.raft->wake_at_ms();
    CHECK(due > member.now_ms);
    REQUIRE(member.raft->timeout(due - 1, member.effects));
    CHECK(member.raft->wake_at_ms() == due);
    REQUIRE(member.raft->timeout(due, member.effects));
    CHECK(member.raft->wake_at_ms() > due);
    CHECK(member.raft->role() == Role::leader);
}

TEST_CASE("after a snapshot only the trailing entries are known, and a restart goes on from there", "[raft]") {
    SoleMember member(log_of({}, Term{1}));
    for (int i = 0; i < 20; ++i) member.persisted(member.submit("x"));  // 2..21
    const Term term = member.raft->term();
    REQUIRE(member.raft->snapshot_taken(Index{20}, 5, member.now_ms, member.effects));
    CHECK(member.raft->term_of(Index{14}) == Term{});
    CHECK(member.raft->term_of(Index{15}) == term);
    CHECK(member.raft->last_index() == Index{21});
    REQUIRE(member.raft->snapshot_taken(Index{20}, 5, member.now_ms, member.effects));  // said again: no news

    Restored restored;
    restored.term = term;
    restored.voted_for = 1;
    restored.boundary = Index{15};
    restored.boundary_term = term;
    std::tie(restored.configuration_index, restored.configuration) =
        member.raft->configuration_at(member.raft->last_index());
    for (uint64_t i = 16; i <= 21; ++i) restored.trail.push_back({Index{i}, term, EntryType::command, {}});
    SoleMember again(restored);
    CHECK(again.raft->role() == Role::leader);
    CHECK(again.raft->commit_index() == Index{21});
    CHECK(again.submit("on") == Index{22});
    CHECK(again.persisted(Index{22}));
    CHECK(again.raft->configuration_index() == Index{1});
    REQUIRE(again.raft->snapshot_taken(Index{22}, 2, again.now_ms, again.effects));
    CHECK(again.raft->term_of(Index{20}) == term);  // the boundary's own term stays known
    CHECK(again.raft->term_of(Index{19}) == Term{});
}

TEST_CASE("the state of several thousand restarts and entries stays right", "[raft]") {
    Restored restored = log_of({}, Term{1});
    for (int restart = 0; restart < 50; ++restart) {
        SoleMember member(restored);
        restored.term = member.raft->term();
        for (int i = 0; i < 40; ++i) {
            const Index index = member.submit("x");
            restored.trail.push_back({index, member.raft->term(), EntryType::command, {}});
            if (i % 3 == 0) member.persisted(index);
        }
    }
    CHECK(restored.term == Term{51});
    CHECK(restored.trail.size() == 2001);
}

TEST_CASE("a log that cannot be is refused with a sentence", "[raft]") {
    const auto raft = std::move(*Raft::create(Options()));
    Effects effects;
    SECTION("a gap") {
        auto restored = log_of({Term{1}}, Term{1});
        restored.trail.back().index = Index{5};
        const auto started = raft->start(restored, 0, effects);
        REQUIRE_FALSE(started);
        CHECK(started.error().code == Code::corrupt);
    }
    SECTION("no membership at the beginning") {
        Restored restored;
        restored.term = Term{1};
        restored.trail.push_back({Index{1}, Term{1}, EntryType::command, payload("x")});
        CHECK_FALSE(raft->start(restored, 0, effects));
    }
    SECTION("a membership entry that is cut off, at any octet") {
        const auto whole = Raft::bootstrap_entry({{1, "local"}, {2, "elsewhere"}}).payload;
        CHECK(decode_configuration(*whole));
        for (size_t size = 0; size + 8 < whole->size(); ++size) {
            CHECK_FALSE(decode_configuration(whole->substr(0, size)));
        }
        CHECK_FALSE(decode_configuration(Bytes(64, '\xff')));
        CHECK_FALSE(decode_configuration(Bytes("\x01\x02\0\0\0\0\0\0\0", 9) + Bytes(40, 'a')));
    }
}

TEST_CASE("members_in: a change says whom it makes members", "[raft]") {
    const auto members = Raft::members_in(*Raft::bootstrap_entry({{1, "local"}, {7, "elsewhere KEY"}}).payload);
    REQUIRE(members);
    CHECK(*members == std::vector<Member>{{1, "local", MemberRole::voter}, {7, "elsewhere KEY", MemberRole::voter}});
    CHECK(Raft::members_in("no change").error().code == Code::corrupt);
}

TEST_CASE("trail: terms by index, dropped at either end", "[raft]") {
    Trail trail;
    trail.start(Index{10}, Term{2});
    for (const uint64_t term : {2, 2, 3, 3, 5}) trail.append(Term{term});  // 11..15
    CHECK(trail.last() == Index{15});
    CHECK(trail.term_of(Index{10}) == Term{2});
    CHECK(trail.term_of(Index{12}) == Term{2});
    CHECK(trail.term_of(Index{13}) == Term{3});
    CHECK(trail.term_of(Index{15}) == Term{5});
    trail.drop_to(Index{13});
    CHECK(trail.term_of(Index{12}) == Term{});
    CHECK(trail.term_of(Index{13}) == Term{3});
    CHECK(trail.term_of(Index{14}) == Term{3});
    trail.truncate_after(Index{14});
    CHECK(trail.last_term() == Term{3});
    CHECK(trail.term_of(Index{15}) == Term{});
    trail.drop_to(Index{14});
    CHECK(trail.last_term() == Term{3});
    trail.append(Term{6});
    CHECK(trail.term_of(Index{15}) == Term{6});
}

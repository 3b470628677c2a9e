// Each guard of docs/raft.md with a case that needs it: with the guard the right thing happens, without it the engine's own
// answer. What only shows over many steps is in tests/sim/raft (--check-guards).
#include <algorithm>
#include <catch2/catch_test_macros.hpp>

#include "hub/raft/raft.hpp"

using namespace belfry;
using namespace belfry::hub::raft;

namespace {

constexpr uint64_t election_ms = 300;

// A member whose disk is always done at once.
struct Node {
    std::unique_ptr<Raft> raft;
    Effects effects;  // of the last step
    uint64_t now_ms = 1000;
    uint64_t generation = 0;

    Node(uint64_t id, const Restored& restored, const Guards& guards) {
        Options options;
        options.id = id;
        options.guards = guards;
        raft = std::move(*Raft::create(options));
        REQUIRE(raft->start(restored, now_ms, effects));
    }
    void receive(uint64_t from, Term term, decltype(Message::body) body) {
        effects = {};
        REQUIRE(raft->receive({from, 2, term, std::move(body)}, now_ms, effects));
    }
    void persist() {
        if (!effects.entries.empty()) generation = effects.generation;
        Effects more;
        REQUIRE(raft->persisted(raft->last_index(), generation, now_ms, more));
        effects.messages.insert(effects.messages.end(), more.messages.begin(), more.messages.end());
    }
    void pass(uint64_t ms) {
        effects = {};
        now_ms += ms;
        REQUIRE(raft->timeout(now_ms, effects));
    }
    // The answers of kind T that the last step gave.
    template <class T>
    std::vector<std::pair<Message, T>> sent() const {
        std::vector<std::pair<Message, T>> found;
        for (const Message& message : effects.messages) {
            if (const T* body = std::get_if<T>(&message.body)) found.emplace_back(message, *body);
        }
        return found;
    }
};

std::shared_ptr<const Bytes> text(const Bytes& octets) { return std::make_shared<const Bytes>(octets); }

Restored log_of_three(Term term, size_t commands) {
    Restored restored;
    restored.term = term;
    restored.trail.push_back(Raft::bootstrap_entry({{1, "a"}, {2, "b"}, {3, "c"}}));
    for (size_t i = 0; i < commands; ++i) {
        restored.trail.push_back({restored.trail.back().index.next(), Term{1}, EntryType::command, text("x")});
    }
    return restored;
}

AppendEntries entries_after(Index previous, Term previous_term, size_t count, Term term) {
    AppendEntries body{previous, previous_term, previous, static_cast<uint32_t>(count), {}};
    for (size_t i = 1; i <= count; ++i) {
        body.entries.push_back({Index{previous.value + i}, term, EntryType::command, text("y")});
    }
    return body;
}

// Member 1 leads, the others hold everything.
void elect(Node& node) {
    node.pass(2 * election_ms + 1);
    REQUIRE(node.raft->role() == Role::candidate);
    node.receive(2, Term{node.raft->term().value + 1}, RequestVoteResult{true, true, 0, 0});  // the pre-vote
    node.receive(2, node.raft->term(), RequestVoteResult{true, false, 0, 0});
    REQUIRE(node.raft->role() == Role::leader);
    node.persist();
}

}  // namespace

// The engine leaves the index unset, so without the guard it is whatever lay there: here the one of the answer before.
TEST_CASE("guard D1: a message of an old term is answered with nothing but our term", "[raft][D1]") {
    for (const bool snapshot : {false, true}) {
        Node node(1, log_of_three(Term{5}, 6), {});
        const auto receive = [&](Term term, Index last) {
            if (snapshot) {
                node.receive(2, term, InstallSnapshot{last, Term{1}, Index{1}, *Raft::bootstrap_entry({{1, "a"}}).payload});
            } else {
                node.receive(2, term, AppendEntries{last, Term{1}, {}, 0, {}});
            }
            const auto answers = node.sent<AppendEntriesResult>();
            REQUIRE(answers.size() == 1);
            CHECK(answers[0].first.peer == 2);
            CHECK(answers[0].first.term == Term{5});
            CHECK(answers[0].second.rejected == Index{});
            return answers[0].second.last;
        };
        CHECK(receive(Term{5}, Index{7}) == Index{7});
        CHECK(receive(Term{3}, Index{7}) == Index{});
        CHECK(node.raft->last_index() == Index{7});
    }
}

TEST_CASE("guard D2: a membership change behind other entries is told apart and can be rolled back", "[raft][D2]") {
    const auto roll_back = [](bool guard) {
        Guards guards;
        guards.change_first = guard;
        Node node(1, log_of_three(Term{1}, 2), guards);
        AppendEntries body = entries_after(Index{3}, Term{1}, 2, Term{2});
        body.entries[1].type = EntryType::change;
        body.entries[1].payload = Raft::bootstrap_entry({{1, "a"}, {2, "b"}, {3, "c"}, {4, "d"}}).payload;
        node.receive(2, Term{2}, body);
        REQUIRE(node.raft->members().size() == 4);
        // Another leader replaces the second of them only; the membership must go back to three.
        Effects effects;
        const Status replaced =
            node.raft->receive({3, 2, Term{3}, entries_after(Index{4}, Term{2}, 1, Term{3})}, node.now_ms, effects);
        return replaced.ok() && node.raft->members().size() == 3;
    };
    CHECK(roll_back(true));
    CHECK_FALSE(roll_back(false));
}

TEST_CASE("guard D2: a change that its successor proves committed is not rolled back with it", "[raft][D2]") {
    Node node(1, log_of_three(Term{1}, 0), {});
    AppendEntries first = entries_after(Index{1}, Term{1}, 2, Term{2});
    first.entries[1].type = EntryType::change;
    first.entries[1].payload = Raft::bootstrap_entry({{1, "a"}, {2, "b"}, {3, "c"}, {4, "d"}}).payload;
    node.receive(2, Term{2}, first);
    AppendEntries second = entries_after(Index{3}, Term{2}, 1, Term{2});
    second.commit = Index{3};
    second.entries[0].type = EntryType::change;
    second.entries[0].payload = Raft::bootstrap_entry({{1, "a"}, {2, "b"}, {3, "c"}, {4, "d"}, {5, "e"}}).payload;
    node.receive(2, Term{2}, second);
    REQUIRE(node.raft->members().size() == 5);
    node.receive(3, Term{3}, entries_after(Index{3}, Term{2}, 1, Term{3}));
    CHECK(node.raft->members().size() == 4);  // not 3
}

TEST_CASE("guard D3: entries that our snapshot covers are passed over, not refused", "[raft][D3]") {
    const auto receive_old = [](bool guard) {
        Guards guards;
        guards.before_snapshot = guard;
        Restored restored = log_of_three(Term{1}, 0);
        restored.configuration = *restored.trail[0].payload;
        restored.configuration_index = Index{1};
        restored.trail.clear();
        restored.boundary = Index{10};
        restored.boundary_term = Term{1};
        auto node = std::make_unique<Node>(1, restored, guards);
        node->receive(2, Term{1}, entries_after(Index{5}, Term{1}, 7, Term{1}));
        return node;
    };
    const auto guarded = receive_old(true);
    REQUIRE(guarded->effects.entries.size() == 2);
    CHECK(guarded->effects.entries[0].index == Index{11});
    CHECK(guarded->raft->last_index() == Index{12});
    const auto bare = receive_old(false);
    REQUIRE(bare->sent<AppendEntriesResult>().size() == 1);
    CHECK(bare->sent<AppendEntriesResult>()[0].second.rejected == Index{5});
}

TEST_CASE("guard D4: a late rejection does not take a follower back behind what it holds", "[raft][D4]") {
    const auto fed_from = [](bool guard) {
        Guards guards;
        guards.late_rejection = guard;
        Node node(1, log_of_three(Term{1}, 4), guards);
        elect(node);
        const Index held = node.raft->last_index();
        node.receive(2, node.raft->term(), AppendEntriesResult{{}, held, 0, 0});
        node.receive(3, node.raft->term(), AppendEntriesResult{{}, held, 0, 0});
        REQUIRE(node.raft->match_index(2) == held);
        // Silent for a while, so that it is probed, while the third keeps us in office.
        for (int i = 0; i < 12; ++i) {
            node.pass(40);
            node.receive(3, node.raft->term(), AppendEntriesResult{{}, held, 0, 0});
        }
        REQUIRE(node.raft->role() == Role::leader);
        node.receive(2, node.raft->term(), AppendEntriesResult{held, held.previous(), 0, 0});
        Index previous = held;
        for (const auto& [message, body] : node.sent<AppendEntries>()) previous = std::min(previous, body.previous);
        return previous == held;
    };
    CHECK(fed_from(true));
    CHECK_FALSE(fed_from(false));
}

TEST_CASE("guard D6: a refused pre-vote tells the higher term", "[raft][D6]") {
    const auto answered = [](bool guard) {
        Guards guards;
        guards.refused_pre_vote = guard;
        Node node(1, log_of_three(Term{9}, 6), guards);
        node.now_ms += 2 * election_ms;
        node.receive(2, Term{6}, RequestVote{2, Index{3}, Term{1}, false, true});
        const auto answers = node.sent<RequestVoteResult>();
        REQUIRE(answers.size() == 1);
        CHECK_FALSE(answers[0].second.granted);
        return answers[0].first.term;
    };
    CHECK(answered(true) == Term{9});
    CHECK(answered(false) == Term{6});
}

TEST_CASE("guard D7: a learner of a dead leader votes for who counts on it", "[raft][D7]") {
    const auto votes = [](bool guard) {
        Guards guards;
        guards.lent_vote = guard;
        Node leader(1, log_of_three(Term{1}, 0), guards);
        elect(leader);
        leader.effects = {};
        REQUIRE(leader.raft->submit(text("of this term"), leader.now_ms, leader.effects));
        leader.persist();
        leader.receive(2, leader.raft->term(), AppendEntriesResult{{}, leader.raft->last_index(), 0, 0});
        leader.effects = {};
        REQUIRE(leader.raft->change_members({MemberChange::Kind::add_learner, 4, "d"}, leader.now_ms, leader.effects));
        const Entry change = leader.effects.entries.back();

        Restored restored = log_of_three(Term{1}, 0);
        for (Index index{2}; index < change.index; index = index.next()) {
            restored.trail.push_back({index, leader.raft->term_of(index), EntryType::command, text("z")});
        }
        restored.trail.push_back(change);
        restored.term = leader.raft->term();
        Node learner(4, restored, guards);
        learner.receive(1, restored.term, AppendEntries{change.index, change.term, change.index, 0, {}});
        learner.now_ms += election_ms + 1;
        learner.receive(2, Term{restored.term.value + 1},
                        RequestVote{2, Index{change.index.value + 1}, change.term, false, false});
        const auto answers = learner.sent<RequestVoteResult>();
        REQUIRE(answers.size() == 1);
        CHECK(learner.raft->members().back().role == MemberRole::learner);  // only lent
        return answers[0].second.granted;
    };
    CHECK(votes(true));
    CHECK_FALSE(votes(false));
}

TEST_CASE("guard D7: a leader that was heard a moment ago is not given up", "[raft][D7]") {
    Node node(1, log_of_three(Term{1}, 0), {});
    node.receive(2, Term{1}, entries_after(Index{1}, Term{1}, 0, Term{1}));
    node.now_ms += election_ms / 2;
    node.receive(3, Term{2}, RequestVote{3, Index{5}, Term{1}, false, false});
    REQUIRE(node.sent<RequestVoteResult>().size() == 1);
    CHECK_FALSE(node.sent<RequestVoteResult>()[0].second.granted);
    CHECK(node.raft->term() == Term{1});
}

TEST_CASE("guard D8: who is no candidate does not listen to votes; one snapshot at a time", "[raft][D8]") {
    Node node(1, log_of_three(Term{4}, 0), {});
    node.receive(2, Term{7}, RequestVoteResult{true, false, 0, 0});
    CHECK(node.raft->term() == Term{4});
    CHECK_FALSE(node.effects.vote);

    const Bytes servers = *Raft::bootstrap_entry({{1, "a"}, {2, "b"}, {3, "c"}}).payload;
    node.receive(2, Term{4}, InstallSnapshot{Index{50}, Term{3}, Index{1}, servers});
    REQUIRE(node.effects.install);
    CHECK(node.effects.install->index == Index{50});
    CHECK(node.raft->installing());
    node.receive(2, Term{4}, InstallSnapshot{Index{60}, Term{3}, Index{1}, servers});
    CHECK_FALSE(node.effects.install);
    Effects effects;
    REQUIRE(node.raft->snapshot_installed(node.now_ms, effects));
    CHECK(node.raft->last_index() == Index{50});
    CHECK(node.raft->commit_index() == Index{50});
    CHECK(node.raft->members().size() == 3);
}

TEST_CASE("guard D9: no snapshot at entry 1 and no log that begins behind it", "[raft][D9]") {
    for (const bool guard : {true, false}) {
        Guards guards;
        guards.first_entry = guard;
        Node node(1, log_of_three(Term{1}, 8), guards);
        node.receive(2, Term{1}, AppendEntries{Index{9}, Term{1}, Index{9}, 0, {}});
        REQUIRE(node.raft->commit_index() == Index{9});
        Effects effects;
        REQUIRE(node.raft->snapshot_taken(Index{9}, 8, node.now_ms, effects));
        CHECK(node.raft->boundary() == Index{guard ? 0u : 1u});
    }
}

TEST_CASE("what guard D9 is for: a leader whose log begins behind entry 1 does not feed an empty member", "[raft][D9]") {
    Restored restored = log_of_three(Term{1}, 4);
    restored.configuration = *restored.trail[0].payload;
    restored.configuration_index = Index{1};
    restored.trail.erase(restored.trail.begin());
    restored.boundary = Index{1};
    restored.boundary_term = Term{1};
    Node node(1, restored, {});
    elect(node);
    node.receive(2, node.raft->term(),
                 AppendEntriesResult{node.raft->last_index().previous(), {}, 0, 0});  // it has nothing
    size_t told = 0;
    for (int i = 0; i < 20; ++i) {
        node.pass(40);
        node.receive(3, node.raft->term(), AppendEntriesResult{{}, node.raft->last_index(), 0, 0});
        node.receive(2, node.raft->term(), AppendEntriesResult{{}, {}, 0, 0});
        told += node.sent<InstallSnapshot>().size();
        for (const auto& [message, body] : node.sent<AppendEntries>()) told += message.peer == 2 ? body.count : 0;
    }
    CHECK(told == 0);  // neither the snapshot nor an entry
}

TEST_CASE("a snapshot that nobody took is offered again after ten elections' time, not before", "[raft]") {
    Restored restored = log_of_three(Term{1}, 6);
    restored.configuration = *restored.trail[0].payload;
    restored.configuration_index = Index{1};
    restored.trail.erase(restored.trail.begin(), restored.trail.begin() + 5);
    restored.boundary = Index{5};
    restored.boundary_term = Term{1};
    Node node(1, restored, {});
    elect(node);
    std::vector<uint64_t> offered_ms;
    for (const uint64_t begun_ms = node.now_ms; node.now_ms < begun_ms + 25 * election_ms;) {
        node.pass(40);
        if (!node.sent<InstallSnapshot>().empty()) offered_ms.push_back(node.now_ms);
        std::vector<AppendEntriesResult> answers;  // member 2 has nothing; from the offer on it is alive and no more
        for (const auto& [message, body] : node.sent<AppendEntries>()) {
            if (message.peer != 2) continue;
            answers.push_back({offered_ms.empty() ? body.previous : Index{}, {}, 0, 0});
        }
        for (const AppendEntriesResult& answer : answers) {
            node.receive(2, node.raft->term(), answer);
            if (!node.sent<InstallSnapshot>().empty()) offered_ms.push_back(node.now_ms);
        }
        node.receive(3, node.raft->term(), AppendEntriesResult{{}, node.raft->last_index(), 0, 0});
    }
    REQUIRE(offered_ms.size() >= 2);
    CHECK(offered_ms[1] >= offered_ms[0] + 10 * election_ms);
    CHECK(offered_ms[1] <= offered_ms[0] + 11 * election_ms);
}

TEST_CASE("an offered snapshot names the members at its entry, not those where the log begins", "[raft]") {
    Node node(1, log_of_three(Term{1}, 8), {});
    elect(node);
    const auto agree = [&] {
        node.persist();
        node.receive(3, node.raft->term(), AppendEntriesResult{{}, node.raft->last_index(), 0, 0});
    };
    agree();
    node.effects = {};
    const auto added = node.raft->change_members({MemberChange::Kind::add_learner, 4, "d"}, node.now_ms, node.effects);
    REQUIRE(added);
    agree();
    node.effects = {};
    REQUIRE(node.raft->snapshot_taken(*added, 6, node.now_ms, node.effects));
    REQUIRE(node.raft->boundary() > Index{1});
    std::vector<std::pair<Message, InstallSnapshot>> offered;
    for (int i = 0; i < 20 && offered.empty(); ++i) {
        node.pass(40);
        node.receive(3, node.raft->term(), AppendEntriesResult{{}, node.raft->last_index(), 0, 0});
        node.receive(4, node.raft->term(), AppendEntriesResult{*added, {}, 0, 0});  // it has nothing
        offered = node.sent<InstallSnapshot>();
    }
    REQUIRE(offered.size() == 1);
    CHECK(offered[0].second.last == *added);
    CHECK(offered[0].second.configuration_index == *added);
    CHECK(Raft::members_in(offered[0].second.configuration)->size() == 4);
}

TEST_CASE("what was told durable before a truncation does not count for what takes its place", "[raft]") {
    Node node(1, log_of_three(Term{1}, 0), {});
    node.receive(2, Term{2}, entries_after(Index{1}, Term{1}, 5, Term{2}));  // 2..6
    const uint64_t before = node.effects.generation;
    node.receive(3, Term{3}, entries_after(Index{1}, Term{1}, 2, Term{3}));  // 2..3, the rest is cut
    REQUIRE(node.effects.truncate_after == Index{1});
    const uint64_t after = node.effects.generation;
    CHECK(after != before);
    Effects effects;
    REQUIRE(node.raft->persisted(Index{6}, before, node.now_ms, effects));  // the first write, told late
    CHECK(effects.messages.empty());
    REQUIRE(node.raft->persisted(Index{3}, after, node.now_ms, effects));
    REQUIRE(effects.messages.size() == 1);
    CHECK(std::get<AppendEntriesResult>(effects.messages[0].body).last == Index{3});
}

TEST_CASE("messages that make no sense change nothing", "[raft]") {
    Node node(1, log_of_three(Term{4}, 3), {});
    const auto refused = [&](uint64_t from, Term term, decltype(Message::body) body) {
        Effects effects;
        const Status status = node.raft->receive({from, 2, term, std::move(body)}, node.now_ms, effects);
        return !status && status.error().code != Code::io && effects.entries.empty() && effects.messages.empty();
    };
    CHECK(refused(0, Term{4}, TimeoutNow{}));
    CHECK(refused(1, Term{4}, TimeoutNow{}));
    CHECK(refused(2, Term{}, TimeoutNow{}));
    CHECK(refused(2, Term{4}, AppendEntries{Index{4}, Term{}, {}, 0, {}}));
    CHECK(refused(2, Term{4}, entries_after(Index{4}, Term{1}, 1, Term{5})));  // of a term to come
    CHECK(refused(2, Term{4}, entries_after(Index{4}, Term{3}, 1, Term{2})));  // of a term gone by
    AppendEntries gap = entries_after(Index{4}, Term{1}, 2, Term{1});
    gap.entries[1].index = Index{9};
    CHECK(refused(2, Term{4}, gap));
    AppendEntries broken = entries_after(Index{4}, Term{1}, 1, Term{1});
    broken.entries[0].type = EntryType::change;
    CHECK(refused(2, Term{4}, broken));
    CHECK(refused(2, Term{4}, InstallSnapshot{Index{9}, Term{3}, Index{1}, "no membership"}));
    CHECK(node.raft->last_index() == Index{4});
}

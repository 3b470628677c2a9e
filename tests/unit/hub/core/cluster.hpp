// Several cores and the messages between them; disks are quick, the network is as the test says. The simulator
// (tests/sim) does this with every trouble at once; here is one thing at a time.
#pragma once

#include <deque>
#include <map>
#include <set>

#include "sdk/protocol/codec.hpp"
#include "tests/unit/hub/core/world.hpp"

namespace belfry::hub::core {

class Cluster {
public:
    explicit Cluster(uint64_t size, Options common = World::default_options(), CompileRule compile_rule = no_rules) {
        common.log_trailing_entries = 4;
        common.log_trailing_bytes = 0;
        for (uint64_t id = 1; id <= size; ++id) common.bootstrap.resize(id, {}), common.bootstrap[id - 1] = {id, name(id)};
        for (uint64_t id = 1; id <= size; ++id) {
            common.member_id = id;
            common.incarnation = id * 1000;
            common.seed = static_cast<unsigned>(id);
            members_[id] = std::make_unique<World>(common);
            members_[id]->compile_rule = compile_rule;
            members_[id]->start();
        }
    }
    World& at(uint64_t id) { return *members_.at(id); }
    void cut_off(uint64_t id) { cut_.insert(id); }
    void reconnect(uint64_t id) { cut_.erase(id); }
    // What is sent to it arrives all at once and in order, each time that so much time has gone by.
    void deliver_every(uint64_t id, uint64_t ms) { every_ms_[id] = ms; }
    void crash(uint64_t id) { at(id).crash(); }
    void restart(uint64_t id) {
        at(id).now = now_;
        at(id).messages.clear();
        at(id).restart();
    }

    // Time goes by in steps of a few milliseconds; disks are instant, messages take one step.
    void run(uint64_t ms) {
        for (const uint64_t end = now_.monotonic_ms + ms; now_.monotonic_ms < end;) {
            now_ = {now_.monotonic_ms + 5, now_.wall_ms + 5};
            for (auto& [id, world] : members_) {
                if (world->core) turn(*world);
            }
            carry();
        }
    }
    template <class Condition>
    void run_until(Condition condition) {
        for (int i = 0; i < 2000 && !condition(); ++i) run(5);
        REQUIRE(condition());
    }
    uint64_t leader() {
        for (auto& [id, world] : members_) {
            if (world->core && !cut_.contains(id) && world->core->role() == raft::Role::leader) return id;
        }
        return 0;
    }
    uint64_t elect() {
        run_until([&] { return leader() != 0; });
        return leader();
    }
    uint64_t other_than(uint64_t id) { return id == 1 ? 2 : 1; }
    protocol::Reply ask(uint64_t id, protocol::RequestOp op, protocol::Ticket ticket = {}) {
        const uint64_t request = at(id).send(std::move(op), ticket);
        run_until([&] { return at(id).reply(request) != nullptr; });
        return *at(id).reply(request);
    }
    protocol::Reply put(uint64_t id, const Bytes& key, const Bytes& value) {
        return ask(id, protocol::PutRequest{key, value, {}, false});
    }
    Bytes get(uint64_t id, const Bytes& key) {
        protocol::RangeRequest range;
        range.range = KeyRange::one(key);
        const auto answer = ask(id, range);
        if (answer.error.code != Code::ok) return "(error: " + to_string(answer.error) + ")";
        const auto& kvs = std::get<protocol::RangeReply>(answer.result).kvs;
        return kvs.empty() ? "(none)" : kvs[0].value;
    }
    std::map<uint64_t, std::pair<Index, Bytes>> snapshots;  // by member: its newest
    bool fetches_stall = false;                             // as over a slow network
    int fetches = 0;                                        // begun
    std::map<uint64_t, size_t> entries_sent;                // by the member that they were sent to
    bool stops_expected = false;

private:
    static std::string name(uint64_t id) { return "m" + std::to_string(id); }
    void turn(World& world) {
        world.now = now_;
        world.step(TimerFired{});
        world.sync();
        while (world.read) world.give_read();
        if (world.fetch) {
            const Fetch wanted = *std::exchange(world.fetch, std::nullopt);
            fetched_ = snapshots.at(wanted.from);
            REQUIRE(fetched_.first == wanted.index);
            ++fetches;
            fetching_ = &world;
        }
        if (fetching_ == &world && !fetches_stall) {
            fetching_ = nullptr;
            world.step(SnapshotFetched{fetched_.first});
        }
        if (world.to_install) world.install(fetched_.second, Boundary(*world.to_install));
        REQUIRE((stops_expected || !world.fatal));
    }
    void carry() {
        for (auto& [id, world] : members_) {
            for (MemberMessage& message : world->messages) {
                const auto* const raft = std::get_if<raft::Message>(&message.body);
                const auto* const append = raft == nullptr ? nullptr : std::get_if<raft::AppendEntries>(&raft->body);
                if (append != nullptr) entries_sent[message.peer] += append->entries.size();
                const uint64_t every_ms = std::max<uint64_t>(1, every_ms_[message.peer]);
                const uint64_t due_ms = (now_.monotonic_ms + every_ms - 1) / every_ms * every_ms;
                on_the_way_[message.peer].push_back({due_ms, id, std::move(message)});
            }
            world->messages.clear();
        }
        for (auto& [id, queue] : on_the_way_) {
            for (; !queue.empty() && queue.front().due_ms <= now_.monotonic_ms; queue.pop_front()) {
                deliver(queue.front().from, std::move(queue.front().message));
            }
        }
    }
    void deliver(uint64_t from, MemberMessage message) {
        const auto to = members_.find(message.peer);
        if (to == members_.end() || !to->second->core || cut_.contains(from) || cut_.contains(message.peer)) return;
        message.peer = from;
        if (auto* raft = std::get_if<raft::Message>(&message.body)) raft->peer = from;
        to->second->step(MessageReceived{std::move(message)});
    }

    struct OnTheWay {
        uint64_t due_ms = 0;
        uint64_t from = 0;
        MemberMessage message;
    };
    std::map<uint64_t, uint64_t> every_ms_;
    std::map<uint64_t, std::deque<OnTheWay>> on_the_way_;  // by the member that it goes to
    std::map<uint64_t, std::unique_ptr<World>> members_;
    std::set<uint64_t> cut_;
    Instant now_{1'000'000, 1'700'000'000'000};
    std::pair<Index, Bytes> fetched_;
    World* fetching_ = nullptr;
};

}  // namespace belfry::hub::core

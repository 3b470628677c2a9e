// Feed and tracker against each other over lossy links, from random seeds, without a core: a hub of a few lines that only
// has a list of change sets. Every delivery is checked (tests/sim/subscriber).
#include <catch2/catch_test_macros.hpp>
#include <cstdlib>

#include "hub/feed/feed.hpp"
#include "sdk/protocol/codec.hpp"
#include "tests/sim/subscriber.hpp"
#include "tests/support/filters.hpp"
#include "tests/support/sanitizers.hpp"

using namespace belfry;
using namespace belfry::sim;

namespace {

class SmallHub {
public:
    SmallHub(World& world, Publisher& publisher) : world_(world), publisher_(publisher) {
        publisher_.on_topic = [this](ChannelId id, bool subscribed) {
            world_.after(world_.random.below(5), [this, id, subscribed, life = life_] {
                if (life == life_) feed_->on_topic(id, subscribed, world_.now());
            });
        };
        publisher_.join_answer = [this] { return std::optional(protocol::encode_join(feed_->join_answer())); };
        start();
    }

    // The process ends; a new one knows the same log.
    void stop() {
        world_.trace([&] { return "hub stops at " + std::to_string(revision().value); });
        ++life_;
        waits_.clear();
        publisher_.stop();
        feed_.reset();
    }
    void start() {
        world_.trace([&] { return "hub starts at " + std::to_string(revision().value); });
        feed_.emplace(hub::feed::Options{epoch_, ++incarnation_, world_.random.between(2, 8)});
        feed_->reset(revision());
        publisher_.start();
        plan_tick();
    }
    // As from an old backup: another log from here on.
    void restore(Revision at) {
        History copy = history();
        copy.truncate(at);
        histories[++epoch_] = std::move(copy);
        compacted_ = {};
    }

    void change() {
        ChangeSet change{revision().next(), world_.now(), world_.random.chance(70) ? "w" : "v", "", {}};
        const size_t keys = world_.random.between(1, 3);
        for (size_t i = 0; i < keys; ++i) {
            const Bytes key = Bytes(1, static_cast<char>('a' + world_.random.below(3))) + "/" +
                              std::to_string(world_.random.below(4)) +
                              (i == 0   ? ""
                               : i == 1 ? "x"
                                        : "y");
            const bool put = world_.random.chance(80);
            Event event{put ? EventType::put : EventType::erase, {key, {}, {}, change.revision, 0, {}}};
            if (put) event.kv.value = Bytes(world_.random.chance(3) ? 70'000 : world_.random.below(20), 'v');
            change.events.push_back(std::move(event));
        }
        histories[epoch_].add(change);
        if (!feed_) return;
        answer_waits();
        feed_->add(change, history().values_before(change.revision));
        if (world_.random.chance(60)) flush();
    }
    void flush() {
        std::vector<hub::feed::Message> messages;
        feed_->flush(revision(), world_.now(), messages);
        for (const auto& message : messages) publisher_.publish(message);
    }
    void compact() { compacted_ = {world_.random.below(revision().value + 1)}; }

    // A link for requests: slow, lossy, sometimes answers twice.
    Send link() {
        return [this](Call call, Answer answer) {
            if (world_.random.chance(loss_percent)) {
                if (world_.random.chance(50)) {
                    world_.after(300, [answer] { answer(Error{Code::uncertain, "lost"}); });
                }
                return;
            }
            world_.after(world_.random.below(40), [this, op = std::move(call.op), answer] {
                if (!feed_) return;
                auto reply = serve(op);
                const auto* changes = std::get_if<protocol::ChangesReply>(&reply->result);
                const bool nothing = reply->error.code == Code::ok && changes != nullptr && changes->changes.empty();
                const auto* request = std::get_if<protocol::ChangesRequest>(&op);
                if (request != nullptr && request->wait_ms > 0 && nothing) return wait(*request, answer);
                respond(answer, std::move(reply));
            });
        };
    }

    Revision revision() { return history().revision(); }
    const History& history() { return histories[epoch_]; }
    uint64_t epoch() const { return epoch_; }
    std::map<uint64_t, History> histories;
    unsigned loss_percent = 5;

private:
    void respond(const Answer& answer, Result<protocol::Reply> reply) {
        const int copies = world_.random.chance(5) ? 2 : 1;
        for (int i = 0; i < copies; ++i) {
            const uint64_t delay = loss_percent > 0 && world_.random.chance(5) ? 3000 : world_.random.below(40);
            world_.after(delay, [answer, reply, life = life_, this] {
                if (life == life_) answer(reply);
            });
        }
    }
    void wait(const protocol::ChangesRequest& request, Answer answer) {
        const uint64_t id = ++last_wait_;
        waits_.emplace(id, Wait{request, std::move(answer)});
        world_.after(request.wait_ms, [this, id, life = life_] {
            if (life == life_) answer_wait(id);
        });
    }
    void answer_wait(uint64_t id) {
        const auto found = waits_.find(id);
        if (found == waits_.end()) return;
        const Wait wait = std::move(found->second);
        waits_.erase(found);
        respond(wait.answer, serve(wait.request));
    }
    void answer_waits() {
        std::vector<uint64_t> due;
        for (const auto& [id, wait] : waits_) {
            if (!history().part_of(revision(), Wanted(wait.request.filter)).events.empty()) due.push_back(id);
        }
        for (const uint64_t id : due) answer_wait(id);
    }
    void plan_tick() {
        world_.after(world_.random.between(1, 30), [this, life = life_] {
            if (life != life_) return;
            flush();
            std::vector<hub::feed::Message> messages;
            if (world_.now() >= feed_->wake_at_ms()) feed_->tick(world_.now(), messages);
            for (const auto& message : messages) publisher_.publish(message);
            plan_tick();
        });
    }
    Result<protocol::Reply> serve(const protocol::RequestOp& op) {
        protocol::Reply reply;
        reply.revision = revision();
        if (const auto* channel = std::get_if<protocol::ChannelRequest>(&op)) {
            auto opened =
                feed_->open_channel(*filters_.compile(channel->filter), *filters_.compile({"prefix", ""}), world_.now());
            reply.result = *opened;
        } else if (const auto* changes = std::get_if<protocol::ChangesRequest>(&op)) {
            serve_changes(*changes, reply);
        } else if (const auto* snapshot = std::get_if<protocol::SnapshotRequest>(&op)) {
            serve_snapshot(*snapshot, reply);
        }
        return reply;
    }
    void serve_changes(const protocol::ChangesRequest& request, protocol::Reply& reply) {
        const Wanted wanted(request.filter);
        if (request.from < compacted_ && !wanted.of_changes()) return void(reply.error = {Code::compacted, "compacted"});
        if (request.from > revision()) return void(reply.error = {Code::invalid_argument, "the future"});
        const Revision from = std::max(request.from, compacted_);
        protocol::ChangesReply changes{from, from, {}, false};
        while (changes.to < revision() && changes.changes.size() < 20) {
            changes.to = changes.to.next();
            auto part = history().part_of(changes.to, wanted);
            if (!part.events.empty()) changes.changes.push_back(std::move(part));
        }
        changes.more = changes.to < revision();
        changes.epoch = epoch_;
        reply.result = std::move(changes);
    }
    void serve_snapshot(const protocol::SnapshotRequest& request, protocol::Reply& reply) {
        if (Wanted(request.filter).of_changes()) return void(reply.error = {Code::unsupported, "no state"});
        protocol::SnapshotReply snapshot;
        snapshot.at = request.at == Revision{} ? revision() : request.at;
        if (snapshot.at < compacted_) return void(reply.error = {Code::compacted, "compacted"});
        if (snapshot.at > revision()) return void(reply.error = {Code::invalid_argument, "the future"});
        snapshot.epoch = epoch_;
        const State state = history().state_at(snapshot.at, Wanted(request.filter));
        for (auto at = state.upper_bound(request.after_key); at != state.end(); ++at) {
            if (snapshot.kvs.size() == 4) {
                snapshot.more = true;
                break;
            }
            snapshot.kvs.push_back(at->second);
        }
        reply.result = std::move(snapshot);
    }

    World& world_;
    Publisher& publisher_;
    hub::plugin::Filters filters_ = test::all_filters();
    std::optional<hub::feed::Feed> feed_;
    uint64_t epoch_ = 1, incarnation_ = 100, life_ = 0;
    Revision compacted_;
    struct Wait {
        protocol::ChangesRequest request;
        Answer answer;
    };
    std::map<uint64_t, Wait> waits_;
    uint64_t last_wait_ = 0;
};

struct Run {
    explicit Run(uint64_t seed) : world(seed), hub(world, publisher) {
        const std::vector<protocol::FilterSpec> filters = {
            {"prefix", ""}, {"prefix", "a/"}, {"exact", "b/1"}, {"prefix", "a/2"}, {"prefix", "nobody/"}, {"prefix", "c"},
            {"even", ""},   {"even", "a/"},   {"author", "v"},  {"author", "w"},   {"author", "nobody"}};
        for (size_t i = 0; i < 2 * filters.size(); ++i) {
            const auto& filter = filters[i % filters.size()];
            const bool stream = i >= filters.size();
            const std::string name =
                (stream ? "private " : "s") + std::to_string(i) + " " + filter.kind + ":" + filter.spec;
            subscribers.push_back(std::make_unique<Subscriber>(world, publisher, hub.histories, hub.link(),
                                                               Subscriber::Setup{name, filter, stream}));
            subscribers[i]->link().troubles = {10, world.random.between(3, 40), world.random.between(0, 60)};
        }
        for (auto& subscriber : subscribers) world.after(world.random.below(3000), [&] { subscriber->start(); });
    }

    void trouble() {
        for (uint64_t i = world.random.below(6); i > 0 && publisher.alive(); --i) hub.change();
        Subscriber& victim = *subscribers[world.random.below(subscribers.size())];
        switch (world.random.below(9)) {
            case 0: return victim.link().cut();
            case 1: return victim.link().lose_until(world.now() + world.random.below(3000));
            case 2: victim.pause(true); return world.after(world.random.between(10, 8000), [&] { victim.pause(false); });
            case 3: return victim.restart(world.random.chance(70));
            case 4: return hub.compact();
            case 5: {
                if (!publisher.alive()) return;
                hub.stop();
                if (world.random.chance(15)) hub.restore({world.random.below(hub.revision().value + 1)});
                return world.after(world.random.between(10, 6000), [&] { hub.start(); });
            }
            default:
                for (uint64_t i = world.random.between(1, 30); i > 0 && publisher.alive(); --i) hub.change();
        }
    }

    // 40 s of troubles, then quiet; in 30 s everybody must be complete and know it.
    void go() {
        for (uint64_t at = 0; at < 40'000; at += world.random.between(50, 400)) world.at(at, [this] { trouble(); });
        world.at(46'000, [this] {
            hub.loss_percent = 0;
            for (auto& subscriber : subscribers) {
                subscriber->pause(false);
                subscriber->link().lose_until(0);
                subscriber->link().troubles.join_loss_percent = 0;
            }
        });
        world.at(50'000, [this] {
            if (publisher.alive()) hub.change();
        });
        world.run_until(76'000);
        if (!world.failure().empty()) return;
        for (auto& subscriber : subscribers) {
            if (subscriber->known() != hub.revision() || !subscriber->proved_since(74'000)) {
                world.fail(subscriber->name() + ": not current: knows " + std::to_string(subscriber->known().value) +
                           " of " + std::to_string(hub.revision().value));
            } else if (!subscriber->wanted().of_changes() &&
                       subscriber->state() != hub.history().state_at(hub.revision(), subscriber->wanted())) {
                world.fail(subscriber->name() + ": ends with another state");
            }
        }
    }

    World world;
    Publisher publisher;
    SmallHub hub;
    std::vector<std::unique_ptr<Subscriber>> subscribers;
};

}  // namespace

TEST_CASE(
    "feed and tracker: under any trouble each change comes once, in order, whole, and in the end everybody is current") {
    const char* wanted = std::getenv("BELFRY_PAIR_SEEDS");
    // One thread, so sanitizers make it slow (ten minutes under ThreadSanitizer) and find nothing that fewer would not.
    const uint64_t seeds = wanted ? std::strtoull(wanted, nullptr, 10) : test::sanitized ? 30 : 300;
    uint64_t deliveries = 0, by_mark = 0, by_chain = 0, snapshots = 0, deltas = 0, by_author = 0, losses = 0;
    for (uint64_t seed = 1; seed <= seeds; ++seed) {
        Run run(seed);
        run.go();
        if (!run.world.failure().empty()) {
            Run again(seed);
            again.world.tracing = true;
            again.world.trace_lines_max = 80;
            again.go();
            for (const auto& line : again.world.trace_lines()) UNSCOPED_INFO(line);
            FAIL("seed " << seed << ": " << run.world.failure());
        }
        for (auto& subscriber : run.subscribers) {
            deliveries += subscriber->deliveries();
            by_mark += subscriber->figures().gaps_by_mark;
            by_chain += subscriber->figures().gaps_by_chain;
            deltas += subscriber->figures().deltas;
            snapshots += subscriber->figures().snapshots;
            if (subscriber->wanted().of_changes()) by_author += subscriber->deliveries();
            losses += subscriber->losses();
        }
    }
    INFO(deliveries << " deliveries, gaps by chain " << by_chain << ", by mark " << by_mark << ", deltas " << deltas
                    << ", snapshots " << snapshots);
    CHECK(deliveries > 10'000);
    CHECK(by_mark > 20);
    CHECK(by_chain > 20);
    CHECK(by_author > 1000);
    CHECK(losses > 20);
}

TEST_CASE("feed and tracker: a burst beyond the high-water mark, then silence: only the mark finds the loss") {
    Run run(1);
    Subscriber& all = *run.subscribers[0];
    run.hub.loss_percent = 0;
    all.link().troubles.join_loss_percent = 0;
    run.world.run_until(10'000);
    REQUIRE(all.proved_since(8'000));
    all.link().troubles = {0, 4, 0};
    run.world.at(10'000, [&] {
        for (int i = 0; i < 100; ++i) {
            run.hub.change();
            run.hub.flush();
        }
    });
    run.world.run_until(10'000 + 3000);
    CHECK(run.world.failure() == "");
    CHECK(all.figures().gaps_by_mark == 1);
    CHECK(all.figures().gaps_by_chain == 0);
    CHECK(all.known().value == run.hub.revision().value);
}

TEST_CASE("private streams: a change is there within two ways, and an idle hub proves itself every second") {
    Run run(1);
    Subscriber& all = *run.subscribers[run.subscribers.size() / 2];  // the first of the private ones, of all keys
    REQUIRE(all.figures().stream == false);                          // not started yet
    run.hub.loss_percent = 0;
    run.world.run_until(10'000);
    REQUIRE(all.figures().stream);
    REQUIRE(all.known() == run.hub.revision());
    CHECK(all.figures().joins == 0);
    for (uint64_t at = 10'000; at < 20'000; at += 500) {
        run.world.at(at, [&] { run.hub.change(); });
        run.world.run_until(at + 150);
        CHECK(all.known() == run.hub.revision());
    }
    run.world.run_until(30'000);
    CHECK(all.proved_since(30'000 - 1'200));
    CHECK(run.world.failure() == "");
}

TEST_CASE("feed and tracker: a hub that idles sends no request and no subscriber asks anything") {
    Run run(3);
    run.world.run_until(10'000);
    const auto deltas = run.subscribers[0]->figures().deltas;
    const auto joins = run.subscribers[0]->figures().joins;
    run.world.run_until(60'000);
    CHECK(run.world.failure() == "");
    CHECK(run.subscribers[0]->figures().deltas == deltas);
    CHECK(run.subscribers[0]->figures().joins == joins);
    CHECK(run.subscribers[0]->proved_since(58'000));
}

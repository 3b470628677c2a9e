#include "tests/sim/hub.hpp"

#include <algorithm>

#include "sdk/protocol/codec.hpp"

namespace belfry::sim {

using hub::core::EntriesPersisted;
using hub::core::EntriesRead;
using hub::core::PersistFailed;
using hub::core::SnapshotPersisted;

namespace {

constexpr size_t snapshots_kept_max = 2;
constexpr uint64_t backlog_ms_max = 1000;  // of a disk's work

}  // namespace

Hub::Hub(World& world, Publisher& publisher, Truth& truth, const hub::plugin::Filters& filters, uint64_t id,
         const Members& members)
    : world_(world), publisher_(publisher), truth_(truth), filters_(filters) {
    options_.member_id = id;
    options_.bootstrap = members;
    options_.epoch = Truth::epoch;
    options_.snapshot_log_bytes = world.random.between(2, 40) * 1024;
    options_.snapshot_log_multiple_max = world.random.between(1, 4);
    options_.log_trailing_entries = world.random.below(30);
    options_.log_trailing_bytes = 0;
    options_.keep_revisions = world.random.chance(40) ? world.random.between(20, 200) : 0;
    // As if there were so many leases that keep-alives wait for each other, or none.
    // Rounds that are full at once: where they and their batches are cut must decide nothing.
    if (world.random.chance(50)) options_.round_keys_max = world.random.between(1, 60);
    if (world.random.chance(50)) options_.round_reply_bytes_max = world.random.between(100, 2000);
    if (world.random.chance(70)) options_.lease_pace_us = world.random.between(1000, 30'000);
    publisher_.on_topic = [this](ChannelId channel, bool subscribed) {
        if (core_) queue(hub::core::TopicChanged{channel, subscribed});
    };
    publisher_.join_answer = [this] { return join_; };
}

hub::Instant Hub::instant() const {
    return {world_.now(), static_cast<uint64_t>(1'700'000'000'000 + static_cast<int64_t>(world_.now()) + wall_offset_ms_)};
}

std::function<void()> Hub::mine(std::function<void()> action) {
    return [this, life = life_, action = std::move(action)] { run(life, action); };
}

void Hub::run(uint64_t life, const std::function<void()>& action) {
    if (life != life_) return;
    if (!stalled()) return action();
    world_.at(stalled_until_ms_, [this, life, action] { run(life, action); });
}

// ---- the process ----

void Hub::start() {
    if (core_) return;
    ++life_;
    options_.incarnation = world_.random.next();
    options_.seed = static_cast<unsigned>(world_.random.next());
    options_.plants = plants.core;
    world_.trace([&] { return "hub " + std::to_string(id()) + " starts, log " + std::to_string(log_.last().value); });
    const Snapshot* const newest = newest_snapshot();
    options_.snapshot_at_start = newest != nullptr ? newest->index : Index{};
    core_ = std::make_unique<hub::core::Core>(options_, store_.get(), filters_);
    observed_ = log_.boundary();
    hub::core::Output output;
    if (auto started = core_->start(log_.restored(), instant(), output); !started) {
        if (started.error().code != Code::no_space) {
            return world_.fail("hub " + std::to_string(id()) + " does not start: " + started.error().detail);
        }
        // The operator makes room and tries again.
        core_.reset();
        store_.process_crash();
        return world_.after(500, mine([this] { start(); }));
    }
    publisher_.start();
    act(output);
}

void Hub::stop(Crash crash) {
    ++life_;  // nor does it try again to start
    if (!core_) return;
    core_.reset();
    inbox_.clear();
    round_planned_ = false;
    wake_at_ms_ = UINT64_MAX;
    disk_free_at_ms_ = stalled_until_ms_ = votes_queued_ = votes_durable_ = 0;
    disk_jobs_.clear();
    outgoing_.clear();
    join_.reset();
    publisher_.stop();
    size_t lost = 0;
    if (crash == Crash::machine) {
        lost = log_.crash(world_.random);
        const Snapshot* const newest = newest_snapshot();
        store_.replace(newest != nullptr ? std::optional(newest->image) : std::nullopt);
    } else {
        log_.sync();  // the page cache survives
        store_.process_crash();
    }
    world_.trace([&] {
        return "hub " + std::to_string(id()) + (crash == Crash::machine ? ": machine" : ": process") +
               " crash, log ends at " + std::to_string(log_.last().value) + ", entries lost " + std::to_string(lost);
    });
}

void Hub::ask_to_stop() {
    if (core_) queue(hub::core::StopAsked{});
}

void Hub::end() {
    world_.trace([&] { return "hub " + std::to_string(id()) + " ends"; });
    if (const auto settled = core_->settle(); !settled) {
        return world_.fail("hub " + std::to_string(id()) + " ends: " + settled.error().detail);
    }
    stop(Crash::process);  // what a clean end leaves is what a crash of the process leaves, but for the store's open batch
    on_ended();
}

// ---- in ----

void Hub::receive(uint64_t connection, const Bytes& frame) {
    if (!core_) return;
    auto requests = protocol::decode_requests(frame);
    if (!requests) return world_.fail("request frame: " + requests.error().detail);
    for (auto& request : *requests) {
        if (auto valid = protocol::validate(request); !valid) return world_.fail("request: " + valid.error().detail);
        queue(hub::core::RequestReceived{connection, std::move(request)});
    }
}

void Hub::receive(hub::core::MemberMessage message) {
    if (core_) queue(hub::core::MessageReceived{std::move(message)});
}

void Hub::queue(hub::core::Input input) {
    inbox_.push_back(std::move(input));
    plan_round(world_.random.below(3));
}

void Hub::plan_round(uint64_t delay_ms) {
    if (round_planned_) return;
    round_planned_ = true;
    world_.after(delay_ms, mine([this] { round(); }));
}

void Hub::round() {
    round_planned_ = false;
    hub::core::Output output;
    auto inputs = std::move(inbox_);
    inbox_.clear();
    for (auto& input : inputs) core_->step(std::move(input), instant(), output);
    core_->flush(instant(), output);
    act(output);
}

// ---- out ----

void Hub::act(hub::core::Output& output) {
    if (output.fatal) return world_.fail("hub " + std::to_string(id()) + " stops: " + output.fatal->detail);
    observe();
    if (!output.persist.empty()) persist(output.persist);
    if (output.install) install(*output.install);
    if (!output.messages.empty()) send(std::move(output.messages));
    if (output.fetch) fetch(*output.fetch);
    if (output.read) {
        to_disk(
            [this, read = *output.read] {
                queue(EntriesRead{log_.read(read.first, read.last, world_.random.chance(50) ? 1000 : read.bytes_max)});
            },
            world_.random.below(5));
    }
    for (auto& reply : output.replies) {
        on_reply(reply.connection, reply.frame.empty() ? protocol::encode_replies({&reply.reply, 1}) : reply.frame);
    }
    for (const auto& message : output.deliveries) {
        if (!(plants.no_mark && message->front() == 'M')) publisher_.publish(message);
    }
    if (output.join) join_ = protocol::encode_join(*output.join);
    if (output.take_snapshot) take_snapshot();
    if (output.may_end) world_.after(0, mine([this] { end(); }));
    if (output.compact_to) to_disk([this, first = output.compact_to->index.next()] { log_.compact(first); }, 1);
    if (output.wake_at_ms == UINT64_MAX || output.wake_at_ms == wake_at_ms_) return;
    wake_at_ms_ = output.wake_at_ms;
    world_.at(wake_at_ms_, mine([this, wake = wake_at_ms_] {
                  if (wake != wake_at_ms_) return;
                  wake_at_ms_ = UINT64_MAX;
                  queue(hub::core::TimerFired{});
              }));
}

// What this member has applied, before anybody hears of it.
void Hub::observe() {
    observed_ = std::max(observed_, log_.boundary());
    while (observed_ < core_->applied() && observed_ < log_.last()) {
        observed_ = observed_.next();
        if (const auto agreed = truth_.learn(log_.at(observed_), world_.now()); !agreed) {
            return world_.fail("hub " + std::to_string(id()) + ": " + agreed.error().detail);
        }
    }
}

// They wait for every vote before them.
void Hub::send(std::vector<hub::core::MemberMessage> messages) {
    outgoing_.push_back({plants.messages_before_vote ? 0 : votes_queued_, std::move(messages)});
    let_messages_go();
}

void Hub::let_messages_go() {
    for (; !outgoing_.empty() && outgoing_.front().votes <= votes_durable_; outgoing_.pop_front()) {
        for (const auto& message : outgoing_.front().messages) on_message(message);
    }
}

// ---- the log ----

// What waits for long is synced together, as the log writer does it: a slow disk is late, it does not fall behind for ever.
void Hub::to_disk(std::function<void()> job, uint64_t took_ms) {
    const uint64_t now = world_.now();
    disk_free_at_ms_ =
        std::max(disk_free_at_ms_, std::min(std::max(disk_free_at_ms_, now) + took_ms, now + backlog_ms_max));
    disk_jobs_.push_back(std::move(job));
    world_.at(disk_free_at_ms_, mine([this] {
                  const auto next = std::move(disk_jobs_.front());
                  disk_jobs_.pop_front();
                  next();
              }));
}

void Hub::persist(hub::core::Persist& job) {
    if (plants.ack_before_durable && !job.entries.empty()) {
        queue(EntriesPersisted{job.entries.back().index, job.generation});
    }
    const bool slow = plants.messages_before_vote && job.vote;
    generation_ = job.generation;
    if (job.vote) ++votes_queued_;
    // Written first, durable later: a crash in between finds an unsynced tail.
    to_disk(
        [this, job] {
            if (job.vote) save_vote(*job.vote);
            if (job.truncate_after) log_.truncate_after(*job.truncate_after);
            if (job.truncate_after) {
                world_.trace([&] {
                    return "hub " + std::to_string(id()) + ": log cut after " + std::to_string(job.truncate_after->value);
                });
            }
            for (const auto& entry : job.entries) {
                if (log_.append(entry)) continue;
                world_.trace([&] {
                    return "hub " + std::to_string(id()) + ": no room for entry " + std::to_string(entry.index.value) +
                           ", log ends at " + std::to_string(log_.last().value) + (log_.full ? ", full" : "");
                });
                return queue(PersistFailed{{Code::no_space, "the simulated disk is full"}, entry.index});
            }
        },
        world_.random.below(slow ? 1000 : 3));
    if (job.entries.empty()) return;
    to_disk([this, first = job.entries.front().index, last = job.entries.back().index,
             generation = job.generation] { sync(first, last, generation); },
            world_.random.between(1, sync_ms_max_));
}

void Hub::save_vote(const hub::raft::Vote& vote) {
    log_.save_vote({vote.term, plants.forget_vote ? 0 : vote.voted_for});
    ++votes_durable_;
    let_messages_go();
}

void Hub::sync(Index first, Index last, uint64_t generation) {
    const Index reached = std::min(last, log_.last());
    if (!plants.skip_sync) log_.sync(plants.forget_truncation);
    if (plants.ack_before_durable || reached < first) return;
    // A slow answer may cross a truncation.
    world_.after(world_.random.chance(10) ? world_.random.below(200) : 0, mine([this, reached, generation] {
                     queue(EntriesPersisted{reached, plants.newest_generation ? generation_ : generation});
                 }));
}

// ---- snapshots ----

void Hub::keep(Snapshot snapshot) {
    kept_snapshots_.push_back(std::move(snapshot));
    if (kept_snapshots_.size() > snapshots_kept_max) kept_snapshots_.pop_front();
}

const Hub::Snapshot* Hub::snapshot_of(Index index) const {
    for (const Snapshot& snapshot : kept_snapshots_) {
        if (snapshot.index == index) return &snapshot;
    }
    return fetched_ && fetched_->index == index ? &*fetched_ : nullptr;
}

const Hub::Snapshot* Hub::newest_snapshot() const {
    const Snapshot* newest = nullptr;
    for (const Snapshot& snapshot : kept_snapshots_) {
        if (snapshot.index <= log_.last() && (newest == nullptr || snapshot.index > newest->index)) newest = &snapshot;
    }
    return newest;
}

void Hub::take_snapshot() {
    auto image = store_.snapshot();
    if (!image) return world_.fail("snapshot: " + image.error().detail);
    world_.after(world_.random.between(5, 200), mine([this, image = std::move(*image)] {
                     ++snapshots_taken_;
                     if (auto agreed = truth_.learn_image(image.first, image.second); !agreed) {
                         return world_.fail("hub " + std::to_string(id()) + ": " + agreed.error().detail);
                     }
                     keep({image.first, image.second});
                     queue(SnapshotPersisted{image.first, image.second.size()});
                 }));
}

// Takes time; the process it comes from must be there from the beginning to the end.
void Hub::fetch(const hub::core::Fetch& wanted) {
    const Hub* const sender = find(wanted.from);
    const uint64_t sender_life = sender != nullptr ? sender->life() : 0;
    world_.after(world_.random.between(5, 400), mine([this, wanted, sender_life, number = ++fetches_] {
                     if (number == fetches_) end_fetch(wanted, sender_life);  // else another one took its place
                 }));
}

void Hub::end_fetch(const hub::core::Fetch& wanted, uint64_t sender_life) {
    if (snapshot_of(wanted.index) == nullptr) {
        const Hub* const sender = find(wanted.from);
        const bool whole = sender != nullptr && sender->life() == sender_life && !world_.random.chance(5);
        const Snapshot* const found = whole ? sender->snapshot_of(wanted.index) : nullptr;
        if (found == nullptr) {
            return queue(hub::core::FetchFailed{wanted.index, {Code::unavailable, "not to be had"}});
        }
        fetched_ = *found;
        if (plants.old_snapshot) fetched_->image = sender->kept_snapshots_.front().image;
    }
    queue(hub::core::SnapshotFetched{wanted.index});
}

// Both at once: a crash before finds the old ones.
void Hub::install(const hub::core::Boundary& boundary) {
    to_disk(
        [this, boundary] {
            if (snapshot_of(boundary.index) == nullptr)
                return world_.fail("a snapshot is to be installed that was not fetched");
            ++installs_;
            if (fetched_ && fetched_->index == boundary.index) keep(*std::exchange(fetched_, std::nullopt));
            if (!plants.install_keeps_log) log_.reset(boundary);
            if (!plants.install_keeps_state) store_.replace(snapshot_of(boundary.index)->image);
            world_.trace(
                [&] { return "hub " + std::to_string(id()) + " installs " + std::to_string(boundary.index.value); });
            queue(hub::core::SnapshotInstalled{boundary.index});
        },
        world_.random.between(1, 50));
}

Bytes Hub::image() {
    (void)core_->settle();
    auto image = store_.snapshot();
    return image ? image->second : Bytes();
}

}  // namespace belfry::sim

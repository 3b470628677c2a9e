#include "tests/sim/hub.hpp"

#include <algorithm>

#include "sdk/protocol/codec.hpp"

namespace belfry::sim {

using hub::core::EntriesPersisted;
using hub::core::EntriesRead;
using hub::core::PersistFailed;
using hub::core::SnapshotPersisted;

Hub::Hub(World& world, Publisher& publisher, Truth& truth, const hub::plugin::Filters& filters)
    : world_(world), publisher_(publisher), truth_(truth), filters_(filters) {
    options_.epoch = Truth::epoch;
    options_.snapshot_log_bytes = world.random.between(2, 40) * 1024;
    options_.snapshot_log_multiple_max = world.random.between(1, 4);
    options_.log_trailing_entries = world.random.below(30);
    options_.log_trailing_bytes = 0;
    options_.keep_revisions = world.random.chance(40) ? world.random.between(20, 200) : 0;
    publisher_.on_topic = [this](ChannelId channel, bool subscribed) {
        if (core_) queue(hub::core::TopicChanged{channel, subscribed});
    };
    publisher_.join_answer = [this] { return join_; };
}

hub::Instant Hub::instant() const { return {world_.now(), 1'700'000'000'000 + world_.now()}; }

std::function<void()> Hub::mine(std::function<void()> action) {
    return [this, life = life_, action = std::move(action)] {
        if (life == life_) action();
    };
}

void Hub::start() {
    if (core_) return;
    ++life_;
    options_.incarnation = world_.random.next();
    options_.seed = static_cast<unsigned>(world_.random.next());
    world_.trace([&] { return "hub starts, log " + std::to_string(log_.last().value); });
    if (auto followed = truth_.follow(log_); !followed) return world_.fail("log: " + followed.error().detail);
    core_ = std::make_unique<hub::core::Core>(options_, store_.get(), filters_);
    hub::core::Output output;
    if (auto started = core_->start(log_.restored(), instant(), output); !started) {
        if (started.error().code != Code::no_space) {
            return world_.fail("hub does not start: " + started.error().detail);
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
    if (!core_) return;
    ++life_;
    core_.reset();
    inbox_.clear();
    round_planned_ = false;
    wake_at_ms_ = UINT64_MAX;
    disk_free_at_ms_ = 0;
    join_.reset();
    publisher_.stop();
    size_t lost = 0;
    if (crash == Crash::machine) {
        lost = log_.crash(world_.random);
        store_.machine_crash(snapshot_);
    } else {
        log_.sync();  // the page cache survives
        store_.process_crash();
    }
    world_.trace([&] {
        return std::string(crash == Crash::machine ? "machine" : "process") + " crash, log ends at " +
               std::to_string(log_.last().value) + ", entries lost " + std::to_string(lost);
    });
}

void Hub::receive(uint64_t connection, const Bytes& frame) {
    if (!core_) return;
    auto requests = protocol::decode_requests(frame);
    if (!requests) return world_.fail("request frame: " + requests.error().detail);
    for (auto& request : *requests) {
        if (auto valid = protocol::validate(request); !valid) return world_.fail("request: " + valid.error().detail);
        queue(hub::core::RequestReceived{connection, std::move(request)});
    }
}

void Hub::queue(hub::core::Input input) {
    inbox_.push_back(std::move(input));
    if (round_planned_) return;
    round_planned_ = true;
    world_.after(world_.random.below(3), mine([this] { round(); }));
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

void Hub::act(hub::core::Output& output) {
    if (output.fatal) return world_.fail("hub stops: " + output.fatal->detail);
    if (!output.persist.empty()) persist(output.persist);
    if (output.read) {
        to_disk(
            [this, read = *output.read] {
                queue(EntriesRead{log_.read(read.first, read.last, world_.random.chance(50) ? 1000 : read.bytes_max)});
            },
            world_.random.below(5));
    }
    for (auto& reply : output.replies) on_reply(reply.connection, protocol::encode_replies({&reply.reply, 1}));
    for (const auto& message : output.deliveries) {
        if (!(plants.no_mark && message->front() == 'M')) publisher_.publish(message);
    }
    if (output.join) join_ = protocol::encode_join(*output.join);
    if (output.take_snapshot) take_snapshot();
    if (output.compact_to) to_disk([this, first = output.compact_to->index.next()] { log_.compact(first); }, 1);
    if (output.wake_at_ms == UINT64_MAX || output.wake_at_ms == wake_at_ms_) return;
    wake_at_ms_ = output.wake_at_ms;
    world_.at(wake_at_ms_, mine([this, wake = wake_at_ms_] {
                  if (wake != wake_at_ms_) return;
                  wake_at_ms_ = UINT64_MAX;
                  queue(hub::core::TimerFired{});
              }));
}

// One job after the other, as the log writer thread does them.
void Hub::to_disk(std::function<void()> job, uint64_t took_ms) {
    disk_free_at_ms_ = std::max(disk_free_at_ms_, world_.now()) + took_ms;
    world_.at(disk_free_at_ms_, mine(std::move(job)));
}

void Hub::persist(hub::core::Persist& job) {
    if (plants.ack_before_durable && !job.entries.empty()) queue(EntriesPersisted{job.entries.back().index});
    // Written first, durable later: a crash in between finds an unsynced tail.
    to_disk(
        [this, job] {
            if (job.vote) log_.save_vote(*job.vote);
            for (const auto& entry : job.entries) {
                if (log_.append(entry)) continue;
                world_.trace([&] { return "log full at entry " + std::to_string(entry.index.value); });
                return queue(PersistFailed{{Code::no_space, "the simulated disk is full"}, entry.index});
            }
        },
        world_.random.below(3));
    if (job.entries.empty()) return;
    to_disk(
        [this, first = job.entries.front().index, last = job.entries.back().index] {
            const Index reached = std::min(last, log_.last());
            log_.sync();
            if (auto followed = truth_.follow(log_); !followed) return world_.fail("log: " + followed.error().detail);
            if (!plants.ack_before_durable && reached >= first) queue(EntriesPersisted{reached});
        },
        world_.random.between(1, sync_ms_max_));
}

void Hub::take_snapshot() {
    auto image = store_.snapshot();
    if (!image) return world_.fail("snapshot: " + image.error().detail);
    world_.after(world_.random.between(5, 200), mine([this, image = std::move(*image)] {
                     ++snapshots_;
                     snapshot_ = image.second;
                     queue(SnapshotPersisted{image.first, image.second.size()});
                 }));
}

}  // namespace belfry::sim

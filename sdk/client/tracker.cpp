#include "sdk/client/tracker.hpp"

#include <algorithm>
#include <cassert>

#include "sdk/protocol/codec.hpp"

namespace belfry::client {
namespace {

using protocol::FeedMessage;
using protocol::MarkMessage;

constexpr uint64_t retry_ms_min = 50;
constexpr uint64_t retry_doublings_max = 7;  // 6.4 s
constexpr uint64_t join_doublings_max = 1;   // a member that was not ready answers no join that came before
constexpr unsigned mismatches_max = 2;
constexpr uint64_t marks_forgiven = 2;  // a mark lists what changed since the mark before the last: one may be lost
// A hub that has just started replays its log and is behind for a while; after this many refusals (some 10 s) it has
// another past than ours.
constexpr uint64_t positions_refused_max = 8;
// The answers to a stream are newest: a hub that is not as far as one of them has another past, once a chance is excluded.
constexpr uint64_t stream_positions_refused_max = 1;
// Between two fetches on a broader channel that only announces: the hub filters for us, and others are in the same plight.
constexpr uint64_t announced_fetch_pause_ms = 100;

size_t buffer_cost(const FeedMessage& message) {
    size_t bytes = sizeof(message);
    for (const ChangeSet& change : message.changes) bytes += sizeof(change) + protocol::approximate_bytes(change);
    return bytes;
}

}  // namespace

Tracker::Tracker(TrackerOptions options)
    : options_(std::move(options)),
      wanted_(options_.filter.kind, options_.filter.spec),
      random_state_(options_.random_seed),
      epoch_(options_.from ? options_.epoch : std::nullopt),
      have_state_(options_.from.has_value()),
      known_(options_.from.value_or(Revision{})) {}

// splitmix64
uint64_t Tracker::random() {
    uint64_t x = random_state_ += 0x9E3779B97F4A7C15ull;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ull;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBull;
    return x ^ (x >> 31);
}

// ---- connection ----

void Tracker::start(uint64_t now_ms, TrackerOutput& output) {
    assert(phase_ == Phase::idle);
    phase_ = Phase::asking;
    if (options_.stream) begin_stream(output);
    drive(now_ms, output);
}

void Tracker::subscribe_all(TrackerOutput& output) {
    output.subscribe.push_back(protocol::channel_topic(*channel_));
    output.subscribe.push_back(protocol::mark_topic());
}

void Tracker::new_token(uint64_t now_ms, TrackerOutput& output) {
    token_ = "T";
    for (int half = 0; half < 2; ++half) {
        const uint64_t word = random();
        for (int octet = 0; octet < 8; ++octet) token_ += static_cast<char>(word >> (8 * octet));
    }
    output.subscribe.push_back(token_);
    const uint64_t wait = options_.join_timeout_ms << std::min(joins_failed_ / 2, join_doublings_max);
    join_deadline_ms_ = now_ms + wait + random() % (wait / 4 + 1);
    phase_ = Phase::joining;
    pending_ = {};
}

void Tracker::rejoin(uint64_t now_ms, TrackerOutput& output) {
    output.unsubscribe.push_back(token_);
    new_token(now_ms, output);
}

void Tracker::reconnect(uint64_t now_ms, TrackerOutput& output) {
    ++figures_.reconnects;
    output.reconnect = true;
    output.unsubscribe.clear();
    output.subscribe.clear();
    subscribe_all(output);
    new_token(now_ms, output);
}

void Tracker::begin_stream(TrackerOutput& output) {
    output.disconnect = channel_.has_value();
    output.reconnect = false;
    output.subscribe.clear();
    output.unsubscribe.clear();
    phase_ = Phase::streaming;
    figures_.stream = true;
    channel_.reset();
    buffer_.clear();
    buffer_bytes_ = 0;
    target_ = {};
    verify_position_ = false;
    joined_revision_.reset();
}

void Tracker::on_lost(uint64_t now_ms, TrackerOutput& output) {
    if (phase_ >= Phase::joining) reconnect(now_ms, output);
}

void Tracker::on_join(BytesView token_topic, const protocol::JoinMessage& message, uint64_t now_ms, TrackerOutput& output) {
    if (phase_ < Phase::joining || token_topic != token_) return;
    ++figures_.joins;
    figures_.incarnation = message.incarnation;
    last_sign_ms_ = now_ms;
    joins_failed_ = 0;
    look_for_stream_ = false;
    if (epoch_ && *epoch_ != message.epoch) {
        start_over();
        buffer_.clear();
        buffer_bytes_ = 0;
        target_ = {};
    }
    epoch_ = message.epoch;
    incarnation_ = message.incarnation;
    joined_revision_ = message.revision;
    newest_ = false;
    phase_ = Phase::registering;
    pending_ = {};
    register_at_ms_ = now_ms + (message.spread_ms == 0 ? 0 : random() % message.spread_ms);
    drive(now_ms, output);
}

void Tracker::on_channel(const protocol::ChannelReply& reply, uint64_t now_ms, TrackerOutput& output) {
    look_for_stream_ = false;
    if (reply.stream) return begin_stream(output);
    own_channel_ = reply.exact;
    if (phase_ == Phase::asking) {
        channel_ = reply.channel;
        subscribe_all(output);
        return new_token(now_ms, output);
    }
    if (reply.channel != *channel_) {
        output.unsubscribe.push_back(protocol::channel_topic(*channel_));
        output.subscribe.push_back(protocol::channel_topic(reply.channel));
        channel_ = reply.channel;
        return rejoin(now_ms, output);
    }
    if (phase_ == Phase::joining) return;
    if (reply.incarnation != incarnation_) {
        failed(now_ms);
        // Once: the hub has started anew in between. Again and again: requests and feed go to different members.
        if (++mismatches_ < mismatches_max) return rejoin(now_ms, output);
        mismatches_ = 0;
        return reconnect(now_ms, output);
    }
    mismatches_ = 0;
    phase_ = Phase::registered;
    mark_base_ = reply.mark_sequence;
    target_ = std::max(target_, reply.from);
    if (options_.of_changes && !have_state_) begin_at(reply.from, std::exchange(lost_after_, std::nullopt), output);
    newest_ = have_state_ && known_ >= target_;
    if (joined_revision_) verify_position_ = have_state_ && known_ > std::max(*joined_revision_, reply.from);
}

// ---- requests: one at a time ----

bool Tracker::work_waits() const {
    switch (phase_) {
        case Phase::idle: return false;
        case Phase::joining: return look_for_stream_;
        case Phase::asking:
        case Phase::streaming:
        case Phase::registering: return true;
        case Phase::registered: break;
    }
    return !have_state_ || known_ < target_ || verify_position_;
}

void Tracker::drive(uint64_t now_ms, TrackerOutput& output) {
    if (phase_ == Phase::registered && !work_waits()) drain(now_ms, output);
    if (!work_waits() || pending_.ask != Ask::nothing || now_ms < retry_at_ms_) return;
    if (phase_ == Phase::registering && now_ms < register_at_ms_) return;

    if (phase_ != Phase::registered && phase_ != Phase::streaming) {
        ask(Ask::channel, protocol::ChannelRequest{options_.filter}, now_ms, output);
    } else if (!have_state_ && !begin_from_) {
        ask_snapshot(now_ms, output);
    } else {
        ask_changes(now_ms, output);
    }
}

void Tracker::ask_changes(uint64_t now_ms, TrackerOutput& output) {
    const uint64_t wait_ms = phase_ == Phase::streaming && hub_waits_ && have_state_ ? options_.stream_wait_ms : 0;
    const Revision from = have_state_ ? known_ : *begin_from_;
    ask(Ask::delta, protocol::ChangesRequest{options_.filter, from, {}, 0, wait_ms}, now_ms, output);
    pending_.from = from;
    pending_.deadline_ms += wait_ms;
}

void Tracker::ask(Ask what, protocol::RequestOp op, uint64_t now_ms, TrackerOutput& output) {
    pending_ = {what, ++last_id_, now_ms + options_.request_timeout_ms, known_};
    output.requests.emplace_back(pending_.id, std::move(op));
}

void Tracker::ask_snapshot(uint64_t now_ms, TrackerOutput& output) {
    protocol::SnapshotRequest request{options_.filter, {}, {}, 0};
    if (snapshot_chunks_ > 0) {
        request.at = snapshot_.at;
        request.after_key = snapshot_.after_key;
    }
    ask(Ask::snapshot, std::move(request), now_ms, output);
}

void Tracker::failed(uint64_t now_ms) {
    const uint64_t wait = retry_ms_min << std::min(failures_++, retry_doublings_max);
    retry_at_ms_ = now_ms + wait / 2 + random() % (wait / 2 + 1);
}

void Tracker::on_reply(uint64_t request_id, Result<protocol::Reply> reply, uint64_t now_ms, TrackerOutput& output) {
    if (pending_.ask == Ask::nothing || request_id != pending_.id) return;
    const Pending asked = std::exchange(pending_, Pending{});
    const bool stateless = options_.of_changes && phase_ == Phase::streaming && asked.ask == Ask::snapshot;
    if (stateless && reply && reply->error.code == Code::unsupported && !begin_from_) {
        begin_from_ = reply->revision;  // now, as this hub sees it
    } else if (!reply || reply->error.code != Code::ok) {
        on_error(asked.ask, reply ? reply->error : reply.error(), now_ms, output);
    } else if (auto* channel = std::get_if<protocol::ChannelReply>(&reply->result); channel && asked.ask == Ask::channel) {
        failures_ = 0;
        on_channel(*channel, now_ms, output);
    } else if (auto* delta = std::get_if<protocol::ChangesReply>(&reply->result); delta && asked.ask == Ask::delta) {
        on_delta(*delta, asked.from, now_ms, output);
    } else if (auto* chunk = std::get_if<protocol::SnapshotReply>(&reply->result); chunk && asked.ask == Ask::snapshot) {
        on_snapshot(*chunk, now_ms, output);
    } else {
        failed(now_ms);
    }
    drive(now_ms, output);
}

void Tracker::on_error(Ask what, const Error& error, uint64_t now_ms, TrackerOutput& output) {
    hub_waits_ = false;
    if (error.code == Code::denied || error.code == Code::unauthenticated) output.refused = error;
    const bool for_good = error.code == Code::invalid_argument || error.code == Code::unsupported;
    if (error.code == Code::compacted && what != Ask::channel) return start_over();
    if (for_good && what == Ask::channel) output.refused = error;
    const bool streams = phase_ == Phase::streaming;
    const uint64_t refusals_max = streams ? stream_positions_refused_max : positions_refused_max;
    if (for_good && what == Ask::delta && ++positions_refused_ > refusals_max) {
        positions_refused_ = 0;
        return start_over();
    }
    if (for_good && what == Ask::snapshot) start_over();
    failed(now_ms);
}

// False: the answer is about another log than our state, or does not say which. `first`: we have no state yet.
bool Tracker::of_our_past(uint64_t epoch, bool first, uint64_t now_ms, TrackerOutput& output) {
    const bool streams = phase_ == Phase::streaming;
    if (epoch == 0 && streams) {
        output.refused = Error{Code::unsupported, "this hub is of an older release and serves no private streams"};
        return failed(now_ms), false;
    }
    hub_waits_ = streams;
    if (epoch == 0 || epoch_ == epoch) return true;
    if (!streams) return failed(now_ms), false;  // the JOIN of that hub will say it too
    const bool ours = first || !epoch_;
    epoch_ = epoch;
    if (!ours) start_over();
    return ours;
}

void Tracker::on_delta(protocol::ChangesReply& reply, Revision from, uint64_t now_ms, TrackerOutput& output) {
    const bool begins = !have_state_;
    if (!of_our_past(reply.epoch, begins, now_ms, output)) return;
    if (begins && reply.from >= from) {
        begin_at(reply.from, std::exchange(lost_after_, std::nullopt), output);
        from = reply.from;
    } else if (options_.of_changes && reply.from > from) {
        if (known_ < reply.from) begin_at(reply.from, known_, output);
        from = reply.from;
    }
    // Live messages may have carried us on since we asked; a reply about another interval is not ours.
    if (reply.from != from || (reply.more && reply.to <= from)) return failed(now_ms);
    failures_ = positions_refused_ = 0;
    verify_position_ = false;
    const bool streams = phase_ == Phase::streaming;
    if (!streams || !reply.changes.empty()) ++figures_.deltas;
    apply(reply.changes, output);
    known_ = std::max(known_, reply.to);
    output.complete = known_;
    newest_ = !reply.more;
    if (streams && newest_) output.proved = true;
    // This hub has not yet what another one published.
    if (!reply.more && known_ < target_) failed(now_ms);
    if (!reply.more && only_announces()) retry_at_ms_ = std::max(retry_at_ms_, now_ms + announced_fetch_pause_ms);
}

// With a snapshot; a filter of change sets from where its channel is when it is registered anew.
void Tracker::start_over() {
    if (options_.of_changes && have_state_) {
        lost_after_ = known_;
        if (phase_ == Phase::registered) phase_ = Phase::registering;
    }
    have_state_ = false;
    begin_from_.reset();
    verify_position_ = false;
    snapshot_ = {};
    snapshot_chunks_ = 0;
}

void Tracker::begin_at(Revision at, std::optional<Revision> lost_after, TrackerOutput& output) {
    if (lost_after && output.beginning && output.beginning->lost_after) lost_after = output.beginning->lost_after;
    output.beginning = TrackerOutput::Beginning{at, lost_after};
    begin_from_.reset();
    have_state_ = true;
    known_ = at;
    output.complete = known_;
}

void Tracker::on_snapshot(protocol::SnapshotReply& reply, uint64_t now_ms, TrackerOutput& output) {
    if (!of_our_past(reply.epoch, snapshot_chunks_ == 0, now_ms, output)) return;
    if (reply.after_key.empty() && !reply.kvs.empty()) reply.after_key = reply.kvs.back().key;
    const bool continues = snapshot_chunks_ == 0 || reply.at == snapshot_.at;
    if (!continues || (reply.more && reply.after_key <= snapshot_.after_key)) {
        start_over();
        return failed(now_ms);
    }
    failures_ = 0;
    snapshot_.at = reply.at;
    snapshot_.after_key = std::move(reply.after_key);
    std::move(reply.kvs.begin(), reply.kvs.end(), std::back_inserter(snapshot_.kvs));
    ++snapshot_chunks_;
    if (reply.more) return;

    ++figures_.snapshots;
    newest_ = snapshot_chunks_ == 1;
    known_ = snapshot_.at;
    have_state_ = true;
    output.snapshot = TrackerOutput::Snapshot{snapshot_.at, std::move(snapshot_.kvs)};
    output.complete = known_;
    if (phase_ == Phase::streaming && newest_) output.proved = true;
    snapshot_ = {};
    snapshot_chunks_ = 0;
}

// ---- data ----

void Tracker::on_feed(const FeedMessage& message, uint64_t now_ms, TrackerOutput& output) {
    if (phase_ < Phase::joining || !epoch_ || message.channel != *channel_) return;
    if (message.epoch != *epoch_) {
        if (phase_ == Phase::registered) rejoin(now_ms, output);
        return;
    }
    if (only_announces() && !message.fetch) {
        FeedMessage announced{message.channel, message.epoch, message.incarnation, message.from, message.to, true, {}};
        return on_feed(announced, now_ms, output);
    }
    // Intervals are facts about the log: they hold whoever published them, registered or not.
    if (!buffer_.empty() || !take(message, output)) keep({message, buffer_cost(message)});
    drive(now_ms, output);
}

void Tracker::on_mark(const MarkMessage& message, uint64_t now_ms, TrackerOutput& output) {
    if (phase_ < Phase::joining) return;
    last_sign_ms_ = now_ms;
    if (phase_ == Phase::joining) {  // it lives: our question or its answer is lost, there is no need to be patient
        const uint64_t soon = options_.join_timeout_ms / 2;
        join_deadline_ms_ = std::min(join_deadline_ms_, now_ms + soon + random() % (soon + 1));
        return;
    }
    if (message.epoch != *epoch_ || message.incarnation != incarnation_) {
        // Another process publishes now; the JOIN of the new connection may have been lost.
        if (phase_ == Phase::registered) rejoin(now_ms, output);
        return;
    }
    const bool ready = phase_ == Phase::registered && buffer_.empty() && !work_waits();
    if (!ready || !take(message, true, now_ms, output)) keep({message, sizeof(message)});
    drive(now_ms, output);
}

void Tracker::keep(Live live) {
    buffer_bytes_ += live.bytes;
    buffer_.push_back(std::move(live));
    if (buffer_.size() <= options_.buffered_messages_max && buffer_bytes_ <= options_.buffered_bytes_max) return;
    for (const Live& lost : buffer_) {
        if (const auto* message = std::get_if<FeedMessage>(&lost.message)) target_ = std::max(target_, message->to);
    }
    buffer_.clear();
    buffer_bytes_ = 0;
}

void Tracker::drain(uint64_t now_ms, TrackerOutput& output) {
    settle(output);
    while (!buffer_.empty() && phase_ == Phase::registered && !work_waits()) {
        const Live& live = buffer_.front();
        const auto* message = std::get_if<FeedMessage>(&live.message);
        const bool taken =
            message ? take(*message, output) : take(std::get<MarkMessage>(live.message), false, now_ms, output);
        if (!taken) return;
        buffer_bytes_ -= live.bytes;
        buffer_.pop_front();
    }
}

// Caught up with everything the last JOIN and registration spoke of.
void Tracker::settle(TrackerOutput& output) {
    if (!joined_revision_) return;
    // The channel's changes up to the JOIN's revision were all at or before the registration's `from`.
    known_ = std::max(known_, *joined_revision_);
    joined_revision_.reset();
    output.complete = known_;
    if (newest_) output.proved = true;
}

bool Tracker::take(const FeedMessage& message, TrackerOutput& output) {
    if (!have_state_) return false;
    if (message.to <= known_) return true;
    const bool gap = message.from > known_;
    if (gap || message.fetch) {
        if (gap && known_ >= target_) ++figures_.gaps_by_chain;
        target_ = std::max(target_, message.fetch ? message.to : message.from);
        return false;
    }
    apply(message.changes, output);
    known_ = message.to;
    output.complete = known_;
    return true;
}

bool Tracker::take(const MarkMessage& message, bool fresh, uint64_t now_ms, TrackerOutput& output) {
    if (message.incarnation != incarnation_ || message.epoch != *epoch_) return true;
    for (const auto& [channel, to] : message.changed) {
        if (channel != *channel_ || to <= known_) continue;
        ++figures_.gaps_by_mark;
        target_ = std::max(target_, to);
        return false;
    }
    if (mark_base_ == 0) {
        // An older hub does not say where its marks stand: prove the first one by asking.
        target_ = std::max(target_, message.revision);
        if (known_ < target_) return false;
    } else if (message.sequence <= mark_base_) {
        return true;
    } else if (message.sequence - mark_base_ > marks_forgiven) {
        // Too many lost: the channel may even have been closed meanwhile.
        phase_ = Phase::registering;
        register_at_ms_ = now_ms;
        return false;
    }
    mark_base_ = message.sequence;
    known_ = std::max(known_, message.revision);
    output.complete = known_;
    if (fresh) output.proved = true;
    return true;
}

void Tracker::apply(const std::vector<ChangeSet>& changes, TrackerOutput& output) {
    for (const ChangeSet& change : changes) {
        if (change.revision <= known_) continue;
        constexpr size_t reserved_events_max = 8;
        ChangeSet* mine = nullptr;
        for (const Event& event : change.events) {
            if (!wanted_(event.kv.key)) continue;
            if (mine == nullptr) {
                mine = &output.changes.emplace_back(
                    ChangeSet{change.revision, change.time_ms, change.author, change.comment, {}, change.labels});
                mine->events.reserve(std::min(change.events.size(), reserved_events_max));
            }
            mine->events.push_back(event);
        }
    }
}

// ---- time ----

void Tracker::on_timer(uint64_t now_ms, TrackerOutput& output) {
    if (pending_.ask != Ask::nothing && now_ms >= pending_.deadline_ms) {
        pending_ = {};
        failed(now_ms);
    }
    if (phase_ == Phase::joining && now_ms >= join_deadline_ms_) {
        ++joins_failed_;
        joins_failed_ % 2 == 1 ? rejoin(now_ms, output) : reconnect(now_ms, output);
        look_for_stream_ = true;
    }
    if (phase_ > Phase::joining && now_ms - last_sign_ms_ > options_.silence_ms_max) return reconnect(now_ms, output);
    drive(now_ms, output);
}

uint64_t Tracker::wake_at_ms() const {
    if (phase_ == Phase::idle) return UINT64_MAX;
    uint64_t wake = UINT64_MAX;
    if (phase_ == Phase::joining) wake = join_deadline_ms_;
    if (phase_ > Phase::joining) wake = last_sign_ms_ + options_.silence_ms_max + 1;
    if (pending_.ask != Ask::nothing) return std::min(wake, pending_.deadline_ms);
    if (!work_waits()) return wake;
    const uint64_t spread = phase_ == Phase::registering ? register_at_ms_ : 0;
    return std::min(wake, std::max(retry_at_ms_, spread));
}

}  // namespace belfry::client

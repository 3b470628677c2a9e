#include "tests/unit/hub/core/world.hpp"

#include "sdk/protocol/codec.hpp"

namespace belfry::hub::core {

namespace {

struct PrefixFilter {
    Bytes prefix;
    Bytes end;
};
const PrefixFilter& self(const belfry_filter* filter) { return *reinterpret_cast<const PrefixFilter*>(filter); }

}  // namespace

const belfry_filter_v1 prefix_filter = {
    sizeof(belfry_filter_v1),
    0,
    "prefix",
    [](belfry_bytes spec, belfry_filter** filter, belfry_error*) -> belfry_status {
        auto* made = new PrefixFilter{Bytes(static_cast<const char*>(spec.data), spec.size), {}};
        made->end = prefix_end(made->prefix);
        if (made->end == Bytes(1, '\0')) made->end.clear();
        *filter = reinterpret_cast<belfry_filter*>(made);
        return BELFRY_OK;
    },
    [](const belfry_filter* filter, belfry_bytes* spec) {
        *spec = {self(filter).prefix.data(), self(filter).prefix.size()};
    },
    [](const belfry_filter* filter, belfry_bytes* begin, belfry_bytes* end) {
        *begin = {self(filter).prefix.data(), self(filter).prefix.size()};
        *end = {self(filter).end.data(), self(filter).end.size()};
    },
    [](const belfry_filter* filter, belfry_bytes key, belfry_bytes) -> int32_t {
        return BytesView(static_cast<const char*>(key.data), key.size).starts_with(self(filter).prefix) ? 1 : 0;
    },
    [](belfry_filter* filter) { delete reinterpret_cast<PrefixFilter*>(filter); },
    [](const belfry_filter*) -> int32_t { return 0; },
    nullptr,
    nullptr,
    nullptr,
    nullptr,
};

Options World::default_options() {
    Options options;
    options.epoch = 77;
    options.incarnation = 5;
    options.keep_revisions = 0;
    return options;
}

World::World(Options wanted) : options(wanted) {
    REQUIRE(filters.add(prefix_filter));
    open_store();
}

void World::open_store() {
    static const belfry_host_v1 host = {};
    const auto plugin = plugin::link_plugin(belfry_plugin_entry_storage_memory, host);
    REQUIRE(plugin);
    auto opened = plugin::StateStore::open(host, *plugin->state_store(), "storage_memory", "/nowhere", {});
    REQUIRE(opened);
    store = std::move(*opened);
}

// ---- the process ----

void World::start() {
    raft::Restored restored;
    restored.term = vote.term;
    restored.voted_for = vote.voted_for;
    restored.boundary = boundary;
    restored.boundary_term = boundary_term;
    if (boundary != Index{}) {
        restored.configuration_index = configuration.index;
        restored.configuration = *configuration.payload;
    }
    for (raft::Entry entry : written) {
        if (entry.type != raft::EntryType::change) entry.payload = nullptr;  // as the shell does
        restored.trail.push_back(entry);
    }
    core = std::make_unique<Core>(options, *store, filters, compile_rule, authority.get());
    const auto started = core->start(std::move(restored), now, output_);
    if (!started) fatal = started.error();
    act();
}

void World::lose_unsynced() {
    crash();
    written.resize(durable);
    open_store();
}

void World::restart(bool machine_too) {
    machine_too ? lose_unsynced() : crash();
    durable = written.size();
    start();
    while (read) give_read();
}

// ---- the clients ----

uint64_t World::enqueue(protocol::RequestOp op, protocol::Ticket ticket) {
    const uint64_t id = next_id_++;
    protocol::Request request{id, "tester", "", std::move(op), ticket, false, labels};
    core->step(RequestReceived{9, std::move(request), false, {credential, public_key, {}, 0}}, now, output_);
    return id;
}

uint64_t World::send(protocol::RequestOp op, protocol::Ticket ticket) {
    const uint64_t id = enqueue(std::move(op), ticket);
    flush();
    return id;
}

uint64_t World::try_out(protocol::RequestOp op) {
    const uint64_t id = next_id_++;
    core->step(RequestReceived{9, {id, "tester", "", std::move(op), {}, true}, false, {credential, public_key, {}, 0}}, now,
               output_);
    flush();
    return id;
}

uint64_t World::put(const Bytes& key, const Bytes& value) { return send(protocol::PutRequest{key, value, {}, false}); }

const protocol::Reply* World::reply(uint64_t id) const {
    for (const auto& outgoing : replies) {
        if (outgoing.reply.id == id) return &outgoing.reply;
    }
    return nullptr;
}

protocol::Reply World::write(protocol::RequestOp op) {
    const uint64_t id = send(std::move(op));
    sync();
    REQUIRE(reply(id) != nullptr);
    return *reply(id);
}

Bytes World::get(const Bytes& key) {
    protocol::RangeRequest range;
    range.range = KeyRange::one(key);
    const uint64_t id = send(range);
    const auto* answer = reply(id);
    if (answer == nullptr) return "(waits)";
    if (answer->error.code != Code::ok) return "(error: " + to_string(answer->error) + ")";
    const auto& kvs = std::get<protocol::RangeReply>(answer->result).kvs;
    return kvs.empty() ? "(none)" : kvs[0].value;
}

// ---- the disk ----

void World::sync() {
    while (unsynced() > 0) {
        durable = written.size();
        step(EntriesPersisted{written.back().index, generation});
    }
    // A flush applies one batch and asks to be woken for the next.
    for (int i = 0; i < 100 && wake_at_ms == now.monotonic_ms; ++i) flush();
}

void World::give_read() {
    REQUIRE(read);
    EntriesRead answer;
    size_t bytes = 0;
    for (const auto& entry : written) {
        if (entry.index < read->first || entry.index > read->last || bytes > read->bytes_max) continue;
        answer.entries.push_back(entry);
        bytes += entry.payload->size();
    }
    read.reset();
    step(std::move(answer));
    for (int i = 0; i < 100 && wake_at_ms == now.monotonic_ms; ++i) flush();
}

std::pair<Index, Bytes> World::snapshot() {
    take_snapshot = false;
    Bytes image;
    const auto index = store->snapshot_write([&](BytesView part) { return image += part, Status(); });
    REQUIRE(index);
    step(SnapshotPersisted{*index, image.size()});
    if (!compact_to) return {*index, image};
    const size_t dropped = compact_to->value - boundary.value;
    boundary_term = written[dropped - 1].term;
    written.erase(written.begin(), written.begin() + static_cast<ptrdiff_t>(dropped));
    durable -= dropped;
    boundary = *std::exchange(compact_to, std::nullopt);
    return {*index, image};
}

void World::install(const Bytes& image, const Boundary& to) {
    to_install.reset();
    written.clear();
    durable = 0;
    boundary = to.index;
    boundary_term = to.term;
    configuration = to.configuration;
    size_t at = 0;
    REQUIRE(store->snapshot_read([&](char* buffer, size_t capacity) -> Result<size_t> {
        const size_t size = image.copy(buffer, capacity, at);
        at += size;
        return size;
    }));
    step(SnapshotInstalled{to.index});
}

void World::step(Input input) {
    core->step(std::move(input), now, output_);
    flush();
}

void World::flush() {
    core->flush(now, output_);
    act();
}

void World::pass(uint64_t ms) {
    const Instant end{now.monotonic_ms + ms, now.wall_ms + ms};
    while (wake_at_ms <= end.monotonic_ms && core) {
        const uint64_t wait = wake_at_ms > now.monotonic_ms ? wake_at_ms - now.monotonic_ms : 0;
        now = {now.monotonic_ms + wait, now.wall_ms + wait};
        const uint64_t before = wake_at_ms;
        step(TimerFired{});
        if (wake_at_ms <= before && wait == 0) break;  // would spin
    }
    now = end;
    flush();
}

void World::act() {
    auto& persist = output_.persist;
    if (persist.vote) vote = *persist.vote;
    generation = std::max(generation, persist.generation);
    if (persist.truncate_after) {
        REQUIRE(*persist.truncate_after >= boundary);
        written.resize(std::min<size_t>(written.size(), persist.truncate_after->value - boundary.value));
        durable = std::min(durable, written.size());
    }
    if (!persist.entries.empty()) {
        const Index last = written.empty() ? boundary : written.back().index;
        const Index first = persist.entries.front().index;
        if (refused_from_ > last.next()) refused_from_ = {};  // it was cut meanwhile
        if (refused_from_ != Index{} && first != refused_from_) {
            output_.persist = {};  // as the log writer does: they would leave a gap, and are asked for again
        } else if (log_is_full) {
            refused_from_ = first;
            output_.persist = {};
            core->step(PersistFailed{{Code::no_space, "the test's disk is full"}, first}, now, output_);
        } else {
            REQUIRE(first == last.next());
            refused_from_ = {};
            for (auto& entry : persist.entries) {
                trace += "append " + std::to_string(entry.index.value) + "^" + std::to_string(entry.term.value) + " " +
                         *entry.payload + "\n";
                if (entry.type == raft::EntryType::change) configuration = entry;
                written.push_back(std::move(entry));
            }
        }
    }
    for (auto& outgoing : output_.replies) {
        if (!outgoing.frame.empty()) outgoing.reply = std::move(protocol::decode_replies(outgoing.frame)->front());
        trace +=
            "reply " + std::to_string(outgoing.connection) + " " + protocol::encode_replies({&outgoing.reply, 1}) + "\n";
        replies.push_back(std::move(outgoing));
    }
    for (auto& message : output_.deliveries) {
        trace += "publish " + *message + "\n";
        deliveries.push_back(std::move(message));
    }
    if (output_.join) join = output_.join;
    if (output_.read) read = output_.read;
    for (MemberMessage& message : output_.messages) messages.push_back(std::move(message));
    if (output_.fetch) fetch = output_.fetch;
    if (output_.install) to_install = output_.install;
    take_snapshot = take_snapshot || output_.take_snapshot;
    for (WriteQuestions& asked : output_.questions) questions.push_back(std::move(asked));
    for (PasswordQuestion& asked : output_.logins) logins.push_back(std::move(asked));
    if (output_.keys) keys = output_.keys;
    for (Audit& line : output_.audit) audit.push_back(std::move(line));
    backup_pieces.insert(backup_pieces.end(), output_.backup_pieces.begin(), output_.backup_pieces.end());
    if (output_.compact_to) compact_to = output_.compact_to->index;
    if (output_.fatal) fatal = output_.fatal;
    may_end = output_.may_end;
    if (output_.wake_at_ms != UINT64_MAX) wake_at_ms = output_.wake_at_ms;
    trace += "wake " + std::to_string(wake_at_ms) + "\n";
    output_.clear();
}

}  // namespace belfry::hub::core

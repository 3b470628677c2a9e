#include "hub/shell/server.hpp"

#include <algorithm>

#include "hub/shell/clock.hpp"
#include "hub/shell/plugin_facts.hpp"
#include "hub/shell/value_rules.hpp"
#include "sdk/auth/secrets.hpp"
#include "sdk/base/random.hpp"
#include "sdk/protocol/codec.hpp"

namespace belfry::hub::shell {

namespace {

// How long a reply waits for others to share its frame with.
constexpr uint64_t reply_wait_us_max = 100;

constexpr uint64_t unlike_look_every_ms = 1000;

// Few commands: whoever sent them waits for nothing else.
bool is_lone_write(const core::Persist& persist) {
    constexpr size_t lone_bytes_max = 4096;
    if (persist.entries.size() != 1 || !persist.entries[0].payload) return false;
    return persist.entries[0].payload->size() <= lone_bytes_max;
}

template <class Table>
Result<const Table*> find_table(const std::vector<plugin::Plugin>& plugins, const std::string& name,
                                const Table* (plugin::Plugin::*table)() const, const char* setting) {
    std::string known;
    for (const auto& plugin : plugins) {
        const Table* found = (plugin.*table)();
        if (found == nullptr) continue;
        if (plugin.descriptor->name == name) return found;
        known += std::string(known.empty() ? "" : ", ") + plugin.descriptor->name;
    }
    return Error{Code::not_found, std::string(setting) + " = \"" + name + "\": no such plugin here; there are " + known +
                                      " (more with [[plugins]] path = \"...\")"};
}

}  // namespace

Server::Server(const settings::Settings& settings, Logger& logger)
    : settings_(settings),
      logger_(logger),
      started_us_(now_us()),
      inbox_(mailbox_, {settings.limits.inbox_requests, settings.limits.inbox_bytes}),
      auditor_(logger) {}

Result<std::unique_ptr<Server>> Server::start(const settings::Settings& settings,
                                              const std::vector<plugin::Plugin>& plugins, Logger& logger) {
    std::unique_ptr<Server> server(new Server(settings, logger));
    for (const auto& plugin : plugins) {
        for (const auto* table : plugin.filters()) {
            if (auto added = server->filters_.add(*table); !added) return added.error();
        }
        for (const auto* table : plugin.validators()) {
            if (auto added = server->validators_.add(*table, &logger.host(), plugin.settings); !added) {
                return Error{added.error().code, plugin.origin + ": " + added.error().detail};
            }
        }
    }
    const auto& cluster = settings.cluster;
    const uint64_t first_id = !cluster.members.empty() ? settings::initial_cluster_id(cluster.members, "") : random_u64();
    const Identity wanted{cluster.id != 0 ? cluster.id : first_id, settings.member.id, settings.store.plugin,
                          settings.log.plugin, cluster.id};
    auto directory = DataDirectory::open(settings.data_dir, wanted);
    if (!directory) return directory.error();
    server->directory_.emplace(std::move(*directory));
    if (auto opened = server->open_transport(plugins); !opened) return opened.error();
    if (auto opened = server->open_stores(plugins); !opened) return opened.error();
    if (auto recovered = server->recover_state(); !recovered) return recovered.error();
    if (auto opened = server->open_links(); !opened) return opened.error();
    if (auto opened = server->open_authority(plugins); !opened) return opened.error();
    if (auto started = server->start_core(plugins); !started) return started.error();
    return server;
}

// Callbacks end first, then the threads that answer them, then what they use.
Server::~Server() {
    transport_.reset();
    links_.reset();
    log_writer_.reset();
    snapshotter_.reset();
    rule_asker_.reset();
    password_asker_.reset();
    core_.reset();
}

Status Server::open_links() {
    if (settings_.cluster.endpoint.empty()) return {};
    auto links = MemberLinks::open(
        settings_, *directory_, logger_, [this](core::Input input) { mailbox_.put(Item(std::move(input))); },
        [this](Error error) { fail(std::move(error)); });
    if (!links) return links.error();
    links_ = std::move(*links);
    return {};
}

// Who can read the data directory is root: its token is another one at each start.
Status Server::open_authority(const std::vector<plugin::Plugin>& plugins) {
    const auto table = find_table(plugins, settings_.auth.plugin, &plugin::Plugin::auth, "auth.plugin");
    if (!table) return table.error();
    auto authority = plugin::Authority::open(logger_.host(), **table, settings_.auth.plugin, settings_.auth.settings);
    if (!authority) return authority.error();
    authority_ = std::move(*authority);
    if (authority_->is_open()) return remove_file_durably(directory_->root_token_path());
    if (others_may_enter(settings_.data_dir)) {
        logger_.warning("others on this machine may enter the data directory, which holds what it takes to be any user",
                        {{"directory", settings_.data_dir}, {"do", "chmod 700 '" + settings_.data_dir + "'"}});
    }
    root_token_ = "r1-" + auth::hex(auth::random_bytes(auth::secret_bytes));
    return write_secret_file(directory_->root_token_path(), root_token_ + "\n");
}

Status Server::open_transport(const std::vector<plugin::Plugin>& plugins) {
    const auto& name = settings_.listen.transport.plugin;
    const auto table = find_table(plugins, name, &plugin::Plugin::transport, "listen.plugin");
    if (!table) return table.error();
    plugin::Transport::Hooks hooks;
    hooks.on_frame = [this](uint64_t connection, BytesView public_key, BytesView frame) {
        return inbox_.on_frame(connection, public_key, frame);
    };
    hooks.on_close = [this](uint64_t connection) { mailbox_.put(core::Input(core::ConnectionClosed{connection})); };
    hooks.on_topic = [this](BytesView topic, bool subscribed) {
        if (const auto channel = protocol::parse_channel_topic(topic)) {
            mailbox_.put(core::Input(core::TopicChanged{*channel, subscribed}));
        }
    };
    hooks.join_answer = [this] {
        const std::lock_guard lock(join_mutex_);
        return join_answer_;
    };
    auto opened = plugin::Transport::open(logger_.host(), **table, name, settings::transport_settings(settings_), hooks);
    if (!opened) return opened.error();
    transport_ = std::move(*opened);
    outbox_.emplace(*transport_);
    return {};
}

Status Server::open_stores(const std::vector<plugin::Plugin>& plugins) {
    const auto log_table = find_table(plugins, settings_.log.plugin, &plugin::Plugin::log_store, "log.plugin");
    if (!log_table) return log_table.error();
    const auto store_table = find_table(plugins, settings_.store.plugin, &plugin::Plugin::state_store, "store.plugin");
    if (!store_table) return store_table.error();

    auto log = plugin::LogStore::open(logger_.host(), **log_table, settings_.log.plugin, directory_->log_path(),
                                      settings_.log.settings);
    if (!log) return log.error();
    log_ = std::move(*log);
    const auto kept = directory_->kept_boundary();
    if (!kept) return kept.error();
    auto restored = restore_log(*log_, *kept, log_bytes_at_start_);
    if (!restored) return restored.error();
    restored_ = std::move(*restored);

    const auto doubtful = directory_->state_is_doubtful();
    if (!doubtful) return doubtful.error();
    if (*doubtful) {
        logger_.warning("the machine went down while the hub ran: rebuilding the state from snapshot and log");
        if (auto emptied = remove_contents(directory_->state_path()); !emptied) return emptied;
    }
    auto store = plugin::StateStore::open(logger_.host(), **store_table, settings_.store.plugin, directory_->state_path(),
                                          settings_.store.settings);
    if (!store && store.error().code == Code::corrupt) {
        return Error{Code::corrupt, store.error().detail + "; move " + directory_->state_path() +
                                        " away and start again: the state is rebuilt from snapshot and log"};
    }
    if (!store) return store.error();
    store_ = std::move(*store);
    return {};
}

// The store must be what some prefix of the log adds up to, and the log must hold the rest.
Status Server::recover_state() {
    auto applied = store_->applied_index();
    if (!applied) return applied.error();
    const Index last = restored_.last();
    snapshots().demote_after(last);
    if (*applied < restored_.boundary) {
        std::vector<std::string> warnings;
        auto index = snapshots().restore_newest(*store_, last, warnings);
        for (const auto& warning : warnings) logger_.warning("snapshot skipped", {{"reason", warning}});
        if (!index)
            return Error{Code::corrupt, "the log begins after what the state store holds, and " + index.error().detail};
        logger_.info("state restored from snapshot", {{"index", std::to_string(index->value)}});
        applied = store_->applied_index();
        if (!applied) return applied.error();
    }
    if (*applied < restored_.boundary || *applied > last) {
        return Error{Code::corrupt, "the state store is at index " + std::to_string(applied->value) +
                                        " but the log holds " + std::to_string(restored_.boundary.value + 1) + ".." +
                                        std::to_string(last.value) +
                                        "; they do not belong together: restore both from one backup"};
    }
    return directory_->mark_running();
}

Status Server::start_core(const std::vector<plugin::Plugin>& plugins) {
    const auto queue = [this](core::Input input) { mailbox_.put(Item(std::move(input))); };
    const auto fatal = [this](Error error) { fail(std::move(error)); };
    snapshotter_ = std::make_unique<Snapshotter>(*store_, snapshots(), queue, fatal);
    log_writer_ = std::make_unique<LogWriter>(
        *log_, LogWriter::Hooks{queue, fatal,
                                [this](const core::Boundary& boundary) { return directory_->keep_boundary(boundary); },
                                [this](Index boundary) { return snapshots().promote(boundary); },
                                [this](Index boundary) { snapshotter_->install(boundary); }});
    rule_asker_ = std::make_unique<RuleAsker>(queue);
    password_asker_ = std::make_unique<PasswordAsker>(*authority_, queue);
    core::Options options;
    options.member_id = directory_->identity().member;
    options.epoch = directory_->identity().epoch;
    options.incarnation = random_u64();
    options.seed = static_cast<unsigned>(random_u64());
    options.bootstrap = initial_voters(settings_, links_ ? links_->public_key() : "");
    options.election_timeout_ms = static_cast<unsigned>(settings_.cluster.election_timeout_ms);
    options.heartbeat_timeout_ms = static_cast<unsigned>(settings_.cluster.heartbeat_ms);
    options.store_plugin = directory_->identity().store;
    options.plugins = plugin_facts(plugins, settings_);
    options.reachable = links_ != nullptr;
    options.root_token = root_token_;
    options.entropy = auth::random_bytes(auth::secret_bytes);
    options.snapshot_log_bytes = settings_.snapshot_log_bytes;
    const auto newest = snapshots().newest(restored_.last());
    options.snapshot_at_start = newest.index;
    options.snapshot_bytes_at_start = newest.bytes;
    options.log_bytes_at_start = log_bytes_at_start_;
    options.keep_revisions = settings_.history.keep_revisions;
    options.keep_ms = settings_.history.keep_age_ms;
    core_ = std::make_unique<core::Core>(options, *store_, filters_, rules_of(validators_), authority_.get());
    core::Output output;
    if (auto started = core_->start(std::move(restored_), now(), output); !started) return started;
    act(output);
    return {};
}

Status Server::run() {
    logger_.info("ready", {{"endpoints", transport_->endpoints()},
                           {"data_dir", settings_.data_dir},
                           {"revision", std::to_string(core_->revision().value)},
                           {"start_ms", std::to_string((now_us() - started_us_) / 1000)}});
    core::Output output;
    uint64_t wake_at_ms = 0;
    bool stop_told = false;
    for (;;) {
        using std::chrono::milliseconds;
        const auto deadline = wake_at_ms == UINT64_MAX ? std::chrono::steady_clock::time_point::max()
                                                       : std::chrono::steady_clock::time_point(milliseconds(wake_at_ms));
        backlog_.fill(inbox_, deadline);
        const uint64_t begun_us = now_us();
        const Instant instant = now();
        output.clear();
        if (instant.monotonic_ms >= wake_at_ms) core_->step(core::TimerFired{}, instant, output);
        if (!stop_told && stopping_.load(std::memory_order_relaxed)) {
            core_->step(core::StopAsked{}, instant, output);
            stop_told = true;
        }
        const bool worked = work_off(instant, output);
        core_->flush(instant, output);
        // A lone write is made durable here and answered in the same round; under load the log writer's thread does it.
        // Other members get it meanwhile.
        send_messages(output);
        while (is_lone_write(output.persist) && backlog_.empty() && mailbox_.empty() &&
               log_writer_->persist_now(output.persist, answers_)) {
            output.persist = {};
            act(output);
            output.clear();
            const Instant later = now();
            for (core::Input& answer : answers_) core_->step(std::move(answer), later, output);
            answers_.clear();
            core_->flush(later, output);
            send_messages(output);
        }
        wake_at_ms = output.wake_at_ms;
        const bool may_end = output.may_end && backlog_.empty();
        act(output);
        tell_state();
        tell_unlike_members(instant);
        if (worked) round_latency_us_.add(now_us() - begun_us);
        const std::lock_guard lock(fatal_mutex_);
        if (fatal_) return *fatal_;
        if (may_end) break;
    }
    return end({});
}

// Until the round has done enough; false: there was nothing. Replies of reads leave while the rest of a long round is still
// being worked on: a client that waits for them goes on meanwhile.
bool Server::work_off(Instant instant, core::Output& output) {
    const uint64_t begun_us = now_us();
    uint64_t time_us = begun_us;
    uint64_t sent_us = begun_us;
    bool worked = false;
    const auto enough = [&] {
        return time_us - begun_us > limits::round_us_max || output.reply_bytes >= limits::round_reply_bytes_max;
    };
    while (Item* const item = backlog_.next(enough())) {
        worked = true;
        take(*item, instant, output);
        time_us = now_us();
        if (time_us - sent_us <= reply_wait_us_max) continue;
        send_replies(output);
        outbox_->flush();
        sent_us = time_us;
    }
    return worked;
}

void Server::take(Item& item, Instant instant, core::Output& output) {
    if (auto* refusal = std::get_if<Refusal>(&item)) {
        return outbox_->add({refusal->connection, std::move(refusal->reply), {}});
    }
    auto& input = std::get<core::Input>(item);
    const auto* received = std::get_if<core::RequestReceived>(&input);
    if (received != nullptr && std::holds_alternative<protocol::StatusRequest>(received->request.op)) {
        core_->step(measure(), instant, output);
    }
    core_->step(std::move(input), instant, output);
}

void Server::send_replies(core::Output& output) {
    for (auto& outgoing : output.replies) outbox_->add(std::move(outgoing));
    output.replies.clear();
}

// No message of the engine's leaves before the vote is durable. They need not wait for the entries. What clients are told
// does not hang on the vote, whose disk may be slow.
void Server::send_messages(core::Output& output) {
    if (output.fatal) return;
    if (output.persist.vote) {
        if (!output.keys) {
            send_replies(output);
            outbox_->flush();
        }
        send_to_members(output, true);
        log_writer_->save_vote(*std::exchange(output.persist.vote, std::nullopt));
    }
    send_to_members(output, false);
}

void Server::send_to_members(core::Output& output, bool only_replies) {
    if (!links_) return;
    if (output.members) links_->set_members(*std::exchange(output.members, std::nullopt));
    std::erase_if(output.messages, [&](const core::MemberMessage& message) {
        if (only_replies && !std::holds_alternative<core::ForwardedReplies>(message.body)) return false;
        links_->send(message);
        return true;
    });
}

// In the order of Output's fields.
void Server::act(core::Output& output) {
    if (output.fatal && output.fence) (void)directory_->fence(output.fatal->detail);
    if (output.fatal) return fail(std::move(*output.fatal));
    send_messages(output);
    if (!output.persist.empty()) log_writer_->persist(std::move(output.persist));
    if (output.install) log_writer_->install(std::move(*output.install));
    if (output.fetch && links_) links_->fetch(*output.fetch);
    if (output.read) log_writer_->read(*output.read);
    if (output.keys) transport_->set_keys({output.keys->feed_open, output.keys->known, output.keys->feed});
    send_replies(output);
    for (auto& message : output.deliveries) outbox_->publish(std::move(message));
    if (output.join) {
        Bytes answer = protocol::encode_join(*output.join);
        const std::lock_guard lock(join_mutex_);
        join_answer_.swap(answer);
    }
    outbox_->flush();
    if (output.take_snapshot) snapshotter_->take();
    for (const auto& piece : output.backup_pieces) snapshotter_->read(piece);
    for (auto& questions : output.questions) rule_asker_->ask(std::move(questions));
    for (auto& question : output.logins) password_asker_->ask(std::move(question));
    if (!output.audit.empty()) auditor_.tell(output.audit, now().monotonic_ms);
    if (output.compact_to) log_writer_->compact_to(std::move(*output.compact_to));
}

// An operator reads in the log when the hub stops taking writes, and when it takes them again.
void Server::tell_state() {
    const char* state = core_->state();
    if (state == state_) return;
    const bool good = std::string_view(state) == "ready";
    logger_.log(good ? LogLevel::info : LogLevel::warning, "state", {{"now", state}, {"before", state_}});
    state_ = state;
}

// Once for each set of them: a rolling upgrade shows both sets for a while.
void Server::tell_unlike_members(Instant now) {
    if (now.monotonic_ms < unlike_look_at_ms_) return;
    unlike_look_at_ms_ = now.monotonic_ms + unlike_look_every_ms;
    std::string unlike = core_->unlike_members();
    if (unlike == unlike_members_) return;
    if (unlike.empty()) {
        logger_.info("plugins", {{"now", "all members run the same"}});
    } else {
        logger_.warning("plugins", {{"unlike_members", unlike},
                                    {"reason",
                                     "their filters, validators or authentication are not this member's: what a "
                                     "client sees and may do depends on the member; belfry plugin list shows them"}});
    }
    unlike_members_ = std::move(unlike);
}

core::FiguresMeasured Server::measure() {
    core::FiguresMeasured measured;
    const auto add = [&](const char* name, uint64_t value) { measured.figures.emplace_back(name, value); };
    const auto add_latency = [&](const std::string& name, const Histogram& histogram) {
        for (const auto& [suffix, fraction] : {std::pair{".p50", 0.5}, {".p90", 0.9}, {".p99", 0.99}, {".p999", 0.999}}) {
            measured.figures.emplace_back("latency." + name + suffix, histogram.percentile(fraction));
        }
    };
    measured.figures.emplace_back("version", std::string(BELFRY_VERSION));
    measured.figures.emplace_back("data_dir", settings_.data_dir);
    measured.figures.emplace_back("endpoints", transport_->endpoints());
    add("uptime_ms", (now_us() - started_us_) / 1000);
    if (const auto stats = log_->stats()) {
        add("log.bytes", stats->bytes_used);
        add("log.segments", stats->segment_count);
    }
    add("log.syncs", log_writer_->sync_count());
    add("log.bytes_appended", log_writer_->bytes_appended());
    if (links_) {
        const auto& counters = links_->counters();
        add("members.messages_sent", counters.sent.load());
        add("members.messages_dropped", counters.dropped.load());
        add("members.messages_received", counters.received.load());
        add("members.messages_refused", counters.refused.load());
    }
    add_latency("fsync_us", log_writer_->sync_latency_us());
    add_latency("round_us", round_latency_us_);
    add("inbox.refused", inbox_.refused_count());
    add("inbox.malformed", inbox_.malformed_count());
    if (const auto stats = transport_->stats()) {
        add("transport.subscriptions", stats->subscriptions);
        add("transport.joins", stats->joins);
        add("transport.frames_received", stats->frames_received);
        add("transport.frames_sent", stats->frames_sent);
        add("transport.frames_published", stats->frames_published);
        add("transport.sends_refused", stats->sends_refused);
    }
    return measured;
}

void Server::fail(Error error) {
    {
        const std::lock_guard lock(fatal_mutex_);
        if (!fatal_) fatal_ = std::move(error);
    }
    mailbox_.put(Item(core::Input(core::TimerFired{})));  // wakes run()
}

void Server::stop() {
    stopping_.store(true, std::memory_order_relaxed);
    mailbox_.put(Item(core::Input(core::TimerFired{})));
}

// A clean end: nothing new comes in, what is queued for the log is written, the state store proves itself.
Status Server::end(Status outcome) {
    transport_.reset();
    links_.reset();
    log_writer_.reset();
    snapshotter_.reset();
    rule_asker_.reset();
    password_asker_.reset();
    if (auto settled = core_->settle(); !settled) return settled;
    if (!store_->can_sync()) return outcome;
    if (auto synced = store_->sync(); !synced) return synced;
    if (auto marked = directory_->mark_clean(); !marked) return marked;
    logger_.info("stopped", {{"revision", std::to_string(core_->revision().value)}});
    return outcome;
}

}  // namespace belfry::hub::shell

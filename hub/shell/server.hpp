// The hub as one object: opens everything in an order in which nothing is half-started, runs the core thread, ends cleanly.
//
//        ┌───────────── frames ◀──────────────── outbox ◀── Output ──┐
//        │                                       │                   │
//   transport, member links         log writer thread  snapshotter   CORE (one thread: run())
//        │                              │                 │          ▲
//        └─▶ inbox: decode, admit ─┐    │                 │          │
//                                  ▼    ▼                 ▼          │
//                              ═════════ one bounded mailbox ═══ Input
//
// A round works for some 50 ms on what came, by its clock; what clients asked beyond that is left to the next
// (backlog.hpp).
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "hub/core/core.hpp"
#include "hub/plugin/auth.hpp"
#include "hub/plugin/log_store.hpp"
#include "hub/plugin/plugin.hpp"
#include "hub/plugin/state_store.hpp"
#include "hub/plugin/transport.hpp"
#include "hub/plugin/validator.hpp"
#include "hub/settings/settings.hpp"
#include "hub/shell/auditor.hpp"
#include "hub/shell/backlog.hpp"
#include "hub/shell/data_directory.hpp"
#include "hub/shell/inbox.hpp"
#include "hub/shell/log_writer.hpp"
#include "hub/shell/logger.hpp"
#include "hub/shell/mailbox.hpp"
#include "hub/shell/member_links.hpp"
#include "hub/shell/outbox.hpp"
#include "hub/shell/password_asker.hpp"
#include "hub/shell/rule_asker.hpp"
#include "hub/shell/snapshotter.hpp"

namespace belfry::hub::shell {

class Server {
public:
    // `plugins` (linked in and loaded ones) and `logger` outlive the server. On an error nothing is left running or locked.
    static Result<std::unique_ptr<Server>> start(const settings::Settings& settings,
                                                 const std::vector<plugin::Plugin>& plugins, Logger& logger);
    ~Server();

    // Runs the core on the calling thread until stop() or a fatal error, which it returns.
    Status run();
    // Ends run() soon; may be called from any thread, and again.
    void stop();

    std::string endpoints() const { return transport_->endpoints(); }
    Revision revision() const { return core_->revision(); }
    uint64_t epoch() const { return directory_->identity().epoch; }

private:
    Server(const settings::Settings& settings, Logger& logger);
    Status open_stores(const std::vector<plugin::Plugin>& plugins);
    Status recover_state();
    Status open_transport(const std::vector<plugin::Plugin>& plugins);
    Status open_links();
    Status open_authority(const std::vector<plugin::Plugin>& plugins);
    Snapshots snapshots() const { return Snapshots(directory_->snapshots_path()); }
    Status start_core(const std::vector<plugin::Plugin>& plugins);

    bool work_off(Instant instant, core::Output& output);
    void take(Item& item, Instant instant, core::Output& output);
    void send_replies(core::Output& output);
    void send_messages(core::Output& output);
    void send_to_members(core::Output& output, bool only_replies);
    void act(core::Output& output);
    void tell_state();
    void tell_unlike_members(Instant now);
    core::FiguresMeasured measure();
    void fail(Error error);
    Status end(Status outcome);

    const settings::Settings& settings_;
    Logger& logger_;
    uint64_t started_us_;
    std::optional<DataDirectory> directory_;
    plugin::Filters filters_;
    plugin::Validators validators_;
    std::unique_ptr<plugin::Authority> authority_;
    Bytes root_token_;
    std::unique_ptr<plugin::LogStore> log_;
    std::unique_ptr<plugin::StateStore> store_;
    raft::Restored restored_;
    uint64_t log_bytes_at_start_ = 0;
    std::unique_ptr<core::Core> core_;

    Mailbox<Item> mailbox_;
    Inbox inbox_;
    Backlog backlog_;
    std::mutex join_mutex_;
    Bytes join_answer_;  // encoded; under join_mutex_
    std::unique_ptr<plugin::Transport> transport_;
    std::unique_ptr<MemberLinks> links_;  // none in a cluster of one that will not grow
    std::unique_ptr<LogWriter> log_writer_;
    std::unique_ptr<Snapshotter> snapshotter_;
    std::unique_ptr<RuleAsker> rule_asker_;
    std::unique_ptr<PasswordAsker> password_asker_;
    Auditor auditor_;
    std::optional<Outbox> outbox_;
    std::vector<core::Input> answers_;  // of the log writer, within a round
    Histogram round_latency_us_;
    const char* state_ = "starting";  // last told; static
    std::string unlike_members_;      // likewise
    uint64_t unlike_look_at_ms_ = 0;

    std::atomic<bool> stopping_{false};
    std::mutex fatal_mutex_;
    std::optional<Error> fatal_;  // under fatal_mutex_
};

}  // namespace belfry::hub::shell

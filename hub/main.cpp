// belfryd: the daemon. Reads settings, starts the server, waits for SIGTERM or SIGINT.
#include <pthread.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "hub/settings/settings.hpp"
#include "hub/shell/idle_memory.hpp"
#include "hub/shell/loaded_plugins.hpp"
#include "hub/shell/logger.hpp"
#include "hub/shell/migrate.hpp"
#include "hub/shell/restore.hpp"
#include "hub/shell/server.hpp"
#include "sdk/base/hash.hpp"
#include "sdk/base/open_files.hpp"

namespace {

using namespace belfry;
using namespace belfry::hub;

constexpr int exit_failed = 1;
constexpr int exit_usage = 2;

constexpr const char* usage = R"(belfryd - the Belfry configuration hub

usage: belfryd [--config FILE] [--data-dir DIR] [--listen ENDPOINT] [--feed ENDPOINT] [--set KEY=VALUE]...
       belfryd --restore BACKUP [the same flags]
       belfryd --migrate-store NAME [the same flags]

  --config FILE      belfry.toml (every key is described in the installed sample); default: no file, the defaults
  --data-dir DIR     same as --set data_dir=DIR
  --listen ENDPOINT  same as --set listen.request_endpoint=ENDPOINT  (tcp://127.0.0.1:7420)
  --feed ENDPOINT    same as --set listen.feed_endpoint=ENDPOINT     (tcp://127.0.0.1:7421)
  --set KEY=VALUE    any key of belfry.toml; flags win over the file
  --restore BACKUP   fill the data directory, which must be empty, from a backup of `belfry snapshot save`, and exit
  --migrate-store NAME   move the state of a stopped hub from store.plugin into the store NAME, compare both, and exit
  --print-settings   print the settings in force and exit
  --check            check the settings and exit
  --version, --help

Signals: SIGTERM and SIGINT stop it cleanly. Exit code: 0 stopped, 1 failed (the last line says why), 2 bad flag or setting.
)";

struct Flags {
    settings::Settings settings;
    bool print = false;
    bool check = false;
    std::string restore;  // a backup's path
    std::string migrate;  // a store's name
};

int refuse(const std::string& sentence) {
    std::fprintf(stderr, "belfryd: %s\n", sentence.c_str());
    return exit_usage;
}

Result<Flags> parse_flags(const std::vector<std::string>& arguments) {
    Flags flags;
    std::vector<std::string> overrides;
    const std::vector<std::pair<std::string, std::string>> shorthands = {{"--data-dir", "data_dir="},
                                                                         {"--listen", "listen.request_endpoint="},
                                                                         {"--feed", "listen.feed_endpoint="},
                                                                         {"--set", ""}};
    for (size_t at = 0; at < arguments.size(); ++at) {
        std::string name = arguments[at];
        if (name == "--print-settings" || name == "--check") {
            (name == "--check" ? flags.check : flags.print) = true;
            continue;
        }
        std::string value;
        const size_t equals = name.find('=');
        if (equals != std::string::npos) {
            value = name.substr(equals + 1);
            name.resize(equals);
        } else if (++at < arguments.size()) {
            value = arguments[at];
        } else {
            return Error{Code::invalid_argument, "flag '" + name + "' is unknown or lacks its value; see belfryd --help"};
        }
        if (name == "--config") {
            auto loaded = settings::load_settings(value);
            if (!loaded) return loaded.error();
            flags.settings = std::move(*loaded);
            continue;
        }
        if (name == "--restore" || name == "--migrate-store") {
            (name == "--restore" ? flags.restore : flags.migrate) = value;
            continue;
        }
        bool known = false;
        for (const auto& [flag, prefix] : shorthands) {
            if (name != flag) continue;
            overrides.push_back(prefix + value);
            known = true;
        }
        if (!known) return Error{Code::invalid_argument, "unknown flag '" + name + "'; see belfryd --help"};
    }
    for (const auto& flag : overrides) {
        if (auto applied = settings::apply_flag(flags.settings, flag); !applied) return applied.error();
    }
    if (auto checked = settings::check_settings(flags.settings); !checked) return checked.error();
    return flags;
}

int restore(const Flags& flags) {
    const auto restored = shell::restore_backup(flags.restore, flags.settings);
    if (!restored) return std::fprintf(stderr, "belfryd: %s\n", restored.error().detail.c_str()), exit_failed;
    std::printf("restored revision %llu into '%s' as cluster %s; start belfryd with the same settings\n",
                static_cast<unsigned long long>(restored->facts.revision.value), flags.settings.data_dir.c_str(),
                hex64(restored->cluster).c_str());
    return 0;
}

// On one line of a terminal, a few times a second; silent elsewhere.
void show_progress(const char* step, uint64_t octets) {
    static std::chrono::steady_clock::time_point next{};
    const auto now = std::chrono::steady_clock::now();
    if (now < next || ::isatty(STDERR_FILENO) == 0) return;
    next = now + std::chrono::milliseconds(200);
    std::fprintf(stderr, "\r\x1b[K%s  %llu MiB", step, static_cast<unsigned long long>(octets >> 20));
}

int migrate(const Flags& flags) {
    const settings::Settings& settings = flags.settings;
    shell::Logger logger(shell::LogLevel::warning, false);
    auto plugins = shell::load_plugins(settings, logger.host());
    const auto migrated = plugins ? shell::migrate_store(settings, flags.migrate, *plugins, logger.host(), show_progress)
                                  : Result<shell::MigratedStore>(plugins.error());
    if (::isatty(STDERR_FILENO) != 0) std::fputs("\r\x1b[K", stderr);
    if (!migrated) {
        std::fprintf(stderr, "belfryd: %s\nbelfryd: the state was not moved\n", migrated.error().detail.c_str());
        return exit_failed;
    }
    if (migrated->rebuilt) {
        std::printf("nothing to copy: the next start fills %s from snapshot and log\n", flags.migrate.c_str());
    } else {
        std::printf("moved %llu pairs, applied index %llu, digest %s, the same in both stores\n",
                    static_cast<unsigned long long>(migrated->pair_count),
                    static_cast<unsigned long long>(migrated->applied.value), hex64(migrated->digest).c_str());
    }
    std::printf("now write in belfry.toml, under [store]: plugin = \"%s\" (and remove the settings of %s)\n",
                flags.migrate.c_str(), settings.store.plugin.c_str());
    return 0;
}

int serve(const settings::Settings& settings) {
    shell::Logger logger(static_cast<shell::LogLevel>(settings.output.level),
                         settings.output.format == settings::Settings::Output::Format::json);
    const auto fail = [&](const Error& error) {
        const std::string code(to_string(error.code));
        if (error.code == Code::corrupt && !settings.cluster.endpoint.empty()) {
            const std::string help = "the other members can rebuild it: belfry member replace " +
                                     std::to_string(settings.member.id) + " NEW-ID (docs/cluster.md, \"Repair\")";
            logger.error("cannot run", {{"reason", error.detail}, {"code", code}, {"help", help}});
        } else {
            logger.error("cannot run", {{"reason", error.detail}, {"code", code}});
        }
        return exit_failed;
    };
    // Signals go to the one thread that waits for them; blocked before any other thread exists.
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    std::signal(SIGPIPE, SIG_IGN);
    // Ignored is inherited over exec, and then no validator's program would be seen to end.
    std::signal(SIGCHLD, SIG_DFL);
    raise_open_files_limit();
    shell::IdleMemory::keep_freed_memory();

    const auto plugins = shell::load_plugins(settings, logger.host());
    if (!plugins) return fail(plugins.error());
    auto server = shell::Server::start(settings, *plugins, logger);
    if (!server) return fail(server.error());

    std::thread waiter([&] {
        constexpr timespec tick{shell::IdleMemory::tick_seconds, 0};
        shell::IdleMemory memory;
        while (sigtimedwait(&signals, nullptr, &tick) < 0) memory.tick();
        (*server)->stop();
    });
    const Status outcome = (*server)->run();
    if (!outcome) {
        // Beyond repair: say so and leave at once; destructors would write on.
        fail(outcome.error());
        std::_Exit(exit_failed);
    }
    waiter.join();
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    const std::vector<std::string> arguments(argv + 1, argv + argc);
    for (const auto& argument : arguments) {
        if (argument == "--help" || argument == "-h") return std::fputs(usage, stdout), 0;
        if (argument == "--version") return std::printf("belfryd %s\n", BELFRY_VERSION), 0;
    }
    auto flags = parse_flags(arguments);
    if (!flags) return refuse(flags.error().detail);
    if (flags->print) return std::fputs(settings::to_string(flags->settings).c_str(), stdout), 0;
    if (flags->check) return std::puts("the settings are good"), 0;
    if (!flags->restore.empty()) return restore(*flags);
    if (!flags->migrate.empty()) return migrate(*flags);
    return serve(flags->settings);
}

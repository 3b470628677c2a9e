// belfry.toml -> one checked struct. packaging/belfry.toml describes every key for operators; a test keeps both equal.
//
// A flag says the same as a line of the file ("store.plugin=storage_memory") and passes the same checks, so a value that
// is in a Settings is a value that was checked. What a plugin's own settings may be, the plugin says at its open().
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sdk/base/curve_keys.hpp"
#include "sdk/base/error.hpp"

namespace belfry::hub::settings {

// A plugin chosen by name, and what is handed to its open() as it is: integers and booleans as their text.
struct PluginChoice {
    std::string plugin;
    std::vector<std::pair<std::string, std::string>> settings;  // in the order given; a name occurs once

    // NULL if it was not given.
    const std::string* find(std::string_view name) const;
    // Adds or replaces.
    void set(std::string_view name, std::string value);
};

// A plugin's shared library to load at start, beside the ones linked in.
struct PluginFile {
    std::string path;
    std::string sha256;  // that the file must have, 64 lower case hexadecimal digits; empty = any
    PluginChoice settings;
};

struct Settings {
    std::string data_dir = "./belfry-data";

    struct Member {
        uint64_t id = 1;  // 1 .. 2^63-1
        std::string name = "belfry-1";
    } member;

    struct Listen {
        std::string request_endpoint = "tcp://127.0.0.1:7420";
        std::string feed_endpoint = "tcp://127.0.0.1:7421";
        bool insecure = false;
        std::string key_file;  // of the keys with which clients' connections are encrypted; empty = plain
        enum class Clients : uint8_t { any, known };  // whose keys are let in
        Clients clients = Clients::any;
        std::vector<std::string> client_keys;  // let in whatever the hub's records say; public ones
        // The plugin that serves the endpoints. Its own settings; use transport_settings() for open().
        PluginChoice transport{"transport_zmq", {}};
    } listen;

    struct ClusterMember {
        uint64_t id = 0;
        std::string endpoint;
        std::string public_key;  // Z85; empty = none
        friend bool operator==(const ClusterMember&, const ClusterMember&) = default;
    };
    struct Cluster {
        std::string endpoint;                // for other members; empty = this hub has none
        std::vector<ClusterMember> members;  // the first ones of a new cluster; or, to join one, those that are known
        bool join = false;                   // wait for a cluster's leader instead of making one
        uint64_t id = 0;                     // 0 = made when the cluster is
        std::string key_file;
        uint64_t election_timeout_ms = 300;
        uint64_t heartbeat_ms = 30;
        uint64_t snapshot_bytes_per_second = 0;  // while one is fetched; 0 = no bound
    } cluster;

    PluginChoice store{"storage_lmdb", {}};
    PluginChoice log{"log_wal", {}};
    PluginChoice auth{"auth_open", {}};  // who may do what
    std::vector<PluginFile> plugins;

    struct History {
        uint64_t keep_revisions = 100'000;  // 0 = no bound by count
        uint64_t keep_age_ms = 0;           // 0 = no bound by age
    } history;

    uint64_t snapshot_log_bytes = 256ull * 1024 * 1024;

    struct Limits {
        uint64_t inbox_requests = 16'384;
        uint64_t inbox_bytes = 64ull * 1024 * 1024;
    } limits;

    struct Output {
        enum class Level : uint8_t { debug = 0, info = 1, warning = 2, error = 3 };  // as BELFRY_LOG_...
        enum class Format : uint8_t { text, json };
        Level level = Level::info;
        Format format = Format::text;
    } output;
};

// An error names file, line and key: "belfry.toml:12: history.keep_age: ...". `file_name` serves only for that.
// Only the first error is reported.
Result<Settings> parse_settings(std::string_view text, std::string_view file_name);
// Reads the file; not_found if there is none.
Result<Settings> load_settings(const std::string& path);

// "listen.insecure=true". "plugins=PATH" adds one. "store.plugin=X" with another X drops the settings of the former plugin.
// On an error `settings` is as before.
Status apply_flag(Settings& settings, std::string_view flag);

// What holds between keys (two endpoints that are the same, ...). parse_settings has checked it; call it after the flags.
Status check_settings(const Settings& settings);

// The endpoints, `insecure` and the transport's own settings as one list for its open().
std::vector<std::pair<std::string, std::string>> transport_settings(const Settings& settings);

// Every key with its value, as `key = value` lines in the order of the sample file; for `belfryd --print-settings`.
std::string to_string(const Settings& settings);

// The id of a cluster that begins with these members: the same on each of them. `name` tells two clusters apart that begin
// on the same addresses.
uint64_t initial_cluster_id(const std::vector<Settings::ClusterMember>& members, std::string_view name);

// Those of cluster.key_file; empty ones if it is not set.
Result<CurveKeys> own_keys(const Settings& settings);

// The names of all keys, for completion and for the test of the sample file.
std::vector<std::string> key_names();

}  // namespace belfry::hub::settings

#include "hub/settings/settings.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <fstream>
#include <regex>
#include <sstream>

namespace belfry::hub::settings {

namespace {

std::string refusal(std::string_view text) {
    const Result<Settings> result = parse_settings(text, "belfry.toml");
    REQUIRE_FALSE(result);
    CHECK(result.error().code == Code::invalid_argument);
    return result.error().detail;
}

bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

std::string flag_refusal(Settings& settings, std::string_view flag) {
    const Status status = apply_flag(settings, flag);
    REQUIRE_FALSE(status);
    return status.error().detail;
}

std::string sample_text() {
    std::ifstream file(BELFRY_SAMPLE_FILE);
    REQUIRE(file);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
}

}  // namespace

TEST_CASE("settings: an empty file gives the defaults", "[settings]") {
    const Settings settings = parse_settings("", "belfry.toml").value();
    CHECK(settings.data_dir == "./belfry-data");
    CHECK(settings.member.id == 1);
    CHECK(settings.listen.request_endpoint == "tcp://127.0.0.1:7420");
    CHECK(settings.listen.feed_endpoint == "tcp://127.0.0.1:7421");
    CHECK_FALSE(settings.listen.insecure);
    CHECK(settings.store.plugin == "storage_lmdb");
    CHECK(settings.log.plugin == "log_wal");
    CHECK(settings.listen.transport.plugin == "transport_zmq");
}

TEST_CASE("settings: every key can be set", "[settings]") {
    const Settings settings = parse_settings(R"(
        data_dir = "/srv/belfry"
        snapshot_log_bytes = "1 GiB"
        member = { id = 3, name = "hub-3" }
        [listen]
        request_endpoint = "tcp://0.0.0.0:1"
        feed_endpoint = "ipc:///run/feed"
        insecure = true
        plugin = "transport_zmq"
        settings = { io_threads = 2 }
        [store]
        settings.map_bytes = 4096
        settings.sync = false
        plugin = "storage_mine"
        [log]
        plugin = "log_mine"
        [history]
        keep_revisions = 0
        keep_age = "30d"
        [limits]
        inbox_requests = 100
        inbox_bytes = 8388608
        [output]
        level = "warning"
        format = "json"
        [[plugins]]
        path = "/a.so"
        [[plugins]]
        path = "/b.so"
        sha256 = "E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855"
        settings = { directory = "/etc/v", at_once = 4 }
    )",
                                             "belfry.toml")
                                  .value();
    CHECK(settings.data_dir == "/srv/belfry");
    CHECK(settings.snapshot_log_bytes == 1024ull * 1024 * 1024);
    CHECK(settings.member.id == 3);
    CHECK(settings.member.name == "hub-3");
    CHECK(settings.listen.insecure);
    CHECK(*settings.listen.transport.find("io_threads") == "2");
    CHECK(settings.store.plugin == "storage_mine");
    CHECK(*settings.store.find("map_bytes") == "4096");
    CHECK(*settings.store.find("sync") == "false");
    CHECK(settings.history.keep_age_ms == 30ull * 24 * 3600 * 1000);
    CHECK(settings.limits.inbox_bytes == 8388608);
    CHECK(settings.output.level == Settings::Output::Level::warning);
    CHECK(settings.output.format == Settings::Output::Format::json);
    REQUIRE(settings.plugins.size() == 2);
    CHECK(settings.plugins[0].sha256.empty());
    CHECK(settings.plugins[1].path == "/b.so");
    CHECK(settings.plugins[1].sha256 == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");

    CHECK(settings.plugins[0].settings.settings.empty());
    CHECK(*settings.plugins[1].settings.find("directory") == "/etc/v");
    CHECK(*settings.plugins[1].settings.find("at_once") == "4");
    CHECK(has(to_string(settings), "plugins.settings.at_once = \"4\""));

    const auto list = transport_settings(settings);
    const auto given = [&](const char* name, const char* value) {
        return std::find(list.begin(), list.end(), std::pair<std::string, std::string>(name, value)) != list.end();
    };
    CHECK(given("request_endpoint", "tcp://0.0.0.0:1"));
    CHECK(given("insecure", "true"));
    CHECK(given("io_threads", "2"));
}

TEST_CASE("settings: an error names file, line and key", "[settings]") {
    CHECK(has(refusal("\n\n[history]\nkeep_revision = 5\n"),
              "belfry.toml:4: history.keep_revision: there is no such key; did you mean history.keep_revisions?"));
    CHECK(has(refusal("insecure = true"), "belfry.toml:1: insecure: there is no such key; did you mean listen.insecure?"));
    CHECK(has(refusal("[nonsense]\na = 1"), "belfry.toml:1: nonsense: there is no such key"));
    CHECK(has(refusal("data_dir = 7"), "belfry.toml:1: data_dir: must be a string in quotes, not an integer"));
    CHECK(has(refusal("data_dir = \"\""), "belfry.toml:1: data_dir: "));
    CHECK(has(refusal("listen = 7"), "belfry.toml:1: listen: must be a table: [listen]"));
    CHECK(has(refusal("[listen]\ninsecure = \"true\""),
              "belfry.toml:2: listen.insecure: must be true or false, without quotes"));
    CHECK(has(refusal("[member]\nid = 0"), "belfry.toml:2: member.id: 0 is out of range; allowed are 1 to "));
    CHECK(has(refusal("[member]\nid = -1"), "belfry.toml:2: member.id: "));
    CHECK(has(refusal("[history]\nkeep_age = \"30 years\""),
              "belfry.toml:2: history.keep_age: '30 years' is not a duration"));
    CHECK(has(refusal("[history]\nkeep_age = 1979-05-27"), "not a date or a time"));
    CHECK(has(refusal("snapshot_log_bytes = \"99999999999999999 TiB\""), "belfry.toml:1: snapshot_log_bytes: "));
    CHECK(has(refusal("[output]\nlevel = \"loud\""), "'loud' is not one of debug, info, warning, error"));
    CHECK(has(refusal("[store.settings]\nlist = [1]"), "belfry.toml:2: store.settings.list: "));
    CHECK(has(refusal("[[plugins]]\nfile = \"a\""), "belfry.toml:1: plugins: each needs path"));
    CHECK(has(refusal("[[plugins]]\npath = \"a\"\nsha = \"b\""), "belfry.toml:3: plugins.sha: there is no such key"));
    for (const std::string digest :
         {"\"\"", "\"abc\"", "7", "\"g3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\""}) {
        CHECK(has(refusal("[[plugins]]\npath = \"a\"\nsha256 = " + digest),
                  "belfry.toml:3: plugins.sha256: must be the 64 hexadecimal digits"));
    }
    CHECK(has(refusal("[[plugins]]\npath = \"a\"\nsettings = 7"), "belfry.toml:3: plugins.settings: must be a table"));
    CHECK(has(refusal("[[plugins]]\npath = \"a\"\nsettings = { x = [1] }"), "belfry.toml:3: plugins.settings.x: must be"));
    CHECK(has(refusal("a = \n"), "belfry.toml:1: "));
    CHECK(has(refusal("a = 1\na = 2\n"), "belfry.toml:2: "));
    CHECK(has(refusal("[listen]\nfeed_endpoint = \"tcp://127.0.0.1:7420\""), "give each its own port"));
    CHECK(has(refusal("[listen.settings]\ninsecure = true"), "write it as listen.insecure instead"));
}

TEST_CASE("settings: a cluster is named as a whole, and what cannot be one is refused", "[settings]") {
    const std::string key(40, 'k');
    const auto settings =
        parse_settings("[member]\nid = 2\n[cluster]\nendpoint = \"tcp://127.0.0.1:2\"\nmembers = \"1=tcp://127.0.0.1:1 " +
                           key + ", 2=tcp://127.0.0.1:2\"\nid = \"ff\"",
                       "belfry.toml");
    REQUIRE(settings.ok());
    REQUIRE(settings->cluster.members.size() == 2);
    CHECK(settings->cluster.members[0].public_key == key);
    CHECK(settings->cluster.members[1] == Settings::ClusterMember{2, "tcp://127.0.0.1:2", ""});
    CHECK(settings->cluster.id == 255);

    const auto cluster = [](const std::string& lines) { return refusal("[cluster]\n" + lines); };
    CHECK(has(cluster("members = \"1=tcp://127.0.0.1:1\""), "need cluster.endpoint"));
    CHECK(has(cluster("endpoint = \"udp://h:1\""), "write tcp://ADDRESS:PORT"));
    CHECK(has(cluster("endpoint = \"tcp://h:1\"\nmembers = \"2=tcp://h:2\""), "does not name this member, 1"));
    CHECK(has(cluster("endpoint = \"tcp://h:1\"\nmembers = \"1=tcp://h:1, 1=tcp://h:2\""),
              "belfry.toml:3: cluster.members: member 1 is named twice"));
    CHECK(has(cluster("endpoint = \"tcp://h:1\"\nmembers = \"1=tcp://h:1, 2=tcp://h:1\""), "have one address"));
    CHECK(has(cluster("endpoint = \"tcp://h:1\"\nmembers = \"one\""), "write ID=tcp://ADDRESS:PORT"));
    CHECK(has(cluster("endpoint = \"tcp://h:1\"\nmembers = \"1=tcp://h:1 short\""),
              "a public key has 40 characters, this one 5"));
    CHECK(has(cluster("endpoint = \"tcp://h:1\"\njoin = true"), "as `belfry member add` printed them"));
    CHECK(has(cluster("endpoint = \"tcp://h:1\"\nkey_file = \"k\"\nmembers = \"1=tcp://h:1\""), "member 1 has none"));
    CHECK(has(cluster("election_timeout = \"100ms\"\nheartbeat = \"30ms\""), "at least 10 times cluster.heartbeat"));
    CHECK(has(cluster("id = \"xyz\""), "'xyz' is not a cluster's id"));
}

TEST_CASE("settings: members that begin together compute one cluster id, in whatever order they are named", "[settings]") {
    const std::vector<Settings::ClusterMember> members = {{1, "tcp://h:1", ""}, {2, "tcp://h:2", ""}};
    const std::vector<Settings::ClusterMember> turned = {members[1], members[0]};
    CHECK(initial_cluster_id(members, "") == initial_cluster_id(turned, ""));
    CHECK(initial_cluster_id(members, "") != initial_cluster_id({members[0]}, ""));
    CHECK(initial_cluster_id(members, "") != initial_cluster_id(members, "another"));
}

TEST_CASE("settings: the first of several errors is reported", "[settings]") {
    CHECK(has(refusal("[output]\nlevel = \"loud\"\n[member]\nid = 0"), "belfry.toml:2: "));
}

TEST_CASE("settings: a flag wins over the file and passes the same checks", "[settings]") {
    Settings settings = parse_settings("[store]\nplugin = \"storage_lmdb\"\nsettings.map_bytes = 1", "belfry.toml").value();
    REQUIRE(apply_flag(settings, "listen.request_endpoint=tcp://127.0.0.1:*"));
    CHECK(settings.listen.request_endpoint == "tcp://127.0.0.1:*");
    REQUIRE(apply_flag(settings, "store.settings.map_bytes=2"));
    CHECK(*settings.store.find("map_bytes") == "2");
    REQUIRE(apply_flag(settings, "store.plugin=storage_lmdb"));
    CHECK(settings.store.settings.size() == 1);
    REQUIRE(apply_flag(settings, "store.plugin=storage_memory"));
    CHECK(settings.store.settings.empty());
    REQUIRE(apply_flag(settings, "plugins=/a.so"));
    CHECK(settings.plugins.size() == 1);
    REQUIRE(apply_flag(settings, "history.keep_age=12h"));
    CHECK(settings.history.keep_age_ms == 12ull * 3600 * 1000);

    CHECK(has(flag_refusal(settings, "output.levle=debug"), "did you mean output.level?"));
    CHECK(has(flag_refusal(settings, "member.id=many"), "flag 'member.id': 'many' is not a whole number"));
    CHECK(has(flag_refusal(settings, "data_dir"), "write KEY=VALUE"));
    CHECK(settings.member.id == 1);
}

TEST_CASE("settings: the sample file names every key with its default, and describes it", "[settings]") {
    const std::string sample = sample_text();
    const auto as_it_is = parse_settings(sample, "sample");
    REQUIRE(as_it_is.ok());
    CHECK(to_string(*as_it_is) == to_string(Settings{}));

    // With every `# key = value` line in force it still says the defaults.
    const std::string active = std::regex_replace(sample, std::regex("(^|\n)# ([a-z_]+ = |\\[\\[plugins)"), "$1$2");
    const auto parsed = parse_settings(active, "sample");
    INFO((parsed ? std::string() : parsed.error().detail));
    REQUIRE(parsed.ok());
    Settings settings = *parsed;
    CHECK(settings.listen.transport.settings.size() == 2);
    CHECK(settings.plugins.size() == 2);
    settings.listen.transport.settings.clear();
    settings.plugins.clear();
    CHECK(to_string(settings) == to_string(Settings{}));
    std::string section;
    std::vector<std::string> named;
    std::istringstream lines(active);
    for (std::string line; std::getline(lines, line);) {
        std::smatch match;
        if (std::regex_match(line, match, std::regex("\\[([a-z.]+)\\]"))) {
            section = match[1].str() + ".";
        } else if (std::regex_search(line, match, std::regex("^([a-z_]+) = "))) {
            named.push_back(section + match[1].str());
        }
    }
    for (const std::string& key : key_names()) {
        INFO(key);
        CHECK(std::count(named.begin(), named.end(), key) == 1);
    }
}

TEST_CASE("settings: a name of 200,000 parts is refused, and told where", "[settings]") {
    std::string deep;
    for (int i = 0; i < 200'000; ++i) deep += "a.";
    const auto refused = parse_settings("data_dir = \"x\"\n" + deep + "b = 1\n", "belfry.toml");
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == Code::too_large);
    CHECK(refused.error().detail == "belfry.toml:2: nested deeper than 128");
}

TEST_CASE("settings: a missing file is not_found, a directory is an error", "[settings]") {
    CHECK(load_settings("/nonexistent/belfry.toml").error().code == Code::not_found);
    CHECK_FALSE(load_settings("/").ok());
    CHECK(load_settings(BELFRY_SAMPLE_FILE).ok());
}

}  // namespace belfry::hub::settings

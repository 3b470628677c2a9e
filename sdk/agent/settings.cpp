#include "sdk/agent/settings.hpp"

#define TOML_EXCEPTIONS 0
#include <toml++/toml.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <set>
#include <span>
#include <sstream>

#include "sdk/base/limits.hpp"
#include "sdk/base/toml_depth.hpp"
#include "sdk/base/units.hpp"
#include "sdk/dns/server.hpp"

namespace belfry::agent {
namespace {

using namespace std::chrono_literals;

// It is written by a person; past this it is not one.
constexpr size_t file_bytes_max = 1024 * 1024;
constexpr auto duration_max = std::chrono::hours(24 * 365);

// One table of the file, read key by key. The first error stays; what is read afterwards is of no interest.
class Section {
public:
    Section(std::string_view file_name, std::string name, const toml::table& table, std::optional<Error>& error)
        : file_name_(file_name), name_(std::move(name)), table_(table), error_(error) {}

    bool has(std::string_view key) const { return table_.contains(key); }
    void allow(std::initializer_list<std::string_view> keys) const;
    void need(std::initializer_list<std::string_view> keys) const;
    void text(std::string_view key, std::string& to) const;
    void texts(std::string_view key, std::vector<std::string>& to) const;
    void labels(std::string_view key, std::map<std::string, std::string>& to) const;
    template <class Number>
    void number(std::string_view key, int64_t low, int64_t high, Number& to) const;
    template <class Unit>
    void duration(std::string_view key, Unit& to) const;
    std::vector<Section> sections(std::string_view key) const;
    std::optional<Section> section(std::string_view key) const;

    void fail(std::string_view key, std::string_view sentence, Code code = Code::invalid_argument) const;
    void fail(const Error& error) const { fail("", error.detail, error.code); }

private:
    std::string path(std::string_view key) const {
        return name_ + (name_.empty() || key.empty() ? "" : ".") + std::string(key);
    }

    std::string_view file_name_;
    std::string name_;
    const toml::table& table_;
    std::optional<Error>& error_;
};

void Section::fail(std::string_view key, std::string_view sentence, Code code) const {
    if (error_) return;
    const toml::node* node = key.empty() ? nullptr : table_.get(key);
    const auto line = (node != nullptr ? node->source() : table_.source()).begin.line;
    const std::string where = path(key);
    error_ = Error{code, std::string(file_name_) + ":" + std::to_string(line) + ": " + where + (where.empty() ? "" : ": ") +
                             std::string(sentence)};
}

void Section::allow(std::initializer_list<std::string_view> keys) const {
    for (const auto& [key, node] : table_) {
        if (std::find(keys.begin(), keys.end(), key.str()) != keys.end()) continue;
        std::string known;
        for (const std::string_view allowed : keys) known += (known.empty() ? "" : ", ") + std::string(allowed);
        return fail(key.str(), "there is no such key; here are " + known);
    }
}

void Section::need(std::initializer_list<std::string_view> keys) const {
    for (const std::string_view key : keys) {
        if (!has(key)) fail("", "'" + std::string(key) + "' must be there");
    }
}

void Section::text(std::string_view key, std::string& to) const {
    if (!has(key)) return;
    const auto value = table_.get(key)->value_exact<std::string>();
    if (!value) return fail(key, "it must be a text in quotes");
    to = *value;
}

void Section::texts(std::string_view key, std::vector<std::string>& to) const {
    if (!has(key)) return;
    const toml::array* words = table_.get(key)->as_array();
    if (words == nullptr || words->empty()) return fail(key, "it must be an array of texts, such as [\"/bin/true\"]");
    for (const toml::node& word : *words) {
        const auto value = word.value_exact<std::string>();
        if (!value) return fail(key, "it must be an array of texts only");
        to.push_back(*value);
    }
}

void Section::labels(std::string_view key, std::map<std::string, std::string>& to) const {
    if (!has(key)) return;
    const toml::table* all = table_.get(key)->as_table();
    if (all == nullptr) return fail(key, "it must be a table of texts, such as { zone = \"a\" }");
    for (const auto& [name, node] : *all) {
        const auto value = node.value_exact<std::string>();
        if (!value) return fail(key, "'" + std::string(name.str()) + "' must be a text in quotes");
        to.emplace(name.str(), *value);
    }
}

template <class Number>
void Section::number(std::string_view key, int64_t low, int64_t high, Number& to) const {
    if (!has(key)) return;
    const auto value = table_.get(key)->value_exact<int64_t>();
    if (!value || *value < low || *value > high)
        return fail(key, "it must be a whole number from " + std::to_string(low) + " to " + std::to_string(high));
    to = static_cast<Number>(*value);
}

// In whole units.
template <class Unit>
void Section::duration(std::string_view key, Unit& to) const {
    if (!has(key)) return;
    const auto value = table_.get(key)->value_exact<std::string>();
    const auto time = value ? parse_duration(*value) : std::nullopt;
    if (!time || *time > duration_max) return fail(key, "it must be a time, such as \"500ms\", \"10s\" or \"5m\"");
    to = std::chrono::duration_cast<Unit>(*time);
    if (to != *time) fail(key, Unit(1) == 1s ? "it must be whole seconds" : "it must be whole milliseconds");
}

std::vector<Section> Section::sections(std::string_view key) const {
    std::vector<Section> all;
    if (!has(key)) return all;
    const toml::array* tables = table_.get(key)->as_array();
    const auto is_table = [](const toml::node& node) { return node.is_table(); };
    if (tables == nullptr || !std::all_of(tables->begin(), tables->end(), is_table)) {
        fail(key, "each one begins with [[" + path(key) + "]]");
        return all;
    }
    for (const toml::node& node : *tables) all.emplace_back(file_name_, path(key), *node.as_table(), error_);
    return all;
}

std::optional<Section> Section::section(std::string_view key) const {
    if (!has(key)) return {};
    const toml::table* table = table_.get(key)->as_table();
    if (table == nullptr) return fail(key, "it begins with [" + path(key) + "]"), std::nullopt;
    return Section(file_name_, path(key), *table, error_);
}

TcpCheck tcp_check(const Section& section, const std::string& where) {
    const size_t colon = where.rfind(':');
    const std::string port = colon == std::string::npos ? "" : where.substr(colon + 1);
    std::string host = where.substr(0, std::min(colon, where.size()));
    if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
    const bool digits = !port.empty() && port.size() <= 5 && port.find_first_not_of("0123456789") == std::string::npos;
    if (host.empty() || !digits || std::stoul(port) > UINT16_MAX) section.fail("tcp", "it must be HOST:PORT");
    return {host, digits ? static_cast<uint16_t>(std::stoul(port)) : uint16_t{0}};
}

Check read_check(const Section& section) {
    section.allow(
        {"tcp", "http", "command", "interval", "timeout", "failures_before_critical", "successes_before_passing"});
    Check check;
    std::string tcp, http;
    std::vector<std::string> command;
    section.text("tcp", tcp);
    section.text("http", http);
    section.texts("command", command);
    if (section.has("tcp") + section.has("http") + section.has("command") != 1)
        section.fail("", "one of tcp, http and command must be there");
    if (section.has("tcp")) check.what = tcp_check(section, tcp);
    if (section.has("http")) check.what = HttpCheck{http};
    if (section.has("command")) check.what = CommandCheck{command};
    section.duration("interval", check.interval);
    check.timeout = std::min(check.timeout, check.interval);
    section.duration("timeout", check.timeout);
    const int64_t most = limits::findings_in_a_row_max;
    section.number("failures_before_critical", 1, most, check.damping.failures_before_critical);
    section.number("successes_before_passing", 1, most, check.damping.successes_before_passing);
    if (const Status good = validate_check(check); !good) section.fail(good.error());
    return check;
}

ServiceSettings read_service(const Section& section) {
    section.allow({"name", "id", "address", "port", "weight", "labels", "ttl", "withdraw_after", "check"});
    section.need({"name", "address", "port"});
    ServiceSettings service;
    Instance& instance = service.instance;
    section.text("name", instance.service);
    section.text("address", instance.address);
    section.number("port", 1, UINT16_MAX, instance.port);
    instance.id = usual_id(instance.port);
    section.text("id", instance.id);
    if (instance.id.empty()) section.fail("", "this machine's name is no DNS label: say an id");
    section.number("weight", 0, limits::instance_weight_max, instance.weight);
    section.labels("labels", instance.labels);
    section.duration("ttl", service.ttl);
    if (service.ttl < 1s || service.ttl > std::chrono::seconds(limits::lease_ttl_s_max))
        section.fail("ttl", "it must be from 1s to 30d");
    section.duration("withdraw_after", service.withdraw_after);
    const auto checks = section.sections("check");
    if (checks.size() > limits::instance_checks_max)
        section.fail("check", std::to_string(limits::instance_checks_max) + " checks of a service are the bound",
                     Code::too_large);
    for (const Section& check : checks) service.checks.push_back(read_check(check));
    if (const Status good = check_instance(instance); !good) section.fail(good.error());
    return service;
}

DnsSettings read_dns(const Section& section) {
    section.allow({"listen", "domain", "ttl", "negative_ttl"});
    DnsSettings dns;
    std::chrono::seconds ttl(dns.responder.ttl_s), negative_ttl(dns.responder.negative_ttl_s);
    section.text("listen", dns.listen);
    section.text("domain", dns.responder.domain);
    section.duration("ttl", ttl);
    section.duration("negative_ttl", negative_ttl);
    dns.responder.ttl_s = static_cast<uint32_t>(ttl.count());
    dns.responder.negative_ttl_s = static_cast<uint32_t>(negative_ttl.count());
    if (const auto good = dns::check_address(dns.listen); !dns.listen.empty() && !good)
        section.fail("listen", good.error().detail);
    if (const auto good = dns::Responder::create(dns.responder, {}); !good) section.fail("domain", good.error().detail);
    return dns;
}

// Tables print their keys in order: equal texts are equal services.
std::string text_without_live_keys(const toml::table& table) {
    toml::table rest = table;
    rest.erase("weight");
    rest.erase("labels");
    std::ostringstream text;
    text << rest;
    return text.str();
}

}  // namespace

std::string usual_id(uint16_t port) {
    std::array<char, 256> host{};
    if (::gethostname(host.data(), host.size() - 1) != 0) return {};
    std::string id = std::string(host.data());
    id = id.substr(0, id.find('.'));
    for (char& letter : id) letter = letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
    id += "-" + std::to_string(port);
    return check_service_name("id", id) ? id : std::string();
}

Result<AgentSettings> parse_settings(std::string_view file_name, std::string_view text) {
    if (Status flat = check_toml_depth(text, std::string(file_name) + ":"); !flat) return std::move(flat).error();
    const toml::parse_result file = toml::parse(text, file_name);
    if (!file) {
        return Error{Code::invalid_argument, std::string(file_name) + ":" +
                                                 std::to_string(file.error().source().begin.line) + ": " +
                                                 std::string(file.error().description())};
    }
    std::optional<Error> error;
    const Section root(file_name, "", file.table(), error);
    root.allow({"dns", "service"});
    AgentSettings settings;
    if (const auto dns = root.section("dns")) settings.dns = read_dns(*dns);
    const auto services = root.sections("service");
    if (services.size() > services_max)
        root.fail("service", std::to_string(services_max) + " services are the bound", Code::too_large);
    std::set<std::pair<std::string, std::string>> seen;
    size_t checks = 0;
    for (size_t i = 0; i < services.size() && !error; ++i) {
        ServiceSettings service = read_service(services[i]);
        service.text = text_without_live_keys(*(*file.table().get_as<toml::array>("service"))[i].as_table());
        if (!seen.emplace(service.instance.service, service.instance.id).second)
            services[i].fail(
                "", "'" + service.instance.service + "/" + service.instance.id + "' is there twice: say another id");
        checks += service.checks.size();
        if (checks > limits::checks_max)
            services[i].fail("check", std::to_string(limits::checks_max) + " checks of all services together are the bound",
                             Code::too_large);
        settings.services.push_back(std::move(service));
    }
    if (error) return *error;
    return settings;
}

Result<AgentSettings> read_settings(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    std::string text(file_bytes_max + 1, '\0');
    file.read(text.data(), static_cast<std::streamsize>(text.size()));
    if (!file.eof() && file.fail()) return Error{Code::io, path + ": " + std::strerror(errno)};
    text.resize(static_cast<size_t>(file.gcount()));
    if (file.bad()) return Error{Code::io, path + ": it cannot be read"};
    if (text.size() > file_bytes_max) return Error{Code::too_large, path + ": more than 1 MiB is no file of settings"};
    return parse_settings(path, text);
}

}  // namespace belfry::agent

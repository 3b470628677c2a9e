#include "sdk/discovery/instance.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <set>

#include "sdk/base/utf8.hpp"

namespace belfry {
namespace {

using nlohmann::ordered_json;

constexpr std::array health_words = {"passing", "warning", "critical"};
constexpr BytesView octets_of_names = "abcdefghijklmnopqrstuvwxyz0123456789-";
constexpr BytesView octets_of_hosts = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-";
constexpr BytesView octets_of_labels = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/";

bool is_made_of(BytesView text, BytesView octets) { return text.find_first_not_of(octets) == BytesView::npos; }

bool is_dns_label(BytesView text, BytesView octets) {
    return !text.empty() && text.size() <= limits::service_name_bytes_max && is_made_of(text, octets) &&
           text.front() != '-' && text.back() != '-';
}

bool is_ip_address(const std::string& text) {
    std::array<unsigned char, sizeof(in6_addr)> address{};
    return inet_pton(AF_INET, text.c_str(), address.data()) == 1 || inet_pton(AF_INET6, text.c_str(), address.data()) == 1;
}

// Not "10.0.0.256": a last part of digits is an IPv4 address, or meant to be one.
bool is_host_name(BytesView text) {
    if (text.size() > limits::address_bytes_max) return false;
    for (;;) {
        const size_t dot = text.find('.');
        const BytesView label = text.substr(0, dot);
        if (!is_dns_label(label, octets_of_hosts)) return false;
        if (dot == BytesView::npos) return !is_made_of(label, "0123456789");
        text.remove_prefix(dot + 1);
    }
}

bool has_control_characters(BytesView text) {
    return std::any_of(text.begin(), text.end(), [](unsigned char octet) { return octet < 0x20 || octet == 0x7f; });
}

// For a sentence that somebody reads.
std::string shown(BytesView text) { return "'" + note_of(text.substr(0, 160)) + "'"; }

Error wrong(std::string_view member, const std::string& sentence) {
    return {Code::invalid_argument, std::string(member) + ": " + sentence};
}

Error too_long(std::string_view member, size_t octets, size_t octets_max) {
    return {Code::too_large, std::string(member) + ": " + std::to_string(octets) + " octets; at most " +
                                 std::to_string(octets_max) + " are allowed"};
}

// ---- decoding ----

// Takes the members one after another, without a tree: what is unknown is passed over however deep it is.
class Reader : public nlohmann::json_sax<ordered_json> {
public:
    explicit Reader(Instance& instance) : instance_(instance) {}

    bool null() override { return other("null"); }
    bool boolean(bool) override { return other("true or false"); }
    bool number_integer(number_integer_t) override { return other("a negative number"); }
    bool number_unsigned(number_unsigned_t number) override;
    bool number_float(number_float_t, const string_t&) override { return other("a number that is not whole"); }
    bool string(string_t& text) override;
    bool binary(binary_t&) override { return false; }
    bool start_object(size_t) override;
    bool end_object() override { return --depth_, true; }
    bool start_array(size_t) override { return other("a list") && (++depth_, true); }
    bool end_array() override { return --depth_, true; }
    bool key(string_t& name) override;
    bool parse_error(size_t position, const std::string&, const nlohmann::detail::exception&) override {
        return fail({Code::invalid_argument, "this is not JSON any more at octet " + std::to_string(position)});
    }

    const Error& problem() const { return problem_; }
    bool has(const char* member) const { return members_.contains(member); }

private:
    bool fail(Error error) {
        if (problem_.code == Code::ok) problem_ = std::move(error);
        return false;
    }
    bool in_labels() const { return depth_ == 2 && member_ == "labels"; }
    // Something that no member wants; nobody minds it in a member that is not ours.
    bool other(const char* what);

    Instance& instance_;
    size_t depth_ = 0;
    std::string member_;  // at depth 1
    std::string label_;
    std::set<std::string> members_;
    Error problem_;
};

bool Reader::other(const char* what) {
    if (depth_ == 0) return fail({Code::invalid_argument, std::string("an object is wanted, not ") + what});
    if (in_labels()) return fail(wrong("labels", "'" + label_ + "' must be a text, not " + what));
    const bool known = member_ == "address" || member_ == "port" || member_ == "health" || member_ == "weight" ||
                       member_ == "labels" || member_ == "note";
    return depth_ > 1 || !known || fail(wrong(member_, std::string("cannot be ") + what));
}

bool Reader::number_unsigned(number_unsigned_t number) {
    if (depth_ != 1 || (member_ != "port" && member_ != "weight")) return other("a number");
    const uint64_t number_max = member_ == "port" ? UINT16_MAX : limits::instance_weight_max;
    if (number > number_max) {
        return fail(wrong(member_, std::to_string(number) + " is more than " + std::to_string(number_max)));
    }
    if (member_ == "port") instance_.port = static_cast<uint16_t>(number);
    if (member_ == "weight") instance_.weight = static_cast<uint32_t>(number);
    return true;
}

bool Reader::string(string_t& text) {
    if (in_labels()) return instance_.labels[label_] = std::move(text), true;
    if (depth_ != 1) return other("a text");
    if (member_ == "address") return instance_.address = std::move(text), true;
    if (member_ == "note") return instance_.note = std::move(text), true;
    if (member_ != "health") return other("a text");
    const auto health = parse_health(text);
    if (!health) return fail(wrong("health", "passing, warning or critical, not " + shown(text)));
    instance_.health = *health;
    return true;
}

bool Reader::start_object(size_t) {
    if (depth_ == 0 || (depth_ == 1 && member_ == "labels") || other("an object")) return ++depth_, true;
    return false;
}

bool Reader::key(string_t& name) {
    if (depth_ == 1) {
        member_ = name;
        return members_.insert(name).second || fail(wrong("member " + shown(name), "it stands twice"));
    }
    if (!in_labels()) return true;
    label_ = name;
    return !instance_.labels.contains(name) || fail(wrong("labels", shown(name) + " stands twice"));
}

Status read_key(BytesView key, BytesView prefix, Instance& instance) {
    const Error no_instance{Code::invalid_argument, "the key is not " + Bytes(prefix) + "SERVICE/ID"};
    if (!key.starts_with(prefix)) return no_instance;
    key.remove_prefix(prefix.size());
    const size_t slash = key.find('/');
    if (slash == BytesView::npos) return no_instance;
    instance.service = key.substr(0, slash);
    instance.id = key.substr(slash + 1);
    if (const Status good = check_service_name("service", instance.service); !good) return good;
    return check_service_name("id", instance.id);
}

Status read_value(BytesView value, Instance& instance) {
    if (value.size() > limits::instance_bytes_max) return too_long("value", value.size(), limits::instance_bytes_max);
    // nlohmann's parser takes it as the end and would drop what follows.
    if (value.find('\0') != BytesView::npos) return Error{Code::invalid_argument, "a NUL is not JSON"};
    Reader reader(instance);
    if (!ordered_json::sax_parse(value.begin(), value.end(), &reader)) {
        return reader.problem().code == Code::ok ? Error{Code::invalid_argument, "this is not JSON"} : reader.problem();
    }
    for (const char* member : {"address", "port"}) {
        if (!reader.has(member)) return wrong(member, "it must be there");
    }
    return check_instance(instance);
}

}  // namespace

std::string_view to_string(Health health) { return health_words.at(static_cast<size_t>(health)); }

std::optional<Health> parse_health(std::string_view word) {
    const auto found = std::find(health_words.begin(), health_words.end(), word);
    if (found == health_words.end()) return {};
    return static_cast<Health>(found - health_words.begin());
}

// ---- checks ----

Status check_service_name(std::string_view what, std::string_view name) {
    if (is_dns_label(name, octets_of_names)) return {};
    return wrong(what, "1 to 63 of a-z, 0-9 and '-' (not at an end) are a name, not " + shown(name));
}

Status check_instance_label(std::string_view name, std::string_view value) {
    if (name.empty() || name.size() > limits::instance_label_name_bytes_max || !is_made_of(name, octets_of_labels)) {
        return wrong("labels", "1 to 63 letters, digits and . _ - / are a name, not " + shown(name));
    }
    const std::string member = "label " + std::string(name);
    if (value.size() > limits::instance_label_value_bytes_max) {
        return too_long(member, value.size(), limits::instance_label_value_bytes_max);
    }
    if (is_utf8(value) && !has_control_characters(value)) return {};
    return wrong(member, "UTF-8 without control characters is wanted");
}

Status check_instance(const Instance& instance) {
    if (const Status good = check_service_name("service", instance.service); !good) return good;
    if (const Status good = check_service_name("id", instance.id); !good) return good;
    const std::string& address = instance.address;
    // inet_pton ends where a NUL is.
    if (has_control_characters(address) || (!is_ip_address(address) && !is_host_name(address))) {
        return wrong("address", "an IP address or a host name is wanted, not " + shown(address));
    }
    if (instance.port == 0) return wrong("port", "1 to 65535, not 0");
    if (instance.weight > limits::instance_weight_max) {
        return wrong("weight",
                     std::to_string(instance.weight) + " is more than " + std::to_string(limits::instance_weight_max));
    }
    if (instance.health > Health::critical) return wrong("health", "passing, warning or critical");
    if (instance.labels.size() > limits::instance_labels_max) {
        return Error{Code::too_large, "labels: " + std::to_string(instance.labels.size()) + "; at most " +
                                          std::to_string(limits::instance_labels_max) + " are allowed"};
    }
    for (const auto& [name, value] : instance.labels) {
        if (const Status good = check_instance_label(name, value); !good) return good;
    }
    if (instance.note.size() > limits::instance_note_bytes_max) {
        return too_long("note", instance.note.size(), limits::instance_note_bytes_max);
    }
    if (is_utf8(instance.note) && !has_control_characters(instance.note)) return {};
    return wrong("note", "one line of UTF-8 is wanted");
}

std::string note_of(BytesView said) {
    while (!said.empty() && (said.back() == '\n' || said.back() == '\r')) said.remove_suffix(1);
    std::string note;
    while (!said.empty()) {
        const auto character = plain_character(said);
        const bool is_break = said.front() == '\n' || said.front() == '\r' || said.front() == '\t';
        const BytesView text = is_break ? BytesView(" ") : character.text;
        if (note.size() + text.size() > limits::instance_note_bytes_max) break;
        note += text;
        said.remove_prefix(character.octets);
    }
    return note;
}

// ---- keys and values ----

Bytes service_prefix(std::string_view service, BytesView prefix) { return Bytes(prefix) + Bytes(service) + "/"; }

Bytes instance_key(std::string_view service, std::string_view id, BytesView prefix) {
    return service_prefix(service, prefix) + Bytes(id);
}

std::string host_and_port(const Instance& instance) {
    const bool is_ipv6 = instance.address.find(':') != std::string::npos;
    return (is_ipv6 ? "[" + instance.address + "]" : instance.address) + ":" + std::to_string(instance.port);
}

Result<Bytes> encode_instance(const Instance& instance) {
    if (const Status good = check_instance(instance); !good) return good.error();
    ordered_json value;
    value["address"] = instance.address;
    value["port"] = instance.port;
    value["health"] = to_string(instance.health);
    value["weight"] = instance.weight;
    if (!instance.labels.empty()) value["labels"] = instance.labels;
    if (!instance.note.empty()) value["note"] = instance.note;
    return value.dump();
}

Result<Instance> decode_instance(BytesView key, BytesView value, BytesView prefix) {
    Instance instance;
    Status read = read_key(key, prefix, instance);
    if (read) read = read_value(value, instance);
    if (read) return instance;
    return Error{read.error().code, shown(key) + ": " + read.error().detail};
}

Result<Instance> decode_instance(const KeyValue& kv, BytesView prefix) {
    auto instance = decode_instance(kv.key, kv.value, prefix);
    if (!instance) return instance;
    instance->created = kv.create_revision;
    instance->changed = kv.mod_revision;
    return instance;
}

}  // namespace belfry

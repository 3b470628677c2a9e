// belfry::Instance: where one process of a service is, what it is and whether it works, as everybody finds it in the hub.
//
//   services/web/web1-4711     the key: prefix, service, id; bound to the instance's lease
//   {"address":"10.0.0.5","port":80,"health":"passing","weight":100,"labels":{"zone":"a"},"note":"HTTP 200"}
//
// The value is a JSON object in UTF-8, of the content type application/json. Members:
//   address   text    an IP address (an IPv6 one without brackets) or a host name; must be there
//   port      number  1 to 65535; must be there
//   health    text    "passing", "warning" or "critical"; passing if it is not there
//   weight    number  0 to 65535, how much work it takes beside others; 0: no new work; 100 if it is not there
//   labels    object  of texts; none if it is not there
//   note      text    what the last check said; empty if it is not there
// Others are passed over, so that later versions may say more. No member stands twice.
// Service and id are DNS labels, in lower case: a name in DNS is made of them as they are.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "sdk/base/error.hpp"
#include "sdk/base/types.hpp"

namespace belfry {

inline constexpr BytesView services_prefix = "services/";
inline constexpr BytesView instance_content_type = "application/json";

namespace limits {
// A DNS label (RFC 1035, 2.3.4).
inline constexpr size_t service_name_bytes_max = 63;
// A host name as text (RFC 1035: 255 octets on the wire); longer than any IP address.
inline constexpr size_t address_bytes_max = 253;
// DNS gives an SRV record's weight 16 bits.
inline constexpr uint32_t instance_weight_max = 65535;
// Marks to choose by, not a document: everybody who watches the service holds them.
inline constexpr size_t instance_labels_max = 32;
inline constexpr size_t instance_label_name_bytes_max = 63;
inline constexpr size_t instance_label_value_bytes_max = 255;
// A sentence or two. It is written with each change of health.
inline constexpr size_t instance_note_bytes_max = 512;
// All of the above, each octet of a text escaped with one more, and as much again of what later versions may say.
inline constexpr size_t instance_bytes_max = 48 * 1024;
}  // namespace limits

// Ordered: the greater, the worse.
enum class Health : uint8_t { passing = 0, warning = 1, critical = 2 };

struct Instance {
    std::string service = {};
    std::string id = {};       // apart from all others of the service
    std::string address = {};  // IP or host name
    uint16_t port = 0;
    std::map<std::string, std::string> labels = {};
    uint32_t weight = 100;  // 0 = takes no new work
    Health health = Health::passing;
    std::string note = {};  // what the last check said
    // Of its key, not part of the value: when it was registered, and when anything of it last changed.
    Revision created = {};
    Revision changed = {};
    friend bool operator==(const Instance&, const Instance&) = default;
};

// "passing", "warning", "critical".
std::string_view to_string(Health health);
std::optional<Health> parse_health(std::string_view word);

// What every instance must be; `invalid_argument` or `too_large`, naming the member and what is allowed.
Status check_instance(const Instance& instance);
// Of a service or an id: 1 to 63 of a-z, 0-9 and '-', not at its ends. `what` begins the sentence.
Status check_service_name(std::string_view what, std::string_view name);
// A name of 1 to 63 letters, digits and . _ - /, a value of at most 255 octets in UTF-8 without control characters.
Status check_instance_label(std::string_view name, std::string_view value);
// As what was said anywhere may become a note: in UTF-8, on one line, cut to the bound.
std::string note_of(BytesView said);

// "services/<service>/<id>", and what all keys of the service begin with. REQUIRES: names that are good.
Bytes instance_key(std::string_view service, std::string_view id, BytesView prefix = services_prefix);
Bytes service_prefix(std::string_view service, BytesView prefix = services_prefix);
// "10.0.0.5:80", "[2001:db8::5]:80": where to connect to.
std::string host_and_port(const Instance& instance);

// Fails as check_instance().
Result<Bytes> encode_instance(const Instance& instance);
// `invalid_argument` or `too_large`: the key is no instance's, or the value not one; the sentence names the key and what is
// wrong with it. Any octets may come.
Result<Instance> decode_instance(BytesView key, BytesView value, BytesView prefix = services_prefix);
// With its revisions.
Result<Instance> decode_instance(const KeyValue& kv, BytesView prefix = services_prefix);

}  // namespace belfry

// agent.toml -> one checked struct. What is in an AgentSettings was checked; there is no half of one.
//
//   [dns]                              # none: no DNS, unless --dns says an address
//   listen = "127.0.0.1:8600"
//   domain = "belfry"
//   ttl = "1s"                         # of answers, whole seconds; negative_ttl likewise, of "there is none"
//   negative_ttl = "1s"
//
//   [[service]]
//   name = "web"                       # a DNS label; with address and port all that must be there
//   id = "web1-80"                     # HOST-PORT if it is not there; another one for each machine
//   address = "10.0.0.5"
//   port = 80
//   weight = 100
//   labels = { zone = "a" }
//   ttl = "10s"                        # how long it is found when this machine is gone; whole seconds
//   withdraw_after = "0s"              # critical for so long, it is withdrawn; 0s: never
//
//   [[service.check]]                  # as many as limits::instance_checks_max; the worst counts
//   tcp = "127.0.0.1:80"               # one of tcp, http and command
//   http = "http://127.0.0.1:80/health"
//   command = ["/usr/lib/web/check", "--quick"]
//   interval = "10s"
//   timeout = "2s"
//   failures_before_critical = 3
//   successes_before_passing = 2
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sdk/discovery/registration.hpp"
#include "sdk/dns/responder.hpp"

namespace belfry::agent {

// Each has a thread and a lease: a machine has tens.
inline constexpr size_t services_max = 256;

struct ServiceSettings {
    Instance instance;
    std::chrono::seconds ttl{10};
    std::chrono::milliseconds withdraw_after{0};
    std::vector<Check> checks;
    std::string text;  // all of it but weight and labels, to tell whether it is still the same
};

struct DnsSettings {
    std::string listen;  // empty: no DNS
    dns::ResponderOptions responder = {};
    friend bool operator==(const DnsSettings&, const DnsSettings&) = default;
};

struct AgentSettings {
    DnsSettings dns;
    std::vector<ServiceSettings> services;  // each name and id once
};

// `invalid_argument` or `too_large`: "FILE:LINE: KEY: what is wrong, and what is allowed". The first error counts.
Result<AgentSettings> parse_settings(std::string_view file_name, std::string_view text);
// `io`: it cannot be read.
Result<AgentSettings> read_settings(const std::string& path);
// "web1-80": a DNS label of this machine's name. Empty: the machine has no such name.
std::string usual_id(uint16_t port);

}  // namespace belfry::agent

#include "sdk/discovery/registry.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>

#include "sdk/base/random.hpp"
#include "sdk/discovery/registration_impl.hpp"

namespace belfry {
namespace {

using namespace std::chrono_literals;

// After a request's own end: it says better than we why there was no answer.
constexpr auto answer_slack = 500ms;
constexpr size_t host_octets_max = 40;  // of an id: process and number fit behind it

Status check_options(const RegistrationOptions& options) {
    if (options.ttl < 1s) return Error{Code::invalid_argument, "ttl: one second at least"};
    for (const auto time : {options.beat_ttl, options.withdraw_after}) {
        if (time < 0ms || time > limits::check_time_max) {
            return Error{Code::invalid_argument, "beat_ttl, withdraw_after: 0 to 24 hours"};
        }
    }
    if (options.look_interval < limits::instance_look_interval_min || options.look_interval > limits::check_time_max) {
        return Error{Code::invalid_argument, "look_interval: 100 ms to 24 hours"};
    }
    if (options.checks.size() <= limits::instance_checks_max) return {};
    return Error{Code::too_large, std::to_string(options.checks.size()) + " checks; at most " +
                                      std::to_string(limits::instance_checks_max) + " are allowed"};
}

// All keys below it that are instances.
Result<FindResult> read_instances(Client& client, const Bytes& below, const RegistryOptions& options) {
    protocol::RangeRequest request;
    request.range = KeyRange::prefix(below);
    const auto range = client.range(request);
    if (!range) return range.error();
    if (range->more) return Error{Code::too_large, "there are too many instances below '" + below + "'"};
    FindResult found{range->revision, {}, {}};
    for (const KeyValue& kv : range->kvs) {
        auto instance = decode_instance(kv, options.prefix);
        if (instance) found.instances.push_back(*std::move(instance));
        if (!instance) found.unreadable.push_back(std::move(instance).error());
    }
    return found;
}

}  // namespace

bool FindOptions::wants(const Instance& instance) const {
    if (passing_only && (instance.health != Health::passing || instance.weight == 0)) return false;
    return selector.matches(instance);
}

Registry::Registry(std::shared_ptr<Client> client, RegistryOptions options)
    : client_(std::move(client)), options_(std::move(options)), checker_(std::make_shared<Checker>()) {}

Result<std::unique_ptr<Registration>> Registry::register_instance(Instance instance, RegistrationOptions options) const {
    if (instance.id.empty()) instance.id = make_instance_id();
    instance.note = note_of(instance.note);
    if (const Status good = check_instance(instance); !good) return good.error();
    if (const Status good = check_options(options); !good) return good.error();
    const bool waits = options.wait_for_hub;
    auto impl =
        std::make_shared<Registration::Impl>(client_, checker_, options_.prefix, std::move(instance), std::move(options));
    std::unique_ptr<Registration> registration(new Registration(impl));
    if (const Status started = impl->start(); !started) return started.error();
    if (!waits) return registration;
    if (const Status taken = impl->sync(client_->options().timeout + answer_slack, true); !taken) return taken.error();
    return registration;
}

Result<FindResult> Registry::find(std::string_view service, const FindOptions& options) const {
    if (const Status good = check_service_name("service", service); !good) return good.error();
    auto found = read_instances(*client_, service_prefix(service, options_.prefix), options_);
    if (found) std::erase_if(found->instances, [&](const Instance& instance) { return !options.wants(instance); });
    return found;
}

Result<std::vector<ServiceFacts>> Registry::services() const {
    const auto found = read_instances(*client_, options_.prefix, options_);
    if (!found) return found.error();
    std::vector<ServiceFacts> services;
    for (const Instance& instance : found->instances) {
        if (services.empty() || services.back().service != instance.service) services.push_back({instance.service});
        ServiceFacts& facts = services.back();
        const std::array counts = {&facts.passing, &facts.warning, &facts.critical};
        ++*counts[static_cast<size_t>(instance.health)];
    }
    // '-' is before '/': the keys of "a-b" are before those of "a".
    std::sort(services.begin(), services.end(), [](const auto& a, const auto& b) { return a.service < b.service; });
    return services;
}

std::string make_instance_id() {
    std::array<char, 256> host{};
    if (::gethostname(host.data(), host.size() - 1) != 0) host = {"unknown"};
    std::string id;
    for (const char* octet = host.data(); *octet != '\0' && *octet != '.' && id.size() < host_octets_max; ++octet) {
        const char small = *octet >= 'A' && *octet <= 'Z' ? static_cast<char>(*octet - 'A' + 'a') : *octet;
        const bool is_good = (small >= 'a' && small <= 'z') || (small >= '0' && small <= '9');
        id += is_good ? small : '-';
    }
    if (id.empty() || id.front() == '-') id.insert(0, "x");
    std::array<char, 32> rest{};
    std::snprintf(rest.data(), rest.size(), "-%d-%08x", ::getpid(), static_cast<unsigned>(random_u64()));
    return id + rest.data();
}

}  // namespace belfry

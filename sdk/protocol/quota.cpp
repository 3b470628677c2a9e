#include "sdk/protocol/quota.hpp"

#include <algorithm>
#include <charconv>
#include <string>

#include "sdk/protocol/policy.hpp"

namespace belfry::protocol {

namespace {

Error wrong(const char* sentence) { return {Code::invalid_argument, std::string("quota: ") + sentence}; }

}  // namespace

Bytes encode_quota(const Quota& quota) {
    Bytes spec;
    if (quota.keys_max) spec += "keys_max = " + std::to_string(*quota.keys_max) + "\n";
    if (quota.bytes_max) spec += "bytes_max = " + std::to_string(*quota.bytes_max) + "\n";
    return spec;
}

Result<Quota> decode_quota(BytesView spec) {
    Quota quota;
    while (!spec.empty()) {
        const size_t end = std::min(spec.find('\n'), spec.size());
        const BytesView line = spec.substr(0, end);
        spec.remove_prefix(std::min(end + 1, spec.size()));
        const BytesView name = line.substr(0, line.find(" = "));
        const BytesView digits = line.substr(std::min(name.size() + 3, line.size()));
        auto* const bound = name == "keys_max" ? &quota.keys_max : name == "bytes_max" ? &quota.bytes_max : nullptr;
        if (bound == nullptr || *bound) return wrong("lines are keys_max = N and bytes_max = N, each once");
        uint64_t number = 0;
        const auto [stop, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
        if (error != std::errc() || stop != digits.data() + digits.size() || number > INT64_MAX) {
            return wrong("a bound is a whole number below 2^63");
        }
        *bound = number;
    }
    if (!quota.keys_max && !quota.bytes_max) return wrong("it needs keys_max, bytes_max or both");
    return quota;
}

Result<std::optional<Quota>> quota_of(BytesView record_name, BytesView content) {
    std::optional<Quota> found;
    if (!record_name.starts_with(policy_prefix)) return found;
    const auto policy = decode_policy(record_name, content);
    if (!policy) return found;
    for (const PolicyRule& rule : policy->rules) {
        if (rule.kind != quota_kind) continue;
        if (found) return wrong("one for each policy");
        auto quota = decode_quota(rule.spec);
        if (!quota) return quota.error();
        found = *quota;
    }
    return found;
}

}  // namespace belfry::protocol

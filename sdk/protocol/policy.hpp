// What a record "policy/PATTERN" says: a key that matches the pattern (sdk/base/match.hpp, glob) takes only what each rule
// accepts. Stored in the hub since 1.0:
//
//     content := [1, [[kind s, spec o]*]]          kind: a validator plugin's word; spec: for it
#pragma once

#include <string>
#include <vector>

#include "sdk/base/error.hpp"
#include "sdk/base/types.hpp"

namespace belfry::protocol {

inline constexpr BytesView policy_prefix = "policy/";
inline constexpr size_t policy_rules_max = 16;

struct PolicyRule {
    std::string kind;
    Bytes spec;
    friend bool operator==(const PolicyRule&, const PolicyRule&) = default;
};

struct Policy {
    Bytes pattern;
    std::vector<PolicyRule> rules;
    friend bool operator==(const Policy&, const Policy&) = default;
};

inline Bytes policy_name(BytesView pattern) { return Bytes(policy_prefix) + Bytes(pattern); }
Bytes encode_policy(const Policy& policy);
// Any octets; `invalid_argument` for what is no policy. REQUIRES: `name` begins with policy_prefix.
Result<Policy> decode_policy(BytesView name, BytesView content);

}  // namespace belfry::protocol

#include "sdk/protocol/policy.hpp"

#include "sdk/protocol/reader.hpp"
#include "sdk/protocol/writer.hpp"

namespace belfry::protocol {

namespace {

constexpr uint64_t format = 1;

}  // namespace

Bytes encode_policy(const Policy& policy) {
    Bytes content;
    Writer writer(content);
    writer.array(2);
    writer.number(format);
    writer.array(policy.rules.size());
    for (const PolicyRule& rule : policy.rules) {
        writer.array(2);
        writer.text(rule.kind);
        writer.bytes(rule.spec);
    }
    return content;
}

Result<Policy> decode_policy(BytesView name, BytesView content) {
    Policy policy;
    policy.pattern = name.substr(policy_prefix.size());
    TokenBuffer tokens;
    if (Status status = tokenize(content, tokens.get()); !status) {
        return Error{Code::invalid_argument, "policy: " + status.error().detail};
    }
    Reader reader(tokens.get(), Code::invalid_argument);
    reader.array("policy", 2, 2);
    if (reader.number("format") != format) {
        reader.fail_with(Code::incompatible, "a policy of another format than " + std::to_string(format));
    }
    const size_t rules = reader.array("rules", 1, policy_rules_max);
    for (size_t i = 0; i < rules && reader.ok(); ++i) {
        reader.enter("rule", i);
        reader.array("rule", 2, 2);
        PolicyRule rule;
        rule.kind = reader.bytes("kind");
        rule.spec = reader.bytes("spec");
        policy.rules.push_back(std::move(rule));
    }
    if (!reader.ok()) return reader.error();
    if (policy.pattern.empty()) return Error{Code::invalid_argument, "a policy without a pattern of keys"};
    return policy;
}

}  // namespace belfry::protocol

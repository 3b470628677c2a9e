#include "hub/core/policies.hpp"

#include <algorithm>

#include "sdk/protocol/quota.hpp"
#include "sdk/protocol/sequence.hpp"

namespace belfry::hub::core {

namespace {

// Keys that one write may erase where policies are about some of them: each is looked at.
constexpr uint64_t erased_keys_max = 1024;
constexpr uint64_t questions_max = 4096;
// Keys that are looked at for all deletes of one write and all policies together, matching or not: some 10 ms.
constexpr uint64_t looked_at_max = 65536;
// Of values that one write's rules are shown: many times the largest request, and little against what a member holds.
constexpr size_t value_bytes_max = 64 * 1024 * 1024;

// Of keys; begin empty: they have none in common.
KeyRange common_range(const KeyRange& one, const KeyRange& other) {
    if (one.is_one()) return other.contains(one.begin) ? one : KeyRange();
    if (other.is_one()) return one.contains(other.begin) ? other : KeyRange();
    KeyRange both{std::max(one.begin, other.begin), one.end};
    if (one.is_open() || (!other.is_open() && other.end < one.end)) both.end = other.end;
    return both.is_open() || both.begin < both.end ? both : KeyRange();
}

Error refusal(const Error& why, const Bytes& key, const Bytes& pattern, const std::string& kind) {
    return {why.code, "'" + key + "': policy '" + pattern + "' (" + kind + "): " + why.detail};
}

}  // namespace

Result<std::shared_ptr<const ValueRule>> no_rules(const protocol::PolicyRule& rule) {
    return Error{Code::unsupported, "there is no validator '" + rule.kind + "' here; load its plugin on every member"};
}

struct Policies::Questions {
    model::Keyspace& keyspace;
    WriteCheck check = {};
    uint64_t looked_at = 0;

    Status add(const Bytes& pattern, const Compiled& policy, BytesView key, const SharedValue& old_value,
               const SharedValue& value) {
        if (policy.error.code != Code::ok) {
            return Error{Code::unsupported, "policy '" + pattern +
                                                "' cannot be checked by the leader, so nothing that it " +
                                                "may be about is written: " + policy.error.detail};
        }
        if (check.all.size() + policy.rules.size() > questions_max) {
            return Error{Code::too_large, "more than " + std::to_string(questions_max) +
                                              " checks by policies for one write: do it in several steps"};
        }
        for (const auto& [kind, rule] : policy.rules) {
            check.all.push_back({pattern, kind, rule, Bytes(key), old_value, value});
        }
        return {};
    }
    Status look_at(uint64_t keys) {
        looked_at += keys;
        if (looked_at <= looked_at_max) return {};
        return Error{Code::too_large, "more than " + std::to_string(looked_at_max) +
                                          " keys that policies may be about in one write: erase them in several steps"};
    }
    Status show(size_t bytes) {
        check.value_bytes += bytes;
        if (check.value_bytes <= value_bytes_max) return {};
        return Error{Code::too_large, "policies would look at more than " + std::to_string(value_bytes_max >> 20) +
                                          " MiB of values for one write: do it in several steps"};
    }
};

Status RuleQuestion::ask() const {
    const Status accepted = rule->check(key, *old_value, *value);
    return accepted ? Status() : Status(refusal(accepted.error(), key, pattern, kind));
}

// ---- the records ----

Status Policies::check_record(const protocol::RecordChangeRequest& request) const {
    if (!request.name.starts_with(protocol::policy_prefix)) {
        return Error{Code::invalid_argument, "'" + request.name +
                                                 "' is no record that this hub knows; a policy's name "
                                                 "begins with 'policy/'"};
    }
    if (request.remove) return {};
    const Compiled compiled = compile({request.name, request.content, 1, 0, {}});
    return compiled.error.code == Code::ok ? Status() : Status(compiled.error);
}

Policies::Compiled Policies::compile(const protocol::Record& record) const {
    Compiled compiled;
    compiled.content = record.content;
    const auto policy = protocol::decode_policy(record.name, record.content);
    if (!policy) return compiled.error = policy.error(), compiled;
    auto keys = Glob::parse(policy->pattern);
    if (!keys) return compiled.error = keys.error(), compiled;
    if (!keys->literal_prefix().empty()) compiled.range = KeyRange::prefix(keys->literal_prefix());
    compiled.keys = *std::move(keys);
    if (auto quota = protocol::quota_of(record.name, record.content); !quota)
        return compiled.error = quota.error(), compiled;
    for (const protocol::PolicyRule& rule : policy->rules) {
        if (rule.kind == protocol::quota_kind) continue;  // the key space keeps it
        auto made = compile_(rule);
        if (!made) return compiled.error = made.error(), compiled;
        compiled.rules.emplace_back(rule.kind, *std::move(made));
    }
    return compiled;
}

std::vector<std::pair<Bytes, std::string>> Policies::failing() const {
    std::vector<std::pair<Bytes, std::string>> all;
    for (const auto& [pattern, policy] : policies_) {
        if (policy.error.code != Code::ok) all.emplace_back(pattern, policy.error.detail);
    }
    return all;
}

void Policies::set(const std::vector<protocol::Record>& records) {
    std::map<Bytes, Compiled> all;
    for (const protocol::Record& record : records) {
        const Bytes pattern = record.name.substr(protocol::policy_prefix.size());
        const auto known = policies_.find(pattern);
        const bool same = known != policies_.end() && known->second.content == record.content;
        all.emplace(pattern, same ? std::move(known->second) : compile(record));
    }
    policies_ = std::move(all);
}

// ---- a write ----

Result<WriteCheck> Policies::questions(const protocol::RequestOp& op, model::Keyspace& keyspace) const {
    Questions questions{keyspace};
    if (policies_.empty()) return std::move(questions.check);
    Status asked;
    if (const auto* put = std::get_if<protocol::PutRequest>(&op)) asked = about_put(*put, questions);
    if (const auto* erase = std::get_if<protocol::DeleteRequest>(&op)) asked = about_erase(*erase, questions);
    if (const auto* txn = std::get_if<protocol::TxnRequest>(&op)) asked = about_txn(*txn, questions);
    if (!asked) return asked.error();
    return std::move(questions.check);
}

// The key of a sequential put is not known yet: that it ends with a number is. Values are read and copied once, for the
// first policy that matches.
Status Policies::about_put(const protocol::PutRequest& put, Questions& questions) const {
    const Bytes key = put.sequential ? protocol::sequential_key(put.key, {}, 0) : put.key;
    SharedValue before, now;
    for (const auto& [pattern, policy] : policies_) {
        if (policy.asks_nothing() || (policy.keys && !policy.keys->matches(key))) continue;
        if (!before) {
            protocol::RangeRequest one;
            one.range = KeyRange::one(key);
            auto found = questions.keyspace.range(one);
            if (!found) return found.error();
            auto old_value = found->kvs.empty() ? std::optional<Bytes>() : std::optional(std::move(found->kvs[0].value));
            const size_t bytes = put.value.size() + (old_value ? old_value->size() : 0);
            if (Status shown = questions.show(bytes); !shown) return shown;
            before = std::make_shared<const std::optional<Bytes>>(std::move(old_value));
            now = std::make_shared<const std::optional<Bytes>>(put.value);
        }
        if (Status added = questions.add(pattern, policy, key, before, now); !added) return added;
    }
    return {};
}

Status Policies::about_erase(const protocol::DeleteRequest& erase, Questions& questions) const {
    const SharedValue none = std::make_shared<const std::optional<Bytes>>();
    for (const auto& [pattern, policy] : policies_) {
        if (policy.asks_nothing()) continue;
        protocol::RangeRequest both;
        both.range = common_range(erase.range, policy.range);
        both.keys_only = true;
        both.limit = erased_keys_max + 1;
        if (both.range.begin.empty()) continue;
        const auto found = questions.keyspace.range(both);
        if (!found) return found.error();
        if (found->kvs.size() > erased_keys_max) {
            return Error{Code::too_large, "more than " + std::to_string(erased_keys_max) + " keys at once that policy '" +
                                              pattern + "' may be about: erase them in several steps"};
        }
        if (Status looked = questions.look_at(1 + found->kvs.size()); !looked) return looked;
        for (const KeyValue& kv : found->kvs) {
            if (policy.keys && !policy.keys->matches(kv.key)) continue;
            if (Status added = questions.add(pattern, policy, kv.key, none, none); !added) return added;
        }
    }
    return {};
}

Status Policies::about_txn(const protocol::TxnRequest& txn, Questions& questions) const {
    for (const auto* ops : {&txn.then_ops, &txn.else_ops}) {
        for (const protocol::TxnOp& item : *ops) {
            Status asked;
            if (const auto* put = std::get_if<protocol::PutRequest>(&item.op)) asked = about_put(*put, questions);
            if (const auto* erase = std::get_if<protocol::DeleteRequest>(&item.op)) asked = about_erase(*erase, questions);
            if (const auto* inner = std::get_if<protocol::TxnRequest>(&item.op)) asked = about_txn(*inner, questions);
            if (!asked) return asked;
        }
    }
    return {};
}

}  // namespace belfry::hub::core

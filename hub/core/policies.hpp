// Which values keys may take: the replicated policies, compiled, and what they ask about a write before it enters the log.
// Every member compiles them, the leader asks; what comes out of it never decides inside apply().
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "hub/model/keyspace.hpp"
#include "sdk/base/match.hpp"
#include "sdk/protocol/policy.hpp"

namespace belfry::hub::core {

// One compiled rule of a policy. May be asked from several threads at once.
class ValueRule {
public:
    virtual ~ValueRule() = default;
    // True: check() may take long, so never on the core's thread.
    virtual bool may_block() const = 0;
    // `value` none: the key is to be erased; then `old_value` is not given. `invalid_argument` with the reason, and where
    // in the value.
    virtual Status check(BytesView key, const std::optional<Bytes>& old_value, const std::optional<Bytes>& value) const = 0;
};
// A rule of this kind; `unsupported` if no such plugin is loaded, `invalid_argument` for what it does not understand.
using CompileRule = std::function<Result<std::shared_ptr<const ValueRule>>(const protocol::PolicyRule&)>;

Result<std::shared_ptr<const ValueRule>> no_rules(const protocol::PolicyRule& rule);  // none is loaded

// Shown to all rules that are asked about one key; none = there is none.
using SharedValue = std::shared_ptr<const std::optional<Bytes>>;

// One thing to ask before a write is proposed.
struct RuleQuestion {
    Bytes pattern;
    std::string kind;
    std::shared_ptr<const ValueRule> rule;
    Bytes key;
    SharedValue old_value;
    SharedValue value;

    // The refusal names key, policy and reason.
    Status ask() const;
};

struct WriteCheck {
    std::vector<RuleQuestion> all;
    size_t value_bytes = 0;  // of the values that they show
};

class Policies {
public:
    explicit Policies(CompileRule compile) : compile_(std::move(compile)) {}

    // Before the log: only what this member understands is taken.
    Status check_record(const protocol::RecordChangeRequest& request) const;
    // All that there are; what did not change stays compiled. One that does not compile here (another member had the
    // plugin) refuses every write that it is about.
    void set(const std::vector<protocol::Record>& records);
    size_t count() const { return policies_.size(); }
    // Patterns of those that do not compile here, and why.
    std::vector<std::pair<Bytes, std::string>> failing() const;

    // What must be asked about this write, in whatever branch of a transaction. `too_large`: it erases too many keys that
    // policies may be about, or there would be too much to ask or to show; `unsupported`: a policy that does not compile
    // here is about it.
    Result<WriteCheck> questions(const protocol::RequestOp& op, model::Keyspace& keyspace) const;

private:
    struct Compiled {
        Bytes content;  // of its record
        std::optional<Glob> keys;
        KeyRange range = KeyRange::all();                                              // every key that can match
        std::vector<std::pair<std::string, std::shared_ptr<const ValueRule>>> rules;   // with their kinds
        Error error;                                                                   // why it cannot be asked here
        bool asks_nothing() const { return rules.empty() && error.code == Code::ok; }  // it is a quota alone
    };
    struct Questions;
    Compiled compile(const protocol::Record& record) const;
    Status about_put(const protocol::PutRequest& put, Questions& questions) const;
    Status about_erase(const protocol::DeleteRequest& erase, Questions& questions) const;
    Status about_txn(const protocol::TxnRequest& txn, Questions& questions) const;

    const CompileRule compile_;
    std::map<Bytes, Compiled> policies_;  // by pattern
};

}  // namespace belfry::hub::core

// The validators of plugins as the core's rules.
#pragma once

#include "hub/core/policies.hpp"
#include "hub/plugin/validator.hpp"

namespace belfry::hub::shell {

class ValidatorRule : public core::ValueRule {
public:
    explicit ValidatorRule(std::shared_ptr<const plugin::Validator> validator) : validator_(std::move(validator)) {}
    bool may_block() const override { return validator_->may_block(); }
    Status check(BytesView key, const std::optional<Bytes>& old_value, const std::optional<Bytes>& value) const override {
        return validator_->check(key, old_value, value);
    }

private:
    const std::shared_ptr<const plugin::Validator> validator_;
};

// `validators` outlives what it gives.
inline core::CompileRule rules_of(const plugin::Validators& validators) {
    return [&validators](const protocol::PolicyRule& rule) -> Result<std::shared_ptr<const core::ValueRule>> {
        auto validator = validators.compile(rule.kind, rule.spec);
        if (!validator) return validator.error();
        return std::shared_ptr<const core::ValueRule>(std::make_shared<ValidatorRule>(*std::move(validator)));
    };
}

}  // namespace belfry::hub::shell

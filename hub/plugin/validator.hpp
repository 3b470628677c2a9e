// The host's side of the validator seam: compiled validators and the set of kinds this hub has.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "hub/plugin/kinds.hpp"
#include "sdk/base/error.hpp"
#include "sdk/base/types.hpp"
#include "sdk/plugin/plugin.hpp"
#include "sdk/plugin/validator.h"

namespace belfry::hub::plugin {

class Validator {
public:
    ~Validator();
    Validator(const Validator&) = delete;
    Validator& operator=(const Validator&) = delete;

    bool may_block() const { return may_block_; }
    // Any thread. `value` none: the key is to be erased. `invalid_argument`: refused; another code: it could not tell.
    Status check(BytesView key, const std::optional<Bytes>& old_value, const std::optional<Bytes>& value) const;

private:
    friend class Validators;
    Validator(const belfry_validator_v1& table, belfry_validator* validator);
    const belfry_validator_v1& table_;
    belfry_validator* validator_;
    bool may_block_;
};

// The kinds, by the words users write.
class Validators {
public:
    // `table` is static. Refuses a kind that is there already, and settings that the plugin does not take. Before
    // compile().
    Status add(const belfry_validator_v1& table, const belfry_host_v1* host = nullptr,
               const belfry::plugin::Settings& settings = {});
    // Unknown kind: `unsupported`, naming those there are. A refused spec: `invalid_argument` with the validator's
    // sentence.
    Result<std::shared_ptr<const Validator>> compile(const std::string& kind, BytesView spec) const;

private:
    Kinds<belfry_validator_v1> kinds_{"validator"};
};

}  // namespace belfry::hub::plugin

// The conformance suite of validators: what every validator must do, checked through its C table alone.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sdk/plugin/validator.h"
#include "sdk/testing/report.hpp"

namespace belfry::testing {

struct ValidatorSuite {
    const belfry_validator_v1* table = nullptr;
    uint64_t seed = 1;
    std::vector<std::string> specs;  // specs the validator must take; the suite tries many more by itself
};

Report check_validator(const ValidatorSuite& suite);

}  // namespace belfry::testing

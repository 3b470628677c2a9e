// The conformance suite of filters: what every filter must do, checked through its C table alone.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sdk/plugin/filter.h"
#include "sdk/testing/report.hpp"

namespace belfry::testing {

struct FilterSuite {
    const belfry_filter_v1* table = nullptr;
    uint64_t seed = 1;
    std::vector<std::string> specs;  // specs the filter must take; the suite tries many more by itself
};

Report check_filter(const FilterSuite& suite);

}  // namespace belfry::testing

// validate_rules: the first octet says how long the spec is, the rest is a value. Any spec is refused or gives an answer.
#include <algorithm>

#include "plugins/validate_rules/rules.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace belfry;
    if (size == 0) return 0;
    const BytesView bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
    const size_t spec_bytes = std::min<size_t>(data[0], bytes.size());
    const auto rules = validate_rules::Rules::compile(bytes.substr(0, spec_bytes));
    if (!rules) return 0;
    const BytesView value = bytes.substr(spec_bytes);
    (void)(*rules)->check({"k", std::nullopt, value}).ok();
    (void)(*rules)->check({"k", value, std::nullopt}).ok();
    return 0;
}

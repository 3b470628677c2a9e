// The first octet says how long the pattern is, the rest is the key.
#include <algorithm>

#include "sdk/base/match.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace belfry;
    if (size == 0) return 0;
    const BytesView bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
    const size_t pattern_bytes = std::min<size_t>(data[0], bytes.size());
    const auto glob = Glob::parse(bytes.substr(0, pattern_bytes));
    if (glob) (void)glob->matches(bytes.substr(pattern_bytes));
    return 0;
}

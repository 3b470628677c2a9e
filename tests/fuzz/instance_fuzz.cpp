// An instance of a service, as anybody may have put it. What is taken can be written, and is then read as the same.
#include <cstdlib>

#include "sdk/discovery/instance.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace belfry;
    const BytesView bytes(reinterpret_cast<const char*>(data), size);
    const auto instance = decode_instance("services/web/1", bytes);
    if (!instance) return 0;
    const auto value = encode_instance(*instance);
    if (!value || decode_instance("services/web/1", *value).value() != *instance) std::abort();
    return 0;
}

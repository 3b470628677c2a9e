// What a record of a policy may hold: any octets are a policy, and a quota, or refused; what was understood comes back.
#include <cstdlib>

#include "sdk/protocol/policy.hpp"
#include "sdk/protocol/quota.hpp"

using namespace belfry;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const BytesView octets(reinterpret_cast<const char*>(data), size);
    if (const auto policy = protocol::decode_policy("policy/a", octets)) {
        const auto again = protocol::decode_policy("policy/a", protocol::encode_policy(*policy));
        if (!again || !(*again == *policy)) std::abort();
    }
    (void)protocol::quota_of("policy/a", octets).ok();
    if (const auto quota = protocol::decode_quota(octets)) {
        const auto again = protocol::decode_quota(protocol::encode_quota(*quota));
        if (!again || !(*again == *quota)) std::abort();
    }
    return 0;
}

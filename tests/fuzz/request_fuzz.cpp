// Any octets: no crash, and what is accepted can be written and read again.
#include <cstdlib>

#include "sdk/protocol/codec.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const belfry::BytesView frame(reinterpret_cast<const char*>(data), size);
    (void)belfry::protocol::salvage_request_ids(frame);
    const auto requests = belfry::protocol::decode_requests(frame);
    if (!requests.ok()) return 0;
    for (const auto& request : *requests) (void)belfry::protocol::validate(request);
    const auto again = belfry::protocol::decode_requests(belfry::protocol::encode_requests(*requests));
    if (!again.ok() && again.error().code != belfry::Code::too_large) std::abort();
    return 0;
}

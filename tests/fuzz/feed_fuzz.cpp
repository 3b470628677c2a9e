// Any octets: no crash, and what is accepted can be written and read again.
#include <cstdlib>

#include "sdk/protocol/codec.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const belfry::BytesView frame(reinterpret_cast<const char*>(data), size);
    const auto feed = belfry::protocol::decode_feed(frame);
    if (feed.ok() && !belfry::protocol::decode_feed(belfry::protocol::encode_feed(*feed)).ok()) std::abort();
    const auto mark = belfry::protocol::decode_mark(frame);
    if (mark.ok() && !belfry::protocol::decode_mark(belfry::protocol::encode_mark(*mark)).ok()) std::abort();
    (void)belfry::protocol::decode_join(frame);
    return 0;
}

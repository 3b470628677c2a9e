// Any octets: no crash, and what is accepted can be written and read again.
#include <cstdlib>

#include "sdk/protocol/codec.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const auto replies = belfry::protocol::decode_replies({reinterpret_cast<const char*>(data), size});
    if (replies.ok() && !belfry::protocol::decode_replies(belfry::protocol::encode_replies(*replies)).ok()) std::abort();
    return 0;
}

// Any octets as a segment: parsing ends, and nothing is read outside of them.
#include "plugins/log_wal/segment.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace belfry;
    const BytesView bytes(reinterpret_cast<const char*>(data), size);
    (void)log_wal::parse_header(bytes);
    for (uint64_t at = 0; at < size;) {
        const auto record = log_wal::parse_record(bytes.substr(at), 0);
        if (!record) break;
        at += record->bytes;
    }
    (void)log_wal::synced_past(bytes, 0, 0);
    return 0;
}

// Records of the key space: any octets are read to an end or refused; what was understood spells itself again.
#include <cstdlib>

#include "hub/model/records.hpp"
#include "hub/model/session_record.hpp"

using namespace belfry::hub::model;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const belfry::BytesView octets(reinterpret_cast<const char*>(data), size);
    ChangeReader reader(octets, belfry::Revision{1u << 20});
    belfry::Bytes again;
    encode_change_header(reader.header(), again);
    for (ChangeEvent event; reader.next(event);) encode_change_event(event, again);
    if (reader.status() && again != octets) std::abort();
    if (const auto session = decode_session(octets)) {
        again.clear();
        encode_session(*session, again);
        if (again != octets) std::abort();
    }
    (void)decode_current(octets).ok();
    (void)decode_meta(octets).ok();
    (void)decode_deleted(octets).ok();
    (void)revision_of(octets);
    return 0;
}

// Log entries: any octets are refused or spell themselves again.
#include <cstdlib>

#include "hub/log/entry.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const belfry::BytesView octets(reinterpret_cast<const char*>(data), size);
    const auto entry = belfry::hub::log::decode_entry(octets);
    if (!entry) return 0;
    belfry::hub::log::EntryBuilder builder;
    for (const auto& command : entry->commands) builder.add(command);
    if (builder.take(entry->time_ms) != octets) std::abort();
    return 0;
}

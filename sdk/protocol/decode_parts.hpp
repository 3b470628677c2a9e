// What requests, replies and feed messages have in common. Private to sdk/protocol.
#pragma once

#include "sdk/protocol/messages.hpp"
#include "sdk/protocol/reader.hpp"

namespace belfry::protocol {

// Elements that a list may set aside memory for before they are read.
inline constexpr size_t reserved_max = 64;
inline constexpr size_t reserved_pairs_max = 1024;  // a page of a range

KeyValue read_key_value(Reader& reader);
std::vector<KeyValue> read_key_values(Reader& reader, const char* what);
ChangeSet read_change_set(Reader& reader);
std::vector<ChangeSet> read_change_sets(Reader& reader);
Labels read_labels(Reader& reader, size_t least, size_t most);

inline Revision read_revision(Reader& reader, const char* what) { return {reader.number(what)}; }

// False, with a refusal that names both, for another version.
bool read_version(Reader& reader);

}  // namespace belfry::protocol

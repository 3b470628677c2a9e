// What a value is: a word that travels with it and that readers go by; the hub keeps it and does not look into the value.
// 1 to 64 octets of visible ASCII, blanks allowed inside. The short words "text", "json", "toml" and "yaml" are those that
// Belfry's own readers know (sdk/values); everything else is the writers' and readers' own, best a media type
// ("image/png"). A key without one costs nothing, one with a short word six octets.
#pragma once

#include "sdk/base/error.hpp"
#include "sdk/base/types.hpp"

namespace belfry {

// Empty (not said) or what is described above; `invalid_argument` or `too_large` otherwise.
Status check_content_type(BytesView content_type);
// The short word for another spelling of it ("application/json; charset=utf-8", "yml"), otherwise the same again.
Bytes canonical_content_type(BytesView content_type);
// By the ending of a file's name: "json", "toml" or "yaml", and nothing for every other one.
BytesView content_type_of_path(BytesView path);

}  // namespace belfry

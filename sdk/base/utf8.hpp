// UTF-8 as RFC 3629 has it: overlong forms, surrogates and what lies past U+10FFFF are not valid.
#pragma once

#include <cstddef>

#include "sdk/base/types.hpp"

namespace belfry {

// Length of the valid sequence at the start of `bytes`, 0 if there is none.
size_t utf8_length(BytesView bytes);
bool is_utf8(BytesView bytes);

// For a sentence that may reach a terminal: the first character, and how many octets it takes. "?" stands for an octet that
// is no UTF-8 and for a control character. REQUIRES: some octet.
struct PlainCharacter {
    BytesView text;
    size_t octets;
};
PlainCharacter plain_character(BytesView bytes);

}  // namespace belfry

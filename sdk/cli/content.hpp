// What a value given to a command is.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "sdk/base/error.hpp"
#include "sdk/base/types.hpp"

namespace belfry::cli {

// The content type for a word of a user ("yml", "application/json"; "none" = none). If it is a document's, the value must
// be such a document: the error says where it is not.
Result<Bytes> stated_content_type(std::string_view word, BytesView value);

// By the ending of a file's name, if the value is what it says; else none, and `why_not` says where it is not.
struct GuessedType {
    Bytes content_type;
    std::string why_not;
};
GuessedType guessed_content_type(std::string_view path, BytesView value);

}  // namespace belfry::cli

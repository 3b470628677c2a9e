// A VALUE on the command line: the text itself, '-' for standard input, '@file' for a file's octets. Secrets belong in the
// last two: a command line is visible to every user of the machine.
#pragma once

#include <istream>
#include <string>

#include "sdk/base/error.hpp"
#include "sdk/base/types.hpp"

namespace belfry::cli {

// At most `bytes_max` octets, exactly as they are (no line break is cut). `literal`: the word itself, whatever it begins
// with.
Result<Bytes> read_value(const std::string& word, bool literal, std::istream& in, size_t bytes_max);
// A whole file; `too_large`, `not_found` or `io` with its name.
Result<Bytes> read_file(const std::string& path, size_t bytes_max);
Result<Bytes> read_stream(std::istream& in, size_t bytes_max, const std::string& name);

}  // namespace belfry::cli

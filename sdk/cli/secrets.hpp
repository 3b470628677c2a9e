// Passwords and tokens on their way between files, the terminal and the program: never through a command line, where every
// user of the machine sees them, and never through a file that others may read.
#pragma once

#include <string>

#include "sdk/base/error.hpp"

namespace belfry::cli {

// Without the line's end. `denied`: others may read the file; the sentence says what to type.
Result<std::string> read_secret_file(const std::string& path);
// Readable by its owner alone from the first octet on. `conflict`: there is such a file, and `replace` is false.
Status write_secret_file(const std::string& path, const std::string& text, bool replace);
// From the terminal of this process, without echo; `invalid_argument` if it has none.
Result<std::string> ask_secret(const std::string& prompt);

}  // namespace belfry::cli

// SHA-256 of a file, as sha256sum(1) shows it: what settings pin a plugin by.
#pragma once

#include <string>

#include "sdk/base/error.hpp"

namespace belfry::hub::plugin {

// 64 lower case hexadecimal digits. Reads the file once, a part at a time.
Result<std::string> file_digest(const std::string& path);

}  // namespace belfry::hub::plugin

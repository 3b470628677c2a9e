// `belfry plugin check`: loads any plugin, checks its descriptor and runs the suites that fit its interfaces.
#pragma once

#include <string>
#include <vector>

#include "sdk/testing/report.hpp"

namespace belfry::testing {

// `path` names a shared library. `about` (may be NULL) gets what the descriptor says, for people. Works in a folder of its
// own under the system's temporary directory and removes it. A kind without a suite is a passed check that says so.
// `specs`: what the plugin's filters and validators must take; the suites try random ones as well, which a language of its
// own may refuse all.
Report check_plugin(const std::string& path, std::string* about = nullptr, const std::vector<std::string>& specs = {});

}  // namespace belfry::testing

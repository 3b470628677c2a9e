// The audit log: lines of the log that begin with "audit" (docs/auth.md). Refusals are bounded in number, so that whoever
// is refused cannot fill the disk; logins and what administrators do are all told. Core thread.
#pragma once

#include <cstdint>
#include <vector>

#include "hub/core/core.hpp"
#include "hub/shell/logger.hpp"

namespace belfry::hub::shell {

class Auditor {
public:
    // `logger` outlives it.
    explicit Auditor(Logger& logger) : logger_(logger) {}
    void tell(const std::vector<core::Audit>& lines, uint64_t now_ms);

private:
    void tell(const core::Audit& line);
    bool may_tell_refusal(uint64_t now_ms);
    Logger& logger_;
    uint64_t second_ = 0;
    uint64_t told_ = 0;    // in this second
    uint64_t untold_ = 0;  // since a line said how many
};

}  // namespace belfry::hub::shell

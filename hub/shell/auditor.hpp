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
    // Of one kind of lines that strangers can cause.
    struct Bound {
        uint64_t second = 0;
        uint64_t told = 0;    // in this second
        uint64_t untold = 0;  // since a line said how many
    };
    void tell(const core::Audit& line);
    bool may_tell(Bound& bound, core::Audit::Event event, uint64_t now_ms);
    Logger& logger_;
    Bound refusals_;
    Bound logins_;
};

}  // namespace belfry::hub::shell

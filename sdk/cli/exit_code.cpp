#include "sdk/cli/exit_code.hpp"

namespace belfry::cli {

Exit exit_of(Code code) {
    switch (code) {
        case Code::ok: return Exit::ok;
        case Code::not_found:
        case Code::conflict: return Exit::negative;
        case Code::not_leader:
        case Code::unavailable:
        case Code::busy:
        case Code::timeout: return Exit::unavailable;
        case Code::uncertain: return Exit::uncertain;
        case Code::invalid_argument:
        case Code::too_large:
        case Code::denied:
        case Code::unauthenticated:
        case Code::unsupported: return Exit::refused;
        case Code::compacted: return Exit::compacted;
        case Code::corrupt:
        case Code::io:
        case Code::incompatible:
        case Code::no_space: return Exit::other;
    }
    return Exit::other;
}

}  // namespace belfry::cli

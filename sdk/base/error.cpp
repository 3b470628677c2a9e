#include "sdk/base/error.hpp"

namespace belfry {

std::string_view to_string(Code code) {
    switch (code) {
        case Code::ok: return "ok";
        case Code::invalid_argument: return "invalid_argument";
        case Code::not_found: return "not_found";
        case Code::conflict: return "conflict";
        case Code::not_leader: return "not_leader";
        case Code::unavailable: return "unavailable";
        case Code::uncertain: return "uncertain";
        case Code::busy: return "busy";
        case Code::too_large: return "too_large";
        case Code::compacted: return "compacted";
        case Code::denied: return "denied";
        case Code::corrupt: return "corrupt";
        case Code::io: return "io";
        case Code::unsupported: return "unsupported";
        case Code::incompatible: return "incompatible";
        case Code::no_space: return "no_space";
        case Code::timeout: return "timeout";
        case Code::unauthenticated: return "unauthenticated";
    }
    return "unknown";
}

std::string to_string(const Error& error) { return std::string(to_string(error.code)) + ": " + error.detail; }

}  // namespace belfry

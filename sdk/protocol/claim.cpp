#include "sdk/protocol/claim.hpp"

#include <charconv>
#include <string>

namespace belfry::protocol {

Bytes encode_claim(const ClaimMark& mark) {
    return std::to_string(mark.lease.value) + " " + std::to_string(mark.grant) + " " + std::to_string(mark.claimant) + " " +
           std::to_string(mark.attempts);
}

std::optional<ClaimMark> decode_claim(BytesView value) {
    ClaimMark mark;
    const char* at = value.data();
    const char* const end = at + value.size();
    for (uint64_t* number : {&mark.lease.value, &mark.grant, &mark.claimant, &mark.attempts}) {
        if (number != &mark.lease.value && (at == end || *at++ != ' ')) return {};
        const auto [after, error] = std::from_chars(at, end, *number);
        if (error != std::errc()) return {};
        at = after;
    }
    return at == end ? std::optional(mark) : std::nullopt;
}

}  // namespace belfry::protocol

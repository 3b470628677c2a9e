// Asserts that stay on in release: our own bugs stop the node at once, with the place and the condition.
#pragma once

namespace belfry::hub {

[[noreturn]] void assert_failed(const char* condition, const char* file, int line);

}  // namespace belfry::hub

#define BELFRY_ASSERT(condition) \
    (static_cast<bool>(condition) ? void(0) : ::belfry::hub::assert_failed(#condition, __FILE__, __LINE__))

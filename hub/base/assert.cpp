#include "hub/base/assert.hpp"

#include <cstdio>
#include <cstdlib>

namespace belfry::hub {

void assert_failed(const char* condition, const char* file, int line) {
    std::fprintf(stderr, "belfry: bug: %s is not true at %s:%d; stopping before it does harm\n", condition, file, line);
    std::abort();
}

}  // namespace belfry::hub

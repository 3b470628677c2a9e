// The same promises as a C++ compiler sees them.
#include "tests/conformance/abi/layout.c"

// validate_schema: any spec is refused, or made into a validator; within the fuzzer's time and stack.
#include "plugins/validate_schema/schema.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const belfry::BytesView spec(reinterpret_cast<const char*>(data), size);
    (void)belfry::validate_schema::Schema::compile(spec).ok();
    return 0;
}

/* A filter of one octet anywhere in the key, built as it would have been with OLD_MINOR. */
#include "tests/conformance/abi/old_plugin.h"

#include <stdlib.h>
#include <string.h>

struct old_filter {
    char octet;
};

static old_status compile(old_bytes spec, old_filter** filter, old_error* error) {
    if (spec.size != 1) {
        strcpy(error->message, "octet: one octet is needed");
        return old_invalid_argument;
    }
    *filter = malloc(sizeof **filter);
    (*filter)->octet = *(const char*)spec.data;
    return old_ok;
}

static void canonical(const old_filter* filter, old_bytes* spec) { *spec = (old_bytes){&filter->octet, 1}; }

static void range(const old_filter* filter, old_bytes* begin, old_bytes* end) {
    (void)filter;
    *begin = *end = (old_bytes){NULL, 0};
}

static int32_t matches(const old_filter* filter, old_bytes key, old_bytes value) {
    (void)value;
    return key.size > 0 && memchr(key.data, filter->octet, key.size) != NULL;
}

static void close_filter(old_filter* filter) { free(filter); }

#if OLD_MINOR >= 1
static int32_t reads_value(const old_filter* filter) {
    (void)filter;
    return 0;
}
#endif

static const old_filter_table table = {
    .struct_size = sizeof table,
    .kind = "octet",
    .compile = compile,
    .canonical = canonical,
    .range = range,
    .matches = matches,
    .close = close_filter,
#if OLD_MINOR >= 1
    .reads_value = reads_value,
#endif
};

static const old_interface interfaces[] = {{.kind = old_kind_filter, .table = &table}};

static const old_descriptor descriptor = {
    .struct_size = sizeof descriptor,
    .abi_major = old_major,
    .abi_minor = OLD_MINOR,
    .name = "filter_octet",
    .version = "1.0.0",
    .summary = "Matches keys that hold an octet.",
    .interfaces = interfaces,
    .interface_count = 1,
};

__attribute__((visibility("default"))) const old_descriptor* belfry_plugin_entry(const void* host, old_error* error);
const old_descriptor* belfry_plugin_entry(const void* host, old_error* error) {
    (void)host;
    (void)error;
    return &descriptor;
}

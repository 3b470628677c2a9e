/* A plugin in C: a filter of keys that have a part of exactly this name, wherever it stands. "size" matches "db/pool/size"
 * and "size/of/it", not "db/sizes". Parts are what stands between slashes. */
#include <stdlib.h>
#include <string.h>

#include "sdk/plugin/filter.h"

enum { spec_bytes_max = 480 }; /* no key is longer */

struct belfry_filter {
    size_t size;
    char word[];
};

static belfry_status fail(belfry_error* error, belfry_status status, const char* sentence) {
    const size_t size = strlen(sentence);
    if (error == NULL) return status;
    memcpy(error->message, sentence, size < sizeof error->message ? size + 1 : sizeof error->message);
    error->message[sizeof error->message - 1] = '\0';
    return status;
}

static belfry_status compile(belfry_bytes spec, belfry_filter** filter, belfry_error* error) {
    if (spec.size == 0) return fail(error, BELFRY_INVALID_ARGUMENT, "word: the spec is empty");
    if (spec.size > spec_bytes_max) return fail(error, BELFRY_TOO_LARGE, "word: longer than any key can be");
    if (memchr(spec.data, '/', spec.size) != NULL)
        return fail(error, BELFRY_INVALID_ARGUMENT, "word: a part of a key holds no '/'");
    belfry_filter* made = malloc(sizeof *made + spec.size);
    if (made == NULL) return fail(error, BELFRY_IO, "out of memory");
    made->size = spec.size;
    memcpy(made->word, spec.data, spec.size);
    *filter = made;
    return BELFRY_OK;
}

static void canonical(const belfry_filter* filter, belfry_bytes* spec) {
    spec->data = filter->word;
    spec->size = filter->size;
}

/* Any key can have such a part. */
static void range(const belfry_filter* filter, belfry_bytes* begin, belfry_bytes* end) {
    (void)filter;
    *begin = (belfry_bytes){NULL, 0};
    *end = (belfry_bytes){NULL, 0};
}

static int32_t matches(const belfry_filter* filter, belfry_bytes key, belfry_bytes value) {
    (void)value;
    const char* at = key.data;
    const char* const end = at + key.size;
    for (;;) {
        const char* slash = at == end ? NULL : memchr(at, '/', (size_t)(end - at));
        const size_t size = (size_t)((slash != NULL ? slash : end) - at);
        if (size == filter->size && memcmp(at, filter->word, size) == 0) return 1;
        if (slash == NULL) return 0;
        at = slash + 1;
    }
}

static void close_filter(belfry_filter* filter) { free(filter); }

static const belfry_filter_v1 table = {
    .struct_size = sizeof table,
    .kind = "word",
    .compile = compile,
    .canonical = canonical,
    .range = range,
    .matches = matches,
    .close = close_filter,
};

static const belfry_interface interfaces[] = {{.kind = BELFRY_KIND_FILTER, .table = &table}};

static const belfry_plugin_descriptor descriptor = {
    .struct_size = sizeof descriptor,
    .abi_major = BELFRY_ABI_MAJOR,
    .abi_minor = BELFRY_ABI_MINOR,
    .name = "filter_words",
    .version = "1.0.0",
    .summary = "Matches keys that have a part of this name.",
    .interfaces = interfaces,
    .interface_count = sizeof interfaces / sizeof interfaces[0],
};

BELFRY_EXPORT const belfry_plugin_descriptor* belfry_plugin_entry(const belfry_host_v1* host, belfry_error* error);

const belfry_plugin_descriptor* belfry_plugin_entry(const belfry_host_v1* host, belfry_error* error) {
    (void)host;
    (void)error;
    return &descriptor;
}

/* The seam of topic filters: which keys a subscriber wants. C11; a promise.
 *
 * A filter must be cheap and bounded: compile refuses (BELFRY_INVALID_ARGUMENT, a sentence) what could be slow to match.
 * Equal filters must have equal canonical forms, so that they share one channel of the feed.
 *
 * Threading: compile and close on the core thread; canonical, range and matches on any thread, overlapping.
 */
#ifndef BELFRY_FILTER_H
#define BELFRY_FILTER_H

#include "sdk/plugin/plugin.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct belfry_filter belfry_filter;

typedef struct belfry_filter_v1 {
    uint32_t struct_size;
    uint32_t reserved;
    const char* kind; /* static; the word users write: "prefix", "glob" */

    belfry_status (*compile)(belfry_bytes spec, belfry_filter** filter, belfry_error* error);
    /* The canonical spec; valid until close. */
    void (*canonical)(const belfry_filter*, belfry_bytes* spec);
    /* Every key that can match lies in [*begin, *end); *end of size 0 = no upper end. Valid until close. */
    void (*range)(const belfry_filter*, belfry_bytes* begin, belfry_bytes* end);
    /* 1 or 0. A filter by key alone ignores value. */
    int32_t (*matches)(const belfry_filter*, belfry_bytes key, belfry_bytes value);
    void (*close)(belfry_filter*);
    /* ---- 1.0 ends here ---- */
} belfry_filter_v1;

#ifdef __cplusplus
}
#endif

#endif

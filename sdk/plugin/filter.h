/* The seam of topic filters: which keys a subscriber wants. C11; a promise.
 *
 * A filter says of a key and its value whether they belong to what the subscriber keeps. The hub makes events of that: a
 * put that matches is given as it is; a put that does not match, over a value that did, and a delete of a value that did,
 * take the key away. So matches must depend on key and value alone, the same on every member and at every time.
 *
 * A filter must be cheap and bounded: compile refuses (BELFRY_INVALID_ARGUMENT, a sentence) what could be slow to match.
 * Equal filters must have equal canonical forms, so that they share one channel of the feed.
 *
 * Threading: compile and close on the core thread; canonical, range, matches and reads_value on any thread, overlapping.
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
    /* 1 or 0. A filter by key alone ignores value; it is then empty in a question about a delete. Must not fail: a value
     * that the filter cannot read does not match. */
    int32_t (*matches)(const belfry_filter*, belfry_bytes key, belfry_bytes value);
    void (*close)(belfry_filter*);
    /* ---- 1.0 ends here ---- */
    /* May be NULL. 0: a filter by key alone, the value changes no answer; the hub then keeps no replaced values for it.
     * 1: it reads values. NULL: nobody knows; the hub goes by 1, which is always right and costs more. */
    int32_t (*reads_value)(const belfry_filter*);
    /* ---- 1.1 ends here ---- */
} belfry_filter_v1;

#ifdef __cplusplus
}
#endif

#endif

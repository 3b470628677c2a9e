/* The seam of topic filters: which keys a subscriber wants. C11; a promise.
 *
 * A filter says of a key and its value whether they belong to what the subscriber keeps. The hub makes events of that: a
 * put that matches is given as it is; a put that does not match, over a value that did, and a delete of a value that did,
 * take the key away. So matches must depend on key and value alone, the same on every member and at every time.
 *
 * A filter must be cheap and bounded: compile refuses (BELFRY_INVALID_ARGUMENT, a sentence) what could be slow to match.
 * Equal filters must have equal canonical forms, so that they share one channel of the feed.
 *
 * Threading: compile, close, set_make and set_close on the core thread; canonical, range, matches, reads_value and
 * matches_change on any thread, overlapping; set_matches on any one thread at a time, beside those.
 */
#ifndef BELFRY_FILTER_H
#define BELFRY_FILTER_H

#include "sdk/plugin/plugin.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct belfry_filter belfry_filter;
typedef struct belfry_filter_set belfry_filter_set;

/* Who made a change set, and what it was marked with. */
typedef struct belfry_change {
    uint32_t struct_size;
    uint32_t reserved;
    belfry_bytes author;
    const belfry_bytes* labels; /* each "word" or "name=value"; in order, each once */
    uint64_t label_count;
} belfry_change;

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
    /* A set answers for many filters of this table at once: what set_matches says of each is what matches says of it, for
     * every key and value. All three slots or none. A set is worth having if a question costs less than asking each filter.
     *
     * set_make: the filters live until the set is closed; each is there once. Any refusal (BELFRY_TOO_LARGE: these would
     * take too much memory or time) means that the host asks them one by one. */
    belfry_status (*set_make)(const belfry_filter* const* filters, uint64_t filter_count, belfry_filter_set** set,
                              belfry_error* error);
    /* Sets bit (i % 64) of bits[i / 64] for each filter i, as given to set_make, that matches; the caller has cleared them.
     * 1, or 0: this question cannot be answered within bounds, the host asks one by one. Whatever the filters, a question
     * must not cost more than asking each of them would. */
    int32_t (*set_matches)(belfry_filter_set*, belfry_bytes key, belfry_bytes value, uint64_t* bits);
    void (*set_close)(belfry_filter_set*);
    /* May be NULL: the kind is one of keys, as all that is said above. Else it is one of changes: a subscriber gets the
     * change sets about which this says 1 (else 0), and of their events those whose keys match, puts and deletes as they
     * are. `change` is borrowed. Such a filter has no state; matches then ignores the value, and reads_value must say 0. */
    int32_t (*matches_change)(const belfry_filter*, const belfry_change* change);
    /* ---- 1.2 ends here ---- */
} belfry_filter_v1;

#ifdef __cplusplus
}
#endif

#endif

/* The seam of validators: which values a key may take. C11; a promise.
 *
 * A policy names validators by kind, each with a spec; the leader asks them before a write enters the log. What they say
 * decides about that write alone, so two members may disagree (another version, a command on one machine) without harm.
 *
 * Threading: configure before everything else; compile and close on the core thread or a thread of the host's, one at a
 * time; check on any thread, overlapping.
 */
#ifndef BELFRY_VALIDATOR_H
#define BELFRY_VALIDATOR_H

#include "sdk/plugin/plugin.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct belfry_validator belfry_validator;

typedef struct belfry_validator_v1 {
    uint32_t struct_size;
    uint32_t reserved;
    const char* kind; /* static; the word users write: "schema", "rules" */

    /* BELFRY_INVALID_ARGUMENT, and where in the spec, for what it does not understand, or what could take for ever. */
    belfry_status (*compile)(belfry_bytes spec, belfry_validator** validator, belfry_error* error);
    /* All borrowed. `old_value` NULL: there was none (or the key is to be erased). `value` NULL: the key is to be erased.
     * BELFRY_OK, or BELFRY_INVALID_ARGUMENT with one sentence for the writer: what is wrong, and where in the value. Any
     * other error refuses the write too: the validator could not tell. */
    belfry_status (*check)(const belfry_validator*, belfry_bytes key, const belfry_bytes* old_value,
                           const belfry_bytes* value, belfry_error* error);
    /* 1: check may take longer than a millisecond for some value; the host then never calls it where others wait. */
    int32_t (*may_block)(const belfry_validator*);
    void (*close)(belfry_validator*);
    /* ---- 1.0 ends here ---- */
    /* May be NULL: it has no settings. Once, at start, before any compile: the operator's settings of this plugin
     * (belfry.toml, [[plugins]] settings), borrowed, perhaps none. BELFRY_INVALID_ARGUMENT with a sentence that names the
     * setting for one that is unknown or wrong; nothing is set then. */
    belfry_status (*configure)(const belfry_host_v1* host, const belfry_setting* settings, uint64_t setting_count,
                               belfry_error* error);
    /* ---- 1.2 ends here ---- */
} belfry_validator_v1;

#ifdef __cplusplus
}
#endif

#endif

/* The seam of log stores: the replicated log, with Raft's term and vote. C11; a promise.
 *
 * A log store holds entries first..last without gaps. What append() took becomes durable with the next successful sync();
 * a crash in between may keep any prefix of it and nothing else. save_vote() is durable when it returns. An error from
 * append, truncate_after, sync or save_vote is final: the host stops and never writes on, so a store need not recover
 * in place. BELFRY_NO_SPACE from append is the one exception: nothing of that append may remain, and the store stays
 * usable.
 *
 * At open: a torn tail (writes that no sync had covered) is cut; damage at or before what a sync had covered is
 * BELFRY_CORRUPT with a sentence that names file and offset.
 *
 * Threading: one call at a time, but not always from the same thread (the log writer's or the core's, with a lock between);
 * calls may block. stats() may overlap.
 */
#ifndef BELFRY_LOG_STORE_H
#define BELFRY_LOG_STORE_H

#include "sdk/plugin/plugin.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct belfry_log_store belfry_log_store;

#define BELFRY_LOG_PAYLOAD_BYTES_MAX (16u * 1024 * 1024)

typedef struct belfry_log_entry {
    uint64_t index;
    uint64_t term;
    uint32_t type;     /* the host's; kept as it is */
    uint32_t reserved; /* 0 */
    belfry_bytes payload;
} belfry_log_entry;

typedef struct belfry_log_state {
    uint32_t struct_size;
    uint32_t reserved;
    uint64_t first_index;    /* of the first entry kept; last_index + 1 when there is none */
    uint64_t last_index;     /* 0 for a new log */
    uint64_t boundary_index; /* the entry just before first_index: its index and term; 0 for a log never compacted */
    uint64_t boundary_term;
    uint64_t term;      /* last saved by save_vote; 0 for a new log */
    uint64_t voted_for; /* likewise; 0 = nobody */
    uint64_t cut_bytes; /* of torn tail removed by this open; 0 = none */
} belfry_log_state;

typedef struct belfry_log_store_stats {
    uint32_t struct_size;
    uint32_t reserved;
    uint64_t bytes_used; /* of disk, preallocated space included */
    uint64_t segment_count;
} belfry_log_store_stats;

/* Sees one entry (borrowed). Returns 0 to go on, anything else to end. */
typedef int32_t (*belfry_log_visitor)(void* context, const belfry_log_entry* entry);

typedef struct belfry_log_store_v1 {
    uint32_t struct_size;
    uint32_t reserved;

    /* Opens or creates the log in `directory` (borrowed; exists, writable, belongs to this log alone). */
    belfry_status (*open)(const belfry_host_v1* host, const char* directory, const belfry_setting* settings,
                          uint64_t setting_count, belfry_log_store** log, belfry_error* error);
    belfry_status (*state)(belfry_log_store*, belfry_log_state* state, belfry_error* error);
    /* entries[0].index == last_index + 1, the rest follow without gaps; payloads borrowed. */
    belfry_status (*append)(belfry_log_store*, const belfry_log_entry* entries, uint64_t entry_count, belfry_error* error);
    /* Drops every entry after last_index_kept (>= first_index - 1); durable no later than the next sync. */
    belfry_status (*truncate_after)(belfry_log_store*, uint64_t last_index_kept, belfry_error* error);
    belfry_status (*sync)(belfry_log_store*, belfry_error* error);
    /* Visits first_index.. in order, up to last_index or until the visitor ends it. */
    belfry_status (*read)(belfry_log_store*, uint64_t first_index, belfry_log_visitor visitor, void* context,
                          belfry_error* error);
    /* May drop any entries before first_index_kept (<= last_index + 1); the state names the new boundary. */
    belfry_status (*compact)(belfry_log_store*, uint64_t first_index_kept, belfry_error* error);
    /* Drops everything; the log then starts after the boundary. Durable when it returns. Keeps term and vote. */
    belfry_status (*reset)(belfry_log_store*, uint64_t boundary_index, uint64_t boundary_term, belfry_error* error);
    belfry_status (*save_vote)(belfry_log_store*, uint64_t term, uint64_t voted_for, belfry_error* error);
    belfry_status (*stats)(belfry_log_store*, belfry_log_store_stats* stats, belfry_error* error);
    void (*close)(belfry_log_store*);
    /* ---- 1.0 ends here ---- */
} belfry_log_store_v1;

#ifdef __cplusplus
}
#endif

#endif

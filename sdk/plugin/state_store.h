/* The seam of state stores: an ordered map of octets in a few tables, written in atomic batches. C11; a promise.
 *
 * The replicated log is the truth; the store is what the log's applied prefix adds up to. So commit() need not be durable,
 * but it must be atomic: after a crash of the process alone the store shows the last committed batch or, if it cannot
 * (a store in memory), applied_index() tells what it has. Durability comes from sync() and from snapshots.
 *
 * A store that keeps data in its directory keeps a file PLUGIN there, one line "<plugin name> <format>", and refuses what
 * it does not know with BELFRY_INCOMPATIBLE (C++: sdk/plugin/identity.hpp).
 *
 * Threading: every slot is called by one thread at a time, the core thread, except that sync() and snapshot_write() are
 * called by the sync thread and overlap with any other call (never with each other); they must not block the core thread
 * for longer than a few milliseconds.
 */
#ifndef BELFRY_STATE_STORE_H
#define BELFRY_STATE_STORE_H

#include "sdk/plugin/plugin.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct belfry_state_store belfry_state_store;

/* Tables are numbered 0 .. BELFRY_TABLE_COUNT-1; an engine may keep each as a tree of its own or prefix the keys.
 * Keys are 1 .. BELFRY_STORE_KEY_BYTES_MAX octets and order as unsigned octets (memcmp, then length).
 * Values are 0 .. BELFRY_STORE_VALUE_BYTES_MAX octets. */
#define BELFRY_TABLE_COUNT 8
#define BELFRY_STORE_KEY_BYTES_MAX 511
#define BELFRY_STORE_VALUE_BYTES_MAX (64u * 1024 * 1024)

typedef struct belfry_state_store_stats {
    uint32_t struct_size;
    uint32_t reserved;
    uint64_t bytes_used; /* of disk, or of memory for a store in memory */
    uint64_t bytes_max;  /* 0 = bounded by the disk alone */
} belfry_state_store_stats;

/* Sees one pair, both borrowed. Returns 0 to go on, anything else to end the scan. Must not call the store. */
typedef int32_t (*belfry_scan_visitor)(void* context, belfry_bytes key, belfry_bytes value);

/* Takes or gives a part of a snapshot. A sink returns BELFRY_OK or an error that ends the copy. A source fills at most
 * `capacity` octets and sets *size; 0 = the end. */
typedef belfry_status (*belfry_snapshot_sink)(void* context, belfry_bytes part);
typedef belfry_status (*belfry_snapshot_source)(void* context, void* buffer, uint64_t capacity, uint64_t* size);

typedef struct belfry_state_store_v1 {
    uint32_t struct_size;
    uint32_t reserved;

    /* Opens or creates the store in `directory` (borrowed; exists, is writable, belongs to this store alone).
     * Data written by another plugin or a newer format: BELFRY_INCOMPATIBLE. Damaged: BELFRY_CORRUPT. */
    belfry_status (*open)(const belfry_host_v1* host, const char* directory, const belfry_setting* settings,
                          uint64_t setting_count, belfry_state_store** store, belfry_error* error);

    /* The index given to the last commit; 0 for a new store. */
    belfry_status (*applied_index)(belfry_state_store*, uint64_t* index, belfry_error* error);

    /* Starts a batch. put, erase and commit need one; get and scan see its writes. One batch at a time. The hub keeps it
     * open for tens of milliseconds, and reads in between. A full store should say BELFRY_NO_SPACE at put or erase: the
     * hub then goes on reading; after one that comes at commit it reads nothing until there is room. */
    belfry_status (*begin)(belfry_state_store*, belfry_error* error);
    belfry_status (*put)(belfry_state_store*, uint32_t table, belfry_bytes key, belfry_bytes value, belfry_error* error);
    /* BELFRY_OK also when the key was not there. */
    belfry_status (*erase)(belfry_state_store*, uint32_t table, belfry_bytes key, belfry_error* error);
    /* Ends the batch: all of it becomes visible, and applied_index() says `applied_index`. On an error nothing of the
     * batch remains and the batch is over. BELFRY_NO_SPACE when the disk or the store's own limit is full. */
    belfry_status (*commit)(belfry_state_store*, uint64_t applied_index, belfry_error* error);
    /* Ends the batch; nothing of it remains. */
    void (*rollback)(belfry_state_store*);

    /* BELFRY_NOT_FOUND if there is none. *value is valid until the next call of any slot but get and scan. */
    belfry_status (*get)(belfry_state_store*, uint32_t table, belfry_bytes key, belfry_bytes* value, belfry_error* error);
    /* Visits keys in [from, to) in ascending order, or from the greatest down when reverse != 0. An empty `to` (size 0) =
     * to the table's end; an empty `from` = from its start. */
    belfry_status (*scan)(belfry_state_store*, uint32_t table, belfry_bytes from, belfry_bytes to, int32_t reverse,
                          belfry_scan_visitor visitor, void* context, belfry_error* error);

    /* Makes all that is committed durable. May be NULL: the store then never proves itself after a crash of the machine. */
    belfry_status (*sync)(belfry_state_store*, belfry_error* error);

    /* Hot copy: writes a consistent image, as of some commit no older than the call, and tells that commit's index. */
    belfry_status (*snapshot_write)(belfry_state_store*, belfry_snapshot_sink sink, void* context, uint64_t* applied_index,
                                    belfry_error* error);
    /* Replaces everything in the store by an image that snapshot_write of the same plugin made. No batch is open. */
    belfry_status (*snapshot_read)(belfry_state_store*, belfry_snapshot_source source, void* context, belfry_error* error);

    belfry_status (*stats)(belfry_state_store*, belfry_state_store_stats* stats, belfry_error* error);
    void (*close)(belfry_state_store*);
    /* ---- 1.0 ends here ---- */
} belfry_state_store_v1;

#ifdef __cplusplus
}
#endif

#endif

/* The one entry of every Belfry plugin, and the words all seams share. C11; everything here is a promise.
 *
 * Rules: a plugin exports exactly one symbol, belfry_plugin_entry, and links against nothing of ours. struct_size comes
 * first in every struct that crosses and is sizeof as the side that filled it compiled it; slots are only ever appended;
 * a slot that is NULL or lies beyond struct_size means "cannot". abi_major must match, abi_minor may differ.
 * No exception crosses. Plugins are loaded at start and never unloaded.
 *
 * A struct that the callee fills: the caller sets struct_size first; the callee writes nothing past it and lowers it to
 * what it wrote.
 *
 * Ownership, in every parameter comment: borrowed = valid until the call returns; owned = until close; static = for ever.
 * Nobody frees another's memory.
 */
#ifndef BELFRY_PLUGIN_H
#define BELFRY_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define BELFRY_ABI_MAJOR 1
#define BELFRY_ABI_MINOR 2

#define BELFRY_EXPORT __attribute__((visibility("default")))

/* True if `table` is big enough to hold `slot` and the slot is set. */
#define BELFRY_HAS(table, type, slot) \
    ((table)->struct_size >= offsetof(type, slot) + sizeof((table)->slot) && (table)->slot != NULL)

/* Same numbers as belfry::Code. Never reuse one. */
typedef int32_t belfry_status;
enum {
    BELFRY_OK = 0,
    BELFRY_INVALID_ARGUMENT = 1,
    BELFRY_NOT_FOUND = 2,
    BELFRY_CONFLICT = 3,
    BELFRY_NOT_LEADER = 4,
    BELFRY_UNAVAILABLE = 5,
    BELFRY_UNCERTAIN = 6,
    BELFRY_BUSY = 7,
    BELFRY_TOO_LARGE = 8,
    BELFRY_COMPACTED = 9,
    BELFRY_DENIED = 10,
    BELFRY_CORRUPT = 11,
    BELFRY_IO = 12,
    BELFRY_UNSUPPORTED = 13,
    BELFRY_INCOMPATIBLE = 14,
    BELFRY_NO_SPACE = 15,
    BELFRY_TIMEOUT = 16,
    /* ---- 1.2 ---- */
    BELFRY_UNAUTHENTICATED = 17
};

/* Octets, any value. data may be NULL when size is 0. */
typedef struct belfry_bytes {
    const void* data;
    uint64_t size;
} belfry_bytes;

/* The caller's buffer for the sentence that an operator will read; the callee writes a zero-terminated UTF-8 string. */
typedef struct belfry_error {
    uint32_t struct_size;
    uint32_t reserved;
    char message[1024];
} belfry_error;

enum { BELFRY_LOG_DEBUG = 0, BELFRY_LOG_INFO = 1, BELFRY_LOG_WARNING = 2, BELFRY_LOG_ERROR = 3 };

/* What the host offers to every plugin. static; every function may be called from any thread. */
typedef struct belfry_host_v1 {
    uint32_t struct_size;
    uint16_t abi_major, abi_minor; /* what the host was built with */
    void* context;                 /* pass back in every call */
    /* One structured line: message is a short static phrase, detail free text (borrowed; may be NULL). Never a secret. */
    void (*log)(void* context, int32_t level, const char* message, const char* detail);
} belfry_host_v1;

/* A setting handed to open(): name and value, both borrowed, zero-terminated UTF-8. An unknown name is refused with
 * BELFRY_INVALID_ARGUMENT and a sentence that names it. */
typedef struct belfry_setting {
    const char* name;
    const char* value;
} belfry_setting;

/* Kinds of interface. */
enum {
    BELFRY_KIND_STATE_STORE = 1, /* table: belfry_state_store_v1 (state_store.h) */
    BELFRY_KIND_LOG_STORE = 2,   /* table: belfry_log_store_v1 (log_store.h) */
    BELFRY_KIND_FILTER = 3,      /* table: belfry_filter_v1 (filter.h) */
    BELFRY_KIND_TRANSPORT = 4,   /* table: belfry_transport_v1 (transport.h) */
    BELFRY_KIND_VALIDATOR = 5,   /* table: belfry_validator_v1 (validator.h) */
    /* ---- 1.2 ---- */
    BELFRY_KIND_AUTH = 6 /* table: belfry_auth_v1 (auth.h) */
};

typedef struct belfry_interface {
    uint32_t kind;     /* BELFRY_KIND_... */
    uint32_t reserved; /* 0 */
    const void* table; /* static */
} belfry_interface;

typedef struct belfry_plugin_descriptor {
    uint32_t struct_size;
    uint16_t abi_major, abi_minor;      /* what the plugin was built with */
    const char* name;                   /* static; "storage_lmdb"; a store writes it into its data and refuses another's */
    const char* version;                /* static; "1.0.0" */
    const char* summary;                /* static; one sentence */
    const belfry_interface* interfaces; /* static */
    uint64_t interface_count;
} belfry_plugin_descriptor;

/* Returns the plugin's static descriptor, or NULL with a sentence in *error. Called once, at start, before any thread. */
typedef const belfry_plugin_descriptor* (*belfry_plugin_entry_function)(const belfry_host_v1* host, belfry_error* error);

#define BELFRY_PLUGIN_ENTRY_SYMBOL "belfry_plugin_entry"

#ifdef __cplusplus
}
#endif

#endif

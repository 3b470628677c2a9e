/* The seam of authentication: who somebody is, and what they may do. C11; a promise. Since ABI 1.2.
 *
 * The hub keeps users and roles as replicated records (sdk/protocol/auth_records.hpp says what is in them) and hands them
 * to the plugin; the plugin decides. Connections, tokens, the root of trust and the audit log are the hub's business.
 *
 * A principal is a user's name, 1 to 64 octets. The hub asks `authenticate` when somebody shows a password, gives out a
 * token, and from then on asks `stamp` (is what was shown then still good?) and `authorize` (for each request). What they
 * answer must depend on the records, the settings and the arguments alone: members with the same records must agree.
 *
 * Threading: authenticate on any thread, several at once, also while another slot runs; everything else on the core thread,
 * one at a time. close comes last, when no authenticate is running.
 */
#ifndef BELFRY_AUTH_H
#define BELFRY_AUTH_H

#include "sdk/plugin/plugin.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What somebody wants to do. Never reuse a number. */
enum {
    BELFRY_ACTION_READ = 1,
    BELFRY_ACTION_WRITE = 2,
    BELFRY_ACTION_DELETE = 4,
    BELFRY_ACTION_WATCH = 8,
    BELFRY_ACTION_LEASE = 16,
    BELFRY_ACTION_ADMIN = 32 /* about the cluster, not about keys */
};

typedef struct belfry_auth belfry_auth;

/* One record, all borrowed. */
typedef struct belfry_auth_record {
    belfry_bytes name; /* "auth/user/ann" */
    belfry_bytes content;
    int32_t removed; /* 1: it is gone; content is empty */
    uint32_t reserved;
} belfry_auth_record;

typedef struct belfry_auth_v1 {
    uint32_t struct_size;
    uint32_t reserved;

    belfry_status (*open)(const belfry_host_v1* host, const belfry_setting* settings, uint64_t setting_count,
                          belfry_auth** auth, belfry_error* error);
    /* 1: everybody may do everything; the host then asks nothing else of this plugin but load and check_record. Does not
     * change after open. */
    int32_t (*is_open)(const belfry_auth*);
    /* `all` 1: these are all records, forget others; 0: these have changed. An error, with a sentence that clients will
     * read, closes the member: it serves nobody but the root of trust until a later load succeeds. A record that the plugin
     * does not understand (of a newer release) is no error: whoever it is about may do nothing. */
    belfry_status (*load)(belfry_auth*, int32_t all, const belfry_auth_record* records, uint64_t count,
                          belfry_error* error);
    /* Before a record enters the log: BELFRY_INVALID_ARGUMENT and a sentence for what is no record. */
    belfry_status (*check_record)(const belfry_auth*, belfry_bytes name, belfry_bytes content, belfry_error* error);
    /* May block. BELFRY_OK, or BELFRY_UNAUTHENTICATED with one sentence that is the same for an unknown name and a wrong
     * password, after as long a time. */
    belfry_status (*authenticate)(const belfry_auth*, belfry_bytes name, belfry_bytes password, belfry_error* error);
    /* A number that is another one when what the user has shown so far is not good any more (the password was changed).
     * BELFRY_UNAUTHENTICATED: there is no such user, or it is disabled. */
    belfry_status (*stamp)(const belfry_auth*, belfry_bytes user, uint64_t* stamp, belfry_error* error);
    /* Whose public key this is (CURVE's in Z85, or what a transport knows of a certificate); *user is valid until the next
     * load. BELFRY_UNAUTHENTICATED: nobody's. */
    belfry_status (*user_of_key)(const belfry_auth*, belfry_bytes key, belfry_bytes* user, belfry_error* error);
    /* May the user do this (one BELFRY_ACTION_...) to every key of the range? `end` NULL: to the one key `begin`; of size
     * 0: [begin, no end); else [begin, end). About ADMIN the range says nothing. BELFRY_OK; BELFRY_DENIED and a sentence
     * that says what is allowed; BELFRY_UNAUTHENTICATED as stamp. Called for each request: no more than some 100 ns. */
    belfry_status (*authorize)(const belfry_auth*, belfry_bytes user, uint32_t action, belfry_bytes begin,
                               const belfry_bytes* end, belfry_error* error);
    void (*close)(belfry_auth*);
    /* ---- 1.2 ends here ---- */
} belfry_auth_v1;

#ifdef __cplusplus
}
#endif

#endif

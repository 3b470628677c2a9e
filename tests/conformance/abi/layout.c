/* The released layout of the plugin ABI, number by number: what a plugin that somebody built long ago relies on.
 *
 * If this does not compile, a promise has moved. A field in front of another was added, removed, resized or reordered: put
 * it back. Only a slot that was appended to a struct that begins with struct_size is right: then add its FIELD line below
 * the others under a comment with its minor version, and mend that struct's SIZE. No other line of this file ever changes
 * (docs/plugins.md, "Appending a slot"). Compiled as C11 and as C++20, on 64-bit machines.
 */
#include "sdk/plugin/auth.h"
#include "sdk/plugin/filter.h"
#include "sdk/plugin/log_store.h"
#include "sdk/plugin/plugin.h"
#include "sdk/plugin/state_store.h"
#include "sdk/plugin/transport.h"
#include "sdk/plugin/validator.h"

#ifdef __cplusplus
#define PIN static_assert
#else
#define PIN _Static_assert
#endif

#define FIELD(type, field, offset, size)                                                 \
    PIN(offsetof(type, field) == (offset),                                               \
        #type "." #field " must stay at octet " #offset ": append slots, never insert"); \
    PIN(sizeof(((type*)0)->field) == (size), #type "." #field " must keep its " #size " octets")
#define SIZE(type, size) \
    PIN(sizeof(type) == (size), #type " had " #size " octets: append slots alone, and then mend this line and the FIELDs")
#define SIZE_FOR_EVER(type, size) \
    PIN(sizeof(type) == (size),   \
        #type " has " #size " octets for ever: it has no struct_size, nobody could tell another form")
#define NUMBER(name, value) PIN((name) == (value), #name " is " #value " for ever: take a new number for a new thing")

PIN(sizeof(void*) == 8, "the layout below is that of 64-bit machines");
NUMBER(BELFRY_ABI_MAJOR, 1);

/* plugin.h */
NUMBER(BELFRY_OK, 0);
NUMBER(BELFRY_INVALID_ARGUMENT, 1);
NUMBER(BELFRY_NOT_FOUND, 2);
NUMBER(BELFRY_CONFLICT, 3);
NUMBER(BELFRY_NOT_LEADER, 4);
NUMBER(BELFRY_UNAVAILABLE, 5);
NUMBER(BELFRY_UNCERTAIN, 6);
NUMBER(BELFRY_BUSY, 7);
NUMBER(BELFRY_TOO_LARGE, 8);
NUMBER(BELFRY_COMPACTED, 9);
NUMBER(BELFRY_DENIED, 10);
NUMBER(BELFRY_CORRUPT, 11);
NUMBER(BELFRY_IO, 12);
NUMBER(BELFRY_UNSUPPORTED, 13);
NUMBER(BELFRY_INCOMPATIBLE, 14);
NUMBER(BELFRY_NO_SPACE, 15);
NUMBER(BELFRY_TIMEOUT, 16);
/* 1.2 */
NUMBER(BELFRY_UNAUTHENTICATED, 17);

NUMBER(BELFRY_LOG_DEBUG, 0);
NUMBER(BELFRY_LOG_INFO, 1);
NUMBER(BELFRY_LOG_WARNING, 2);
NUMBER(BELFRY_LOG_ERROR, 3);

NUMBER(BELFRY_KIND_STATE_STORE, 1);
NUMBER(BELFRY_KIND_LOG_STORE, 2);
NUMBER(BELFRY_KIND_FILTER, 3);
NUMBER(BELFRY_KIND_TRANSPORT, 4);
NUMBER(BELFRY_KIND_VALIDATOR, 5);
/* 1.2 */
NUMBER(BELFRY_KIND_AUTH, 6);

FIELD(belfry_bytes, data, 0, 8);
FIELD(belfry_bytes, size, 8, 8);
SIZE_FOR_EVER(belfry_bytes, 16);

FIELD(belfry_error, struct_size, 0, 4);
FIELD(belfry_error, reserved, 4, 4);
FIELD(belfry_error, message, 8, 1024);
SIZE(belfry_error, 1032);

FIELD(belfry_host_v1, struct_size, 0, 4);
FIELD(belfry_host_v1, abi_major, 4, 2);
FIELD(belfry_host_v1, abi_minor, 6, 2);
FIELD(belfry_host_v1, context, 8, 8);
FIELD(belfry_host_v1, log, 16, 8);
SIZE(belfry_host_v1, 24);

FIELD(belfry_setting, name, 0, 8);
FIELD(belfry_setting, value, 8, 8);
SIZE_FOR_EVER(belfry_setting, 16);

FIELD(belfry_interface, kind, 0, 4);
FIELD(belfry_interface, reserved, 4, 4);
FIELD(belfry_interface, table, 8, 8);
SIZE_FOR_EVER(belfry_interface, 16);

FIELD(belfry_plugin_descriptor, struct_size, 0, 4);
FIELD(belfry_plugin_descriptor, abi_major, 4, 2);
FIELD(belfry_plugin_descriptor, abi_minor, 6, 2);
FIELD(belfry_plugin_descriptor, name, 8, 8);
FIELD(belfry_plugin_descriptor, version, 16, 8);
FIELD(belfry_plugin_descriptor, summary, 24, 8);
FIELD(belfry_plugin_descriptor, interfaces, 32, 8);
FIELD(belfry_plugin_descriptor, interface_count, 40, 8);
SIZE(belfry_plugin_descriptor, 48);

/* state_store.h */
NUMBER(BELFRY_TABLE_COUNT, 8);
NUMBER(BELFRY_STORE_KEY_BYTES_MAX, 511);
NUMBER(BELFRY_STORE_VALUE_BYTES_MAX, 67108864);

FIELD(belfry_state_store_stats, struct_size, 0, 4);
FIELD(belfry_state_store_stats, reserved, 4, 4);
FIELD(belfry_state_store_stats, bytes_used, 8, 8);
FIELD(belfry_state_store_stats, bytes_max, 16, 8);
SIZE(belfry_state_store_stats, 24);

FIELD(belfry_state_store_v1, struct_size, 0, 4);
FIELD(belfry_state_store_v1, reserved, 4, 4);
FIELD(belfry_state_store_v1, open, 8, 8);
FIELD(belfry_state_store_v1, applied_index, 16, 8);
FIELD(belfry_state_store_v1, begin, 24, 8);
FIELD(belfry_state_store_v1, put, 32, 8);
FIELD(belfry_state_store_v1, erase, 40, 8);
FIELD(belfry_state_store_v1, commit, 48, 8);
FIELD(belfry_state_store_v1, rollback, 56, 8);
FIELD(belfry_state_store_v1, get, 64, 8);
FIELD(belfry_state_store_v1, scan, 72, 8);
FIELD(belfry_state_store_v1, sync, 80, 8);
FIELD(belfry_state_store_v1, snapshot_write, 88, 8);
FIELD(belfry_state_store_v1, snapshot_read, 96, 8);
FIELD(belfry_state_store_v1, stats, 104, 8);
FIELD(belfry_state_store_v1, close, 112, 8);
SIZE(belfry_state_store_v1, 120);

/* log_store.h */
NUMBER(BELFRY_LOG_PAYLOAD_BYTES_MAX, 16777216);

FIELD(belfry_log_entry, index, 0, 8);
FIELD(belfry_log_entry, term, 8, 8);
FIELD(belfry_log_entry, type, 16, 4);
FIELD(belfry_log_entry, reserved, 20, 4);
FIELD(belfry_log_entry, payload, 24, 16);
SIZE_FOR_EVER(belfry_log_entry, 40);

FIELD(belfry_log_state, struct_size, 0, 4);
FIELD(belfry_log_state, reserved, 4, 4);
FIELD(belfry_log_state, first_index, 8, 8);
FIELD(belfry_log_state, last_index, 16, 8);
FIELD(belfry_log_state, boundary_index, 24, 8);
FIELD(belfry_log_state, boundary_term, 32, 8);
FIELD(belfry_log_state, term, 40, 8);
FIELD(belfry_log_state, voted_for, 48, 8);
FIELD(belfry_log_state, cut_bytes, 56, 8);
SIZE(belfry_log_state, 64);

FIELD(belfry_log_store_stats, struct_size, 0, 4);
FIELD(belfry_log_store_stats, reserved, 4, 4);
FIELD(belfry_log_store_stats, bytes_used, 8, 8);
FIELD(belfry_log_store_stats, segment_count, 16, 8);
SIZE(belfry_log_store_stats, 24);

FIELD(belfry_log_store_v1, struct_size, 0, 4);
FIELD(belfry_log_store_v1, reserved, 4, 4);
FIELD(belfry_log_store_v1, open, 8, 8);
FIELD(belfry_log_store_v1, state, 16, 8);
FIELD(belfry_log_store_v1, append, 24, 8);
FIELD(belfry_log_store_v1, truncate_after, 32, 8);
FIELD(belfry_log_store_v1, sync, 40, 8);
FIELD(belfry_log_store_v1, read, 48, 8);
FIELD(belfry_log_store_v1, compact, 56, 8);
FIELD(belfry_log_store_v1, reset, 64, 8);
FIELD(belfry_log_store_v1, save_vote, 72, 8);
FIELD(belfry_log_store_v1, stats, 80, 8);
FIELD(belfry_log_store_v1, close, 88, 8);
SIZE(belfry_log_store_v1, 96);

/* filter.h */

FIELD(belfry_filter_v1, struct_size, 0, 4);
FIELD(belfry_filter_v1, reserved, 4, 4);
FIELD(belfry_filter_v1, kind, 8, 8);
FIELD(belfry_filter_v1, compile, 16, 8);
FIELD(belfry_filter_v1, canonical, 24, 8);
FIELD(belfry_filter_v1, range, 32, 8);
FIELD(belfry_filter_v1, matches, 40, 8);
FIELD(belfry_filter_v1, close, 48, 8);
/* 1.1 */
FIELD(belfry_filter_v1, reads_value, 56, 8);
/* 1.2 */
FIELD(belfry_filter_v1, set_make, 64, 8);
FIELD(belfry_filter_v1, set_matches, 72, 8);
FIELD(belfry_filter_v1, set_close, 80, 8);
FIELD(belfry_filter_v1, matches_change, 88, 8);
SIZE(belfry_filter_v1, 96);

FIELD(belfry_change, struct_size, 0, 4);
FIELD(belfry_change, reserved, 4, 4);
FIELD(belfry_change, author, 8, 16);
FIELD(belfry_change, labels, 24, 8);
FIELD(belfry_change, label_count, 32, 8);
SIZE(belfry_change, 40);

/* transport.h */

FIELD(belfry_frame, bytes, 0, 16);
FIELD(belfry_frame, context, 16, 8);
FIELD(belfry_frame, release, 24, 8);
SIZE_FOR_EVER(belfry_frame, 32);

FIELD(belfry_transport_host_v1, struct_size, 0, 4);
FIELD(belfry_transport_host_v1, reserved, 4, 4);
FIELD(belfry_transport_host_v1, context, 8, 8);
FIELD(belfry_transport_host_v1, on_frame, 16, 8);
FIELD(belfry_transport_host_v1, on_close, 24, 8);
FIELD(belfry_transport_host_v1, on_topic, 32, 8);
FIELD(belfry_transport_host_v1, join_answer, 40, 8);
FIELD(belfry_transport_host_v1, on_frame_from, 48, 8);
SIZE(belfry_transport_host_v1, 56);

FIELD(belfry_transport_stats, struct_size, 0, 4);
FIELD(belfry_transport_stats, reserved, 4, 4);
FIELD(belfry_transport_stats, subscriptions, 8, 8);
FIELD(belfry_transport_stats, frames_received, 16, 8);
FIELD(belfry_transport_stats, frames_sent, 24, 8);
FIELD(belfry_transport_stats, frames_published, 32, 8);
FIELD(belfry_transport_stats, sends_refused, 40, 8);
FIELD(belfry_transport_stats, joins, 48, 8);
FIELD(belfry_transport_stats, frames_ignored, 56, 8);
SIZE(belfry_transport_stats, 64);

FIELD(belfry_transport_v1, struct_size, 0, 4);
FIELD(belfry_transport_v1, reserved, 4, 4);
FIELD(belfry_transport_v1, scheme, 8, 8);
FIELD(belfry_transport_v1, open, 16, 8);
FIELD(belfry_transport_v1, send, 24, 8);
FIELD(belfry_transport_v1, publish, 32, 8);
FIELD(belfry_transport_v1, flush, 40, 8);
FIELD(belfry_transport_v1, stats, 48, 8);
FIELD(belfry_transport_v1, close, 56, 8);
FIELD(belfry_transport_v1, endpoints, 64, 8);
FIELD(belfry_transport_v1, set_keys, 72, 8);
SIZE(belfry_transport_v1, 80);

FIELD(belfry_transport_keys, struct_size, 0, 4);
FIELD(belfry_transport_keys, feed_open, 4, 4);
FIELD(belfry_transport_keys, known_keys, 8, 8);
FIELD(belfry_transport_keys, known_key_count, 16, 8);
FIELD(belfry_transport_keys, feed_keys, 24, 8);
FIELD(belfry_transport_keys, feed_key_count, 32, 8);
SIZE(belfry_transport_keys, 40);

/* validator.h */
FIELD(belfry_validator_v1, struct_size, 0, 4);
FIELD(belfry_validator_v1, reserved, 4, 4);
FIELD(belfry_validator_v1, kind, 8, 8);
FIELD(belfry_validator_v1, compile, 16, 8);
FIELD(belfry_validator_v1, check, 24, 8);
FIELD(belfry_validator_v1, may_block, 32, 8);
FIELD(belfry_validator_v1, close, 40, 8);
/* 1.2 */
FIELD(belfry_validator_v1, configure, 48, 8);
SIZE(belfry_validator_v1, 56);

/* auth.h, since 1.2 */
NUMBER(BELFRY_ACTION_READ, 1);
NUMBER(BELFRY_ACTION_WRITE, 2);
NUMBER(BELFRY_ACTION_DELETE, 4);
NUMBER(BELFRY_ACTION_WATCH, 8);
NUMBER(BELFRY_ACTION_LEASE, 16);
NUMBER(BELFRY_ACTION_ADMIN, 32);

FIELD(belfry_auth_record, name, 0, 16);
FIELD(belfry_auth_record, content, 16, 16);
FIELD(belfry_auth_record, removed, 32, 4);
FIELD(belfry_auth_record, reserved, 36, 4);
SIZE_FOR_EVER(belfry_auth_record, 40);

FIELD(belfry_auth_v1, struct_size, 0, 4);
FIELD(belfry_auth_v1, reserved, 4, 4);
FIELD(belfry_auth_v1, open, 8, 8);
FIELD(belfry_auth_v1, is_open, 16, 8);
FIELD(belfry_auth_v1, load, 24, 8);
FIELD(belfry_auth_v1, check_record, 32, 8);
FIELD(belfry_auth_v1, authenticate, 40, 8);
FIELD(belfry_auth_v1, stamp, 48, 8);
FIELD(belfry_auth_v1, user_of_key, 56, 8);
FIELD(belfry_auth_v1, authorize, 64, 8);
FIELD(belfry_auth_v1, close, 72, 8);
SIZE(belfry_auth_v1, 80);

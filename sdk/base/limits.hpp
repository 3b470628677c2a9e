// Every bound that a client can meet, with its reason. The hub's own bounds are in hub/base/limits.hpp.
#pragma once

#include <cstddef>
#include <cstdint>

namespace belfry::limits {

// A key is a path, not a document; LMDB allows 511 bytes, and the tables add a few of their own.
inline constexpr size_t key_bytes_max = 480;
// A value is a file of configuration. 1 MiB is etcd's and ZooKeeper's habit; larger things belong in a blob store.
inline constexpr size_t value_bytes_max = 1024 * 1024;
// One request or reply on the wire: one largest value, its key and the envelope, with room.
inline constexpr size_t frame_bytes_max = 2 * 1024 * 1024;
// Operations of one transaction, nested ones and compares included.
inline constexpr size_t txn_ops_max = 1024;
inline constexpr size_t txn_depth_max = 4;
// What the hub adds to the key of a sequential put: "00000000000000000042-0000" (sdk/protocol/sequence.hpp).
inline constexpr size_t sequence_bytes = 25;
// The bounds of claims decide what a log entry does, so every member must have the same: another number needs another
// format of entries (hub/log/entry.hpp). Items that one claim takes: to give each back or to acknowledge it takes three
// operations, all of one transaction.
inline constexpr size_t claim_items_max = 256;
// Of the items' values together, whatever the first one has: an answer that a client takes at once.
inline constexpr size_t claim_bytes_max = 1024 * 1024;
// Claims that stand at once below one prefix. Each claim looks at all of them: 4,096 take a millisecond.
inline constexpr size_t claims_standing_max = 4096;
// Requests packed into one frame.
inline constexpr size_t frame_requests_max = 1024;
// Writes of one session from the oldest that still waits for its answer: as many as a Client has in flight by default. The
// hub keeps the answers of so many.
inline constexpr size_t session_window_max = 4096;
inline constexpr size_t author_bytes_max = 256;
// Proves in each frame who sent it: a token has some 100 octets, another plugin's may be longer.
inline constexpr size_t credential_bytes_max = 1024;
inline constexpr size_t password_bytes_max = 1024;
// A token is short-lived; a person who works with the command line may ask for a day's work.
inline constexpr uint64_t token_valid_ms = 300'000;
inline constexpr uint64_t token_valid_ms_max = 12 * 3'600'000;
inline constexpr size_t comment_bytes_max = 4096;
// Of a change set: marks for machines, not a document.
inline constexpr size_t labels_max = 16;
inline constexpr size_t label_bytes_max = 64;
// Of a value: every media type that is registered fits.
inline constexpr size_t content_type_bytes_max = 64;
inline constexpr size_t filter_spec_bytes_max = 1024;
// A record of the hub's own (a policy, a user, a role): names as keys; what it says is written by a person.
inline constexpr size_t record_name_bytes_max = 480;
inline constexpr size_t record_content_bytes_max = 256 * 1024;
// All of them are in every member's memory.
inline constexpr size_t records_bytes_max = 64 * 1024 * 1024;
// A month: what is to live longer needs no lease.
inline constexpr uint64_t lease_ttl_s_max = 30 * 24 * 3600;
// A lease's number that a client chooses; what reads numbers as doubles must not be misled. The hub's own go on after it.
inline constexpr uint64_t lease_chosen_max = uint64_t{1} << 53;
// All leases are in every member's memory, some 250 octets each.
inline constexpr size_t leases_max = 500'000;
// Kept alive by one request: an agent has some hundreds.
inline constexpr size_t leases_kept_alive_max = 1000;
// Facts about leases, or keys of one, in one reply.
inline constexpr size_t leases_page_max = 1000;
// A value above this is only announced by the feed; the subscriber fetches it.
inline constexpr size_t feed_value_bytes_max = 64 * 1024;
// One feed message. A change set is never split; one that does not fit is only announced.
inline constexpr size_t feed_message_bytes_max = 256 * 1024;
// A request for changes that waits for one: short enough that a client which went away is soon forgotten.
inline constexpr uint64_t stream_wait_ms_max = 30'000;
// One piece of a backup: large enough that the way there and back does not matter, small enough to fit any frame.
inline constexpr size_t backup_piece_bytes = 1024 * 1024;
// Target size of one chunk of a range page, snapshot or delta; a chunk holds at least one item.
inline constexpr size_t chunk_bytes = 256 * 1024;
// Keys of one unlimited range reply, or of all ranges of a transaction together; past it the reply says `more` and the
// client pages.
inline constexpr size_t range_reply_bytes_max = 64 * 1024 * 1024;

static_assert(value_bytes_max + key_bytes_max + comment_bytes_max + author_bytes_max + labels_max * label_bytes_max <
              frame_bytes_max);

}  // namespace belfry::limits

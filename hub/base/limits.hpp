// The hub's own bounds, each with its reason. What clients can meet is in sdk/base/limits.hpp.
#pragma once

#include <cstddef>
#include <cstdint>

namespace belfry::hub::limits {

// Requests waiting for the core: over 100 ms of the measured peak; past it the inbox answers `busy`.
inline constexpr size_t inbox_requests_max = 16384;
inline constexpr size_t inbox_bytes_max = 64 * 1024 * 1024;
// One raft entry joins what waits, up to this. While one entry is synced another is applied and answered: entries must be
// small against what clients keep in flight; with larger ones a closed loop of clients falls into lock-step with the disk.
inline constexpr size_t entry_bytes_target = 24 * 1024;
inline constexpr size_t entry_commands_max = 1024;
// Entries proposed together, which the log writer appends and syncs together.
inline constexpr size_t round_bytes_max = 256 * 1024;
// Rounds of entries handed to the log writer and not yet durable: one on the disk, one filling.
inline constexpr size_t rounds_in_flight_max = 2;
// Entries read back from the log at once while replaying.
inline constexpr size_t replay_bytes = 4 * 1024 * 1024;
// Distinct filters with a channel of their own; past it a new filter shares the channel of all keys. A wide subscription
// trie freezes libzmq (docs/protocol.md).
inline constexpr size_t channels_max = 1024;
inline constexpr uint64_t mark_interval_ms = 1000;
inline constexpr uint64_t mark_after_quiet_ms = 150;
// A channel without subscribers is kept this long: a subscriber that reconnects finds it.
inline constexpr uint64_t channel_idle_ms_max = 30000;
// How long a read waits for min_revision.
inline constexpr uint64_t min_revision_wait_ms_max = 2000;
inline constexpr size_t waiting_reads_max = 4096;
// Requests for changes that wait for one: a private stream each. As many clients as a hub serves, and then some.
inline constexpr size_t waiting_changes_max = 16384;
// Of them those answered in one round: a change that all of them want must not keep the next writes waiting.
inline constexpr size_t stream_answers_per_round_max = 512;
// What needs the leader (a read, a forwarded write) waits this long for one: longer than an election takes, shorter than a
// client's usual patience (5 s), so that it hears the reason.
inline constexpr uint64_t leader_wait_ms_max = 3000;
inline constexpr size_t gated_reads_max = 16384;  // as many as the inbox takes
// Rounds in which leases are kept alive begin so far apart for each lease that there is, up to the maximum: of few leases
// nobody waits; of 50,000 or more all keep-alives of 50 ms cost one message to each member. A lease lives for a second at
// least, and its holder asks three times in that.
inline constexpr uint64_t lease_pace_us = 1;
inline constexpr uint64_t lease_pace_ms_max = 50;
// Requests that wait here for the leader's answer.
inline constexpr size_t forwards_max = 16384;
inline constexpr size_t forwards_bytes_max = 64 * 1024 * 1024;
// One message between members: entries, requests or replies that travel together. Cheap to lose, and it does not keep a
// heartbeat waiting on the wire.
inline constexpr size_t member_message_bytes_aim = 256 * 1024;
// One reply on its way back through another member: what a link carries at once (hub/peer/frame.hpp) less what may be under
// way before it. What a delete has replaced is half of that at most; transactions may answer more.
inline constexpr size_t forwarded_reply_bytes_max = 48 * 1024 * 1024;
// Newest log entries kept in memory for followers: what a short absence or a slow moment needs.
inline constexpr size_t entries_kept_bytes_max = 32 * 1024 * 1024;
// Entries that the leader lets be uncommitted: while a majority is slow or away, writes wait instead of memory growing.
inline constexpr size_t uncommitted_entries_max = 2048;
inline constexpr size_t uncommitted_bytes_max = 128 * 1024 * 1024;  // four seconds of a slow disk
// Keys examined by one range, snapshot chunk or digest step on the core thread before it must page; those of all compares
// and ranges of a transaction together, or it is refused at the door.
inline constexpr size_t scan_keys_max = 1'000'000;
// What one round of the core takes on before raft has its turn again, and other members hear from this one: some 50 ms of
// looking at keys, or so many octets of answers, which all wait for the round's end. A single request may be more than
// that.
inline constexpr size_t round_keys_max = 250'000;
inline constexpr size_t round_reply_bytes_max = 64 * 1024 * 1024;
// Items of its queue that the core works on in one round, by the clock: as above.
inline constexpr uint64_t round_us_max = 50'000;
// Commands of one entry together (model::Reach): nothing can be put off within it. Four of the largest answers.
inline constexpr size_t entry_keys_max = scan_keys_max;
inline constexpr size_t entry_reply_bytes_max = 256 * 1024 * 1024;
// Octets of values shown to a filter that reads them before a snapshot or delta must page: some 20 ms of parsing. A digest
// does not page and is refused past the second bound: a second, for an operator who asked for it.
inline constexpr size_t filtered_value_bytes_max = 2 * 1024 * 1024;
inline constexpr size_t digested_value_bytes_max = 64 * 1024 * 1024;

}  // namespace belfry::hub::limits

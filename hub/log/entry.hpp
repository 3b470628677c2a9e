// The format of replicated log entries, the hub's side of what log stores keep as octets. Integers as in
// hub/base/binary.hpp; `bytes` is a varint length and the octets. On disk since 1.0: numbers are never reused.
//
// entry   := u8 format, u64 time_ms, u32 command_count, command*
//            format: 1; 2 if a command has a ticket; 3 if one changes a record; 4 if one puts a value with a content type;
//            5 if one sets a quota; 6 if one has labels; 7 if one is about leases, or puts a key with one;
//            8 if one claims, or puts a sequential key
// command := u8 kind + flags (128 = ticket, 64 = labels), [ticket], bytes author, bytes comment, [labels], op
// ticket  := u64 session, varint sequence, varint sequence - acknowledged
// labels  := varint n (1 to 16), bytes*n
// op      := put (kind 1)     bytes key, bytes value, varint lease, u8 flags (1 = previous, 2 = content type,
//                             4 = sequential), [bytes type]
//          | delete (kind 2)  bytes begin, bytes end, u8 flags (1 = previous)
//          | txn (kind 3)     varint n, compare*n, varint n, txn_op*n (then), varint n, txn_op*n (else)
//          | compact (kind 4) varint revision
//          | grant (kind 7)   varint lease (0 = the next number), varint ttl_s
//          | revoke (kind 8)  varint lease, varint number (0 = the leader knew of none)
//          | expire (kind 9)  varint n, (varint lease, varint number)*n
//          | record (kind 6)  bytes name, bytes content, u8 flags (1 = remove, 2 = expected), [varint expected]
// compare := bytes begin, bytes end, u8 target, u8 op, varint number, bytes value
// txn_op  := u8 kind, op     with two more kinds:
//            claim (kind 10)  bytes items, bytes claims, varint lease, varint claimant, varint limit
//            range (kind 5)   bytes begin, bytes end, varint limit, varint at, varint min_revision, u8 sort_target,
//                             u8 sort_order, u8 flags (1 = keys_only, 2 = count_only, 4 = local)
// A command is one mutating request with its author, comment and labels. Reads never enter the log, but inside a
// transaction.
#pragma once

#include <variant>
#include <vector>

#include "sdk/protocol/messages.hpp"

namespace belfry::hub::log {

// Types of log entries, as given to the log store. On disk since 1.0; never reuse one.
enum class EntryType : uint32_t { command = 1, barrier = 2, change = 3 };  // libraft's numbers

inline constexpr uint8_t entry_format = 8;
inline constexpr uint8_t entry_format_leases = 7;  // from which on there are leases
// What every release reads that can be a member of a cluster. The leader writes newer formats only when all members read
// them (hub/core/releases.hpp).
inline constexpr uint8_t entry_format_of_all = 3;

// A lease is meant by its two numbers, that of the grant too: one that was chosen by a client may be granted again, to
// another one perhaps.
struct LeaseRevoke {
    LeaseId lease;
    uint64_t number = 0;
};
// Leases that nobody kept alive, as the leader found.
struct LeaseExpiry {
    std::vector<LeaseRevoke> leases;
};

struct Command {
    Bytes author;
    Bytes comment;
    std::variant<protocol::PutRequest, protocol::DeleteRequest, protocol::TxnRequest, protocol::CompactRequest,
                 protocol::RecordChangeRequest, protocol::LeaseGrantRequest, LeaseRevoke, LeaseExpiry>
        op;
    protocol::Ticket ticket = {};  // valid (protocol::validate), as are the labels
    Labels labels = {};
    // Of an entry before format 7: keys are put with whatever lease they name, there or not.
    bool names_any_lease = false;
};

struct CommandEntry {
    uint64_t time_ms = 0;  // cluster time: the leader's wall clock, never less than the last entry's
    std::vector<Command> commands;
};

// The least format of an entry that can say it.
uint8_t format_of(const Command& command);

// Builds an entry step by step; the leader joins what waits.
class EntryBuilder {
public:
    void add(const Command& command);
    size_t size() const { return body_.size(); }
    size_t command_count() const { return count_; }
    Bytes take(uint64_t time_ms);  // and empty again

private:
    Bytes body_;  // the entry, its header still blank
    uint32_t count_ = 0;
    uint8_t format_ = 1;  // the least that can say it
};

// Any octets: an error names the offset; `incompatible` for a newer format.
Result<CommandEntry> decode_entry(BytesView payload);

}  // namespace belfry::hub::log

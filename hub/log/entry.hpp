// The format of replicated log entries, the hub's side of what log stores keep as octets. docs/formats.md has the grammar.
//
// entry := u8 format (1), u64 time_ms, u32 command_count, command*
// A command is one mutating request with its author and comment. Reads never enter the log.
#pragma once

#include <variant>
#include <vector>

#include "sdk/protocol/messages.hpp"

namespace belfry::hub::log {

// Types of log entries, as given to the log store. On disk since 1.0; never reuse one.
enum class EntryType : uint32_t { command = 1, barrier = 2, change = 3 };  // libraft's numbers

struct Command {
    Bytes author;
    Bytes comment;
    std::variant<protocol::PutRequest, protocol::DeleteRequest, protocol::TxnRequest, protocol::CompactRequest> op;
};

struct CommandEntry {
    uint64_t time_ms = 0;  // cluster time: the leader's wall clock, never less than the last entry's
    std::vector<Command> commands;
};

// Builds an entry step by step; the leader joins what waits.
class EntryBuilder {
public:
    void add(const Command& command);
    size_t size() const { return body_.size(); }
    size_t command_count() const { return count_; }
    Bytes take(uint64_t time_ms);  // and empty again

private:
    Bytes body_;
    uint32_t count_ = 0;
};

// Any octets: an error names the offset; `incompatible` for a newer format.
Result<CommandEntry> decode_entry(BytesView payload);

}  // namespace belfry::hub::log

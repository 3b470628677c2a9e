// Keys, change sets and answers as the output of commands: text for people, JSON for programs.
#pragma once

#include <string>

#include "sdk/cli/command.hpp"
#include "sdk/cli/json_writer.hpp"
#include "sdk/protocol/messages.hpp"

namespace belfry::cli {

// A value in a line for people is cut here unless --full is given.
inline constexpr size_t value_shown_max = 120;
// Of a large change set this many keys are shown, and the others counted, unless --full is given.
inline constexpr size_t events_shown_max = 50;

void write_json(JsonWriter& json, const KeyValue& kv, bool with_value = true);
void write_json(JsonWriter& json, const ChangeSet& change);
void write_json(JsonWriter& json, const protocol::HistoryVersion& version);
void write_json(JsonWriter& json, const protocol::TxnReply& reply);

// The facts of a key, one to a line.
std::string detail_text(const KeyValue& kv);
// "(author: comment)", "(author)" or nothing, and "[label label]"; ready to be appended, with a blank before it.
std::string credit_text(BytesView author, BytesView comment, const Labels& labels = {});
// One line per key, all with the same head: "[2026-11-23 05:13:25.123] rev 42 PUT key = value (author: comment)".
std::string change_text(const ChangeSet& change, size_t value_max);
std::string history_text(const protocol::HistoryVersion& version, size_t value_max);
std::string txn_text(const protocol::TxnReply& reply, size_t depth = 0);

// The limit for a shown value: none with --full.
size_t shown_max(const Context& context);

}  // namespace belfry::cli

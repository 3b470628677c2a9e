// A transaction as people write it, and as programs do.
//
//   text      = { line }                          '#' where a word could begin: the rest is a remark
//   line      = "if" | "then" | "else"            a section begins ("if" first, may be left out with its compares)
//             | compare                           in the section if
//             | op                                in the sections then and else
//   compare   = target "(" word ")" relation word   target = mod | create | version | lease | value
//             | "exists" "(" word ")" | "missing" "(" word ")"
//   relation  = "=" | "!=" | "<" | ">"
//   op        = "put" word word [ "--lease" N ] | "get" word [ "--prefix" ] | "del" word [ "--prefix" ]
//   word      = octets without blanks | "text with \n \t \\ \" \xHH" in double quotes
//
// Without a line "if", "then" or "else", blank lines end the sections, as etcdctl has it: compares, then, else.
//
// JSON: {"if": [{"key": K, "target": "mod", "op": "=", "value": V}], "then": [OP], "else": [OP]} where
// OP = {"put": {"key": K, "value": T, "lease": N}} | {"get": {"key": K, "prefix": true, "limit": N}}
//    | {"delete": {"key": K, "prefix": true}} | {"txn": {...}}; T and K may be {"base64": "..."}.
#pragma once

#include <string_view>

#include "sdk/protocol/messages.hpp"

namespace belfry::cli {

inline constexpr size_t txn_input_bytes_max = 8 * 1024 * 1024;  // more cannot fit into a request, however it is written

// Both fail with `invalid_argument` and name the line, or the place in the document.
Result<protocol::TxnRequest> parse_txn_text(std::string_view text);
Result<protocol::TxnRequest> parse_txn_json(std::string_view text);

}  // namespace belfry::cli

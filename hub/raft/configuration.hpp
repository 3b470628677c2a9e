// Payloads of CHANGE entries: who the members are. The octets are libraft's (docs/raft.md has the grammar); this checks
// them before libraft sees them, because its decoder only asserts the bounds. Private to hub/raft.
#pragma once

#include <string>
#include <vector>

#include "hub/raft/libraft.hpp"
#include "hub/raft/raft.hpp"
#include "sdk/base/error.hpp"
#include "sdk/base/types.hpp"

namespace belfry::hub::raft {

// REQUIRES: ids from 1 upward, ids and addresses not twice.
Bytes encode_members(const std::vector<Member>& members);
Bytes encode_configuration(const raft_configuration& configuration);
// Any octets: `corrupt` with the place.
Result<ConfigurationPointer> decode_configuration(BytesView octets);
std::vector<Member> members_of(const raft_configuration& configuration);
// A copy in libraft's memory, for events that take it over.
raft_configuration copy_configuration(const raft_configuration& configuration);

bool equal(const raft_configuration& left, const raft_configuration& right);
bool is_sole_voter(const raft_configuration& configuration, uint64_t id);

}  // namespace belfry::hub::raft

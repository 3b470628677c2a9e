// What the commands about users and roles share: the hub's records, read and changed one by one.
#pragma once

#include <optional>
#include <vector>

#include "sdk/cli/command.hpp"
#include "sdk/protocol/auth_records.hpp"

namespace belfry::cli {

// All whose names begin with the prefix.
Result<std::vector<protocol::Record>> read_records(Client& client, BytesView prefix);
// The one of this name; none if there is none.
Result<std::optional<protocol::Record>> read_record(Client& client, const Bytes& name);
// `expected` none: whatever its version is. Answers with the new version.
Result<uint64_t> write_record(Client& client, const Bytes& name, Bytes content, std::optional<uint64_t> expected);
Status remove_record(Client& client, const Bytes& name);

// A user or a role of this name, with the version it was read at; `not_found` names it.
struct NamedUser {
    auth::User user;
    uint64_t version = 0;
};
struct NamedRole {
    auth::Role role;
    uint64_t version = 0;
};
Result<NamedUser> read_user(Client& client, const std::string& name);
Result<NamedRole> read_role(Client& client, const std::string& name);
// `conflict` if somebody else changed it since it was read.
Status write_user(Client& client, const std::string& name, const NamedUser& user);
Status write_role(Client& client, const std::string& name, const NamedRole& role);

// May this user administrate, by the roles as they are?
Result<bool> has_admin(Client& client, const auth::User& user);

// Prints "OK done", in JSON {"done": ...}.
Exit done(Context& context, const std::string& what);

}  // namespace belfry::cli

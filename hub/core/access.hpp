// Who may do what: the records of users and roles as the authority (a plugin) understands them, and the tokens that prove
// who somebody is. What comes out of it never decides inside apply(). Pure; one thread.
//
//     token := "t1-" hex(u8 format (1), varint expires (ms since 1970), u64 stamp, bytes name, mark)
//     mark: of everything before it, under the key of the record auth/secret (sdk/auth/secrets.hpp)
//     stamp: the authority's for this user; another one when what was shown so far is not good any more
//
// The root of trust: whoever shows the token that the shell has written into this member's data directory is `root`, may do
// everything, and asks no plugin (docs/auth.md).
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <unordered_map>
#include <vector>

#include "hub/plugin/auth.hpp"
#include "sdk/protocol/messages.hpp"

namespace belfry::hub::core {

struct Principal {
    Bytes name;
    uint64_t stamp = 0;  // root's is 0
    bool is_root() const { return name == auth::root_name; }
    friend bool operator==(const Principal&, const Principal&) = default;
};
using PrincipalPointer = std::shared_ptr<const Principal>;

// Public keys that a transport is to know.
struct ClientKeys {
    bool feed_open = true;     // the feed is for whoever may connect
    std::vector<Bytes> known;  // of users; sorted, as the next
    std::vector<Bytes> feed;   // of those who may read everything
    friend bool operator==(const ClientKeys&, const ClientKeys&) = default;
};

// Every key that can match the filter; an error if it does not compile.
using RangeOf = std::function<Result<KeyRange>(const protocol::FilterSpec&)>;

class Access {
public:
    // `authority`: none = everybody may do everything; it outlives this. `root_token`: empty = there is no root.
    Access(plugin::Authority* authority, Bytes root_token) : authority_(authority), root_token_(std::move(root_token)) {}

    // Nobody is asked who he is.
    bool is_open() const { return authority_ == nullptr || (authority_->is_open() && refusal_.code == Code::ok); }
    // Another one after each load: what was said before may not be so any more.
    uint64_t version() const { return version_; }
    // All records of auth::prefix, or those that have changed.
    void load(bool all, const std::vector<plugin::Authority::Record>& records);
    // Before the log. REQUIRES: the name begins with auth::prefix.
    Status check_record(const protocol::RecordChangeRequest& request) const;
    // Tokens are wanted, and there is no key to mark them with.
    bool lacks_secret() const { return !is_open() && secret_.empty(); }

    // ---- who asks; `unauthenticated`, or why this member serves nobody ----
    Result<PrincipalPointer> identify(const Bytes& credential, uint64_t wall_ms);
    Result<PrincipalPointer> identify_key(BytesView public_key) const;
    Result<PrincipalPointer> named(const Bytes& name) const;  // who has proved it before
    Status still_good(const Principal& principal) const;
    // `unavailable`: lacks_secret().
    Result<Bytes> token_for(const Bytes& name, uint64_t expires_ms) const;

    ClientKeys client_keys() const;

    // ---- may he: `denied` with what he may ----
    // Covers all that the request may do or show, whichever branch of a transaction will run.
    Status authorize(const Principal& principal, const protocol::RequestOp& op, const RangeOf& range_of) const;

private:
    friend struct Permit;
    struct Known {
        PrincipalPointer principal;
        uint64_t expires_ms = 0;
    };
    Result<Known> read_token(const Bytes& token) const;

    plugin::Authority* const authority_;
    const Bytes root_token_;
    const PrincipalPointer root_ = std::make_shared<const Principal>(Principal{Bytes(auth::root_name), 0});
    uint64_t version_ = 1;
    Error refusal_;  // why this member serves nobody; code ok = it does
    Bytes secret_;
    std::map<Bytes, Bytes> users_of_keys_;
    std::unordered_map<Bytes, Known> known_;  // tokens that were looked at since the last load
};

// "put", "txn", ...: for the audit log; static text.
const char* name_of(const protocol::RequestOp& op);

}  // namespace belfry::hub::core

// "auth_rbac": users with passwords and public keys, roles, permissions by action and range of keys. All of it comes from
// the hub's records; while there are none, nobody may do anything but the root of trust (docs/auth.md).
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>

#include "plugins/auth_rbac/permissions.hpp"

namespace belfry::auth_rbac {

class Rbac {
public:
    static Result<std::unique_ptr<Rbac>> open(const plugin::AuthArguments& arguments);
    bool is_open() const { return false; }
    Status load(std::span<const plugin::AuthRecord> records, bool all);
    Status check_record(BytesView name, BytesView content) const { return auth::check_record(name, content); }
    // Any thread. 50 to 100 ms of one core and 64 MiB, whether the name is known or not.
    Status authenticate(BytesView name, BytesView password) const;
    Result<uint64_t> stamp(BytesView name) const;
    Result<BytesView> user_of_key(BytesView key) const;
    Status authorize(BytesView name, uint32_t action, const plugin::AuthRange& range) const;

private:
    struct Hash {
        using is_transparent = void;
        size_t operator()(BytesView text) const { return std::hash<BytesView>()(text); }
    };
    template <class Value>
    using Table = std::unordered_map<Bytes, Value, Hash, std::equal_to<>>;

    struct User {
        auth::User record;
        uint64_t stamp = 0;  // of the record and the password
        // Made when they are asked for; of this generation of roles.
        mutable std::optional<Permissions> permissions;
        mutable uint64_t generation = 0;
    };
    void load_one(const plugin::AuthRecord& record);
    void load_user(BytesView name, const std::optional<BytesView>& content);
    void load_password(BytesView name, const std::optional<BytesView>& content);
    void stamp_again(BytesView name);
    Result<const User*> find(BytesView name) const;
    const Permissions& permissions_of(const User& user) const;

    // Core thread.
    Table<User> users_;
    Table<auth::Role> roles_;
    Table<Bytes> keys_;
    uint64_t generation_ = 1;  // of the roles

    mutable std::mutex mutex_;
    Table<std::string> passwords_;  // hashes; under mutex_ where another thread may be
    std::string nobodys_hash_;      // what a password is checked against when the name is not known
};

}  // namespace belfry::auth_rbac

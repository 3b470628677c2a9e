#include "plugins/auth_rbac/rbac.hpp"

#include <algorithm>

#include "sdk/auth/secrets.hpp"
#include "sdk/base/hash.hpp"

namespace belfry::auth_rbac {

namespace {

// A name that is unknown, or wrong, or too long to be shown.
std::string shown(BytesView name) { return "'" + Bytes(name.substr(0, auth::name_bytes_max)) + "'"; }

template <class Table, class Value>
void replace(Table& table, BytesView name, std::optional<Value> value) {
    if (value) {
        table.insert_or_assign(Bytes(name), *std::move(value));
    } else if (const auto found = table.find(name); found != table.end()) {
        table.erase(found);
    }
}

// What this release cannot read counts as not there.
template <class Value>
std::optional<Value> read(const std::optional<BytesView>& content, Result<Value> (*decode)(BytesView)) {
    if (!content) return std::nullopt;
    auto decoded = decode(*content);
    return decoded ? std::optional(*std::move(decoded)) : std::nullopt;
}

}  // namespace

Result<std::unique_ptr<Rbac>> Rbac::open(const plugin::AuthArguments& arguments) {
    if (!arguments.settings.empty()) {
        return Error{Code::invalid_argument, "there is no setting '" + arguments.settings[0].first + "'"};
    }
    auto rbac = std::make_unique<Rbac>();
    auto hash = auth::hash_password(auth::hex(auth::random_bytes(16)));
    if (!hash) return hash.error();
    rbac->nobodys_hash_ = *std::move(hash);
    return rbac;
}

// ---- records ----

Status Rbac::load(std::span<const plugin::AuthRecord> records, bool all) {
    if (all) {
        users_.clear();
        roles_.clear();
        keys_.clear();
        const std::lock_guard lock(mutex_);
        passwords_.clear();
    }
    const auto is_role = [](const plugin::AuthRecord& record) { return record.name.starts_with(auth::role_prefix); };
    if (all || std::any_of(records.begin(), records.end(), is_role)) ++generation_;
    for (const plugin::AuthRecord& record : records) load_one(record);
    return {};
}

void Rbac::load_one(const plugin::AuthRecord& record) {
    const auto after = [&](BytesView prefix) { return record.name.substr(prefix.size()); };
    if (record.name.starts_with(auth::user_prefix)) return load_user(after(auth::user_prefix), record.content);
    if (record.name.starts_with(auth::password_prefix)) return load_password(after(auth::password_prefix), record.content);
    if (record.name.starts_with(auth::role_prefix)) {
        return replace(roles_, after(auth::role_prefix), read(record.content, auth::decode_role));
    }
    if (record.name.starts_with(auth::key_prefix)) {
        return replace(keys_, after(auth::key_prefix), read(record.content, auth::decode_key));
    }
}

void Rbac::load_user(BytesView name, const std::optional<BytesView>& content) {
    auto record = read(content, auth::decode_user);
    replace(users_, name, record ? std::optional(User{*std::move(record), 0, {}, 0}) : std::nullopt);
    stamp_again(name);
}

void Rbac::load_password(BytesView name, const std::optional<BytesView>& content) {
    auto hash = read(content, auth::decode_password);
    if (hash && !auth::check_record(Bytes(auth::password_prefix) + Bytes(name), *content)) hash.reset();
    {
        const std::lock_guard lock(mutex_);
        replace(passwords_, name, std::move(hash));
    }
    stamp_again(name);
}

void Rbac::stamp_again(BytesView name) {
    const auto user = users_.find(name);
    if (user == users_.end()) return;
    const auto password = passwords_.find(name);
    const Bytes all =
        std::to_string(user->second.record.stamp) + '/' + (password == passwords_.end() ? "" : password->second);
    user->second.stamp = hash64(all);
}

// ---- questions ----

Status Rbac::authenticate(BytesView name, BytesView password) const {
    std::string hash;
    {
        const std::lock_guard lock(mutex_);
        const auto found = passwords_.find(name);
        if (found != passwords_.end()) hash = found->second;
    }
    const bool known = !hash.empty();
    const bool fits = auth::password_matches(known ? hash : nobodys_hash_, password);
    if (known && fits) return {};
    return Error{Code::unauthenticated, "the name or the password is wrong"};
}

Result<const Rbac::User*> Rbac::find(BytesView name) const {
    const auto found = users_.find(name);
    if (found == users_.end()) return Error{Code::unauthenticated, "there is no user " + shown(name) + " any more"};
    if (found->second.record.disabled) return Error{Code::unauthenticated, "user " + shown(name) + " is disabled"};
    return &found->second;
}

Result<uint64_t> Rbac::stamp(BytesView name) const {
    const auto user = find(name);
    if (!user) return user.error();
    return (*user)->stamp;
}

Result<BytesView> Rbac::user_of_key(BytesView key) const {
    const auto found = keys_.find(key);
    if (found != keys_.end()) return BytesView(found->second);
    return Error{Code::unauthenticated, "this public key belongs to no user (belfry user key add NAME KEY)"};
}

const Permissions& Rbac::permissions_of(const User& user) const {
    if (user.permissions && user.generation == generation_) return *user.permissions;
    Permissions permissions;
    for (const std::string& name : user.record.roles) {
        const auto role = roles_.find(name);
        if (role == roles_.end()) continue;
        for (const auth::Permission& permission : role->second.permissions) permissions.add(permission);
    }
    permissions.finish();
    user.generation = generation_;
    return user.permissions.emplace(std::move(permissions));
}

Status Rbac::authorize(BytesView name, uint32_t action, const plugin::AuthRange& range) const {
    const auto user = find(name);
    if (!user) return user.error();
    const Permissions& permissions = permissions_of(**user);
    if (permissions.allow(action, range)) return {};
    const std::string verb = auth::to_string(static_cast<auth::Action>(action));
    if (action == BELFRY_ACTION_ADMIN) {
        return Error{Code::denied, "user " + shown(name) + " is no administrator: this needs a role with `admin`"};
    }
    KeyRange asked{Bytes(range.begin), {}};
    if (!range.is_one) asked.end = range.end.empty() ? Bytes(1, '\0') : Bytes(range.end);
    return Error{Code::denied, "user " + shown(name) + " may not " + verb + " " + auth::range_text(asked) + "; it may " +
                                   verb + " " + permissions.allowed(action)};
}

}  // namespace belfry::auth_rbac

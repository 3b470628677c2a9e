#include "hub/plugin/auth.hpp"

namespace belfry::hub::plugin {

using belfry::plugin::from_c;

Result<std::unique_ptr<Authority>> Authority::open(const belfry_host_v1& host, const belfry_auth_v1& table,
                                                   std::string name, const belfry::plugin::Settings& settings) {
    std::unique_ptr<Authority> authority(new Authority(table, std::move(name)));
    const std::vector<belfry_setting> list = to_c(settings);
    ErrorBuffer error;
    const belfry_status status = table.open(&host, list.data(), list.size(), &authority->auth_, error);
    if (status != BELFRY_OK) {
        authority->auth_ = nullptr;
        return to_error(status, error, authority->name_, "open");
    }
    if (authority->auth_ == nullptr) return Error{Code::io, authority->name_ + ": open gave nothing"};
    authority->is_open_ = table.is_open(authority->auth_) != 0;
    return authority;
}

Authority::~Authority() {
    if (auth_ != nullptr) table_.close(auth_);
}

// What clients are to read names no plugin and no slot.
Status Authority::said(belfry_status status, ErrorBuffer& error, std::string_view slot) const {
    if (status == BELFRY_OK) return {};
    const bool for_clients =
        status == BELFRY_DENIED || status == BELFRY_UNAUTHENTICATED || status == BELFRY_INVALID_ARGUMENT;
    error.error.message[sizeof(error.error.message) - 1] = '\0';
    if (!for_clients || error.error.message[0] == '\0') return to_error(status, error, name_, slot);
    return Error{static_cast<Code>(status), error.error.message};
}

Status Authority::load(bool all, const std::vector<Record>& records) {
    std::vector<belfry_auth_record> list;
    list.reserve(records.size());
    for (const Record& record : records) {
        const BytesView content = record.content ? BytesView(*record.content) : BytesView();
        list.push_back({belfry::plugin::to_c(record.name), belfry::plugin::to_c(content), record.content ? 0 : 1, 0});
    }
    ErrorBuffer error;
    return said(table_.load(auth_, all ? 1 : 0, list.data(), list.size(), error), error, "load");
}

Status Authority::check_record(BytesView name, BytesView content) const {
    ErrorBuffer error;
    return said(table_.check_record(auth_, belfry::plugin::to_c(name), belfry::plugin::to_c(content), error), error,
                "check_record");
}

Status Authority::authenticate(BytesView name, BytesView password) const {
    ErrorBuffer error;
    return said(table_.authenticate(auth_, belfry::plugin::to_c(name), belfry::plugin::to_c(password), error), error,
                "authenticate");
}

Result<uint64_t> Authority::stamp(BytesView user) const {
    ErrorBuffer error;
    uint64_t stamp = 0;
    Status known = said(table_.stamp(auth_, belfry::plugin::to_c(user), &stamp, error), error, "stamp");
    if (!known) return known.error();
    return stamp;
}

Result<Bytes> Authority::user_of_key(BytesView key) const {
    ErrorBuffer error;
    belfry_bytes user{nullptr, 0};
    Status known = said(table_.user_of_key(auth_, belfry::plugin::to_c(key), &user, error), error, "user_of_key");
    if (!known) return known.error();
    return Bytes(from_c(user));
}

Status Authority::ask(BytesView user, auth::Action action, BytesView begin, const belfry_bytes* end) const {
    ErrorBuffer error;
    const belfry_status status = table_.authorize(auth_, belfry::plugin::to_c(user), static_cast<uint32_t>(action),
                                                  belfry::plugin::to_c(begin), end, error);
    return status == BELFRY_OK ? Status() : said(status, error, "authorize");
}

Status Authority::authorize(BytesView user, auth::Action action, const KeyRange& range) const {
    if (range.is_one()) return ask(user, action, range.begin, nullptr);
    const belfry_bytes end = range.is_open() ? belfry_bytes{nullptr, 0} : belfry::plugin::to_c(range.end);
    return ask(user, action, range.begin, &end);
}

Status Authority::authorize(BytesView user, auth::Action action, BytesView key) const {
    return ask(user, action, key, nullptr);
}

}  // namespace belfry::hub::plugin

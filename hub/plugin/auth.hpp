// The host's side of the authentication seam: one wrapper per slot.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "hub/plugin/call.hpp"
#include "sdk/base/key_range.hpp"
#include "sdk/plugin/auth.h"
#include "sdk/protocol/auth_records.hpp"

namespace belfry::hub::plugin {

class Authority {
public:
    struct Record {
        Bytes name;
        std::optional<Bytes> content;  // none: it is gone
    };

    static Result<std::unique_ptr<Authority>> open(const belfry_host_v1& host, const belfry_auth_v1& table,
                                                   std::string name, const belfry::plugin::Settings& settings);
    ~Authority();
    Authority(const Authority&) = delete;
    Authority& operator=(const Authority&) = delete;

    bool is_open() const { return is_open_; }
    // The sentence of an error is for clients: why this member serves nobody.
    Status load(bool all, const std::vector<Record>& records);
    Status check_record(BytesView name, BytesView content) const;
    // Any thread; may block.
    Status authenticate(BytesView name, BytesView password) const;
    Result<uint64_t> stamp(BytesView user) const;
    Result<Bytes> user_of_key(BytesView key) const;
    Status authorize(BytesView user, auth::Action action, const KeyRange& range) const;
    Status authorize(BytesView user, auth::Action action, BytesView key) const;

private:
    Authority(const belfry_auth_v1& table, std::string name) : table_(table), name_(std::move(name)) {}
    Status ask(BytesView user, auth::Action action, BytesView begin, const belfry_bytes* end) const;
    Status said(belfry_status status, ErrorBuffer& error, std::string_view slot) const;

    const belfry_auth_v1& table_;
    const std::string name_;
    belfry_auth* auth_ = nullptr;
    bool is_open_ = false;
};

}  // namespace belfry::hub::plugin

// The one error type and the one result type of Belfry.
//
// Few codes: one exists only if a caller acts differently on it. The sentence in `detail` names the place and says what
// to do. The numbers travel on the wire and through the plugin ABI: never reuse one.
#pragma once

#include <cassert>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace belfry {

// On the wire and in sdk/plugin/plugin.h (BELFRY_...) since 1.0.
enum class Code : int32_t {
    ok = 0,
    invalid_argument = 1,
    not_found = 2,
    conflict = 3,
    not_leader = 4,
    unavailable = 5,  // certainly not done; trying again is safe
    uncertain = 6,    // perhaps done; look before trying again
    busy = 7,         // a bound was met; certainly not done; try later
    too_large = 8,
    compacted = 9,
    denied = 10,
    corrupt = 11,
    io = 12,
    unsupported = 13,
    incompatible = 14,
    no_space = 15,
    timeout = 16,
    unauthenticated = 17,  // the hub does not know who asks; certainly not done; log in (again)
};

// "invalid_argument", "not_found", ... ; "unknown" for a number this build does not know. Static text.
std::string_view to_string(Code code);

struct Error {
    Code code = Code::ok;
    std::string detail;  // "path '/a//b': empty segment at 3"
};

// "not_found: no such key 'a/b'"
std::string to_string(const Error& error);

// A value or an error; the caller must look. value() and error() require the matching state (asserted).
template <class T>
class [[nodiscard]] Result {
public:
    Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
    Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

    bool ok() const { return state_.index() == 0; }
    explicit operator bool() const { return ok(); }

    T& value() & { return assert(ok()), *std::get_if<0>(&state_); }
    const T& value() const& { return assert(ok()), *std::get_if<0>(&state_); }
    T&& value() && { return assert(ok()), std::move(*std::get_if<0>(&state_)); }
    T* operator->() { return &value(); }
    const T* operator->() const { return &value(); }
    T& operator*() & { return value(); }
    const T& operator*() const& { return value(); }
    T&& operator*() && { return std::move(*this).value(); }

    const Error& error() const& { return assert(!ok()), *std::get_if<1>(&state_); }
    Error&& error() && { return assert(!ok()), std::move(*std::get_if<1>(&state_)); }

private:
    std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
public:
    Result() = default;
    Result(Error error) : error_(std::move(error)) { assert(error_.code != Code::ok); }

    bool ok() const { return error_.code == Code::ok; }
    explicit operator bool() const { return ok(); }
    const Error& error() const& { return assert(!ok()), error_; }
    Error&& error() && { return assert(!ok()), std::move(error_); }

private:
    Error error_;
};

using Status = Result<void>;

}  // namespace belfry

// What one user may do, made of all the permissions of its roles: for each action the ranges of keys, sorted and merged, so
// that a question is one binary search.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "sdk/plugin/auth.hpp"
#include "sdk/protocol/auth_records.hpp"

namespace belfry::auth_rbac {

// [begin, end); end empty = no end.
struct Span {
    Bytes begin;
    Bytes end;
    friend bool operator==(const Span&, const Span&) = default;
};

Span span_of(const KeyRange& range);
// Sorted, none touches another.
std::vector<Span> merged(std::vector<Span> spans);

class Permissions {
public:
    void add(const auth::Permission& permission);
    // After the last add(), before the first question.
    void finish();

    bool allow(uint32_t action, const plugin::AuthRange& range) const;
    // "prefix 'app/', 'x'"; cut after a few. "nothing" if so.
    std::string allowed(uint32_t action) const;

private:
    static constexpr size_t actions_count = 6;
    static size_t place_of(uint32_t action);
    std::array<std::vector<Span>, actions_count> spans_;  // by the action's bit
};

}  // namespace belfry::auth_rbac

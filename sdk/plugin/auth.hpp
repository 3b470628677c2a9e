// Authentication in C++: write a class with the members of AuthConcept and name it in BELFRY_PLUGIN:
//     BELFRY_PLUGIN(auth_mine, "1.0.0", "Asks my directory.", belfry::plugin::auth<MyAuth>())
// The meanings are those of sdk/plugin/auth.h. Members may throw (the adapter answers `io`, which refuses).
#pragma once

#include <concepts>
#include <optional>
#include <span>

#include "sdk/plugin/auth.h"
#include "sdk/plugin/plugin.hpp"

namespace belfry::plugin {

struct AuthArguments {
    Host host;
    Settings settings;
};

struct AuthRecord {
    BytesView name;
    std::optional<BytesView> content;  // none: it is gone
};

// The keys that a question is about.
struct AuthRange {
    BytesView begin;
    bool is_one = true;  // the key `begin` alone; else [begin, end), end empty = no end
    BytesView end;
};

template <class T>
concept AuthConcept = requires(T auth, const T asked, const AuthArguments& arguments, BytesView bytes,
                               std::span<const AuthRecord> records, const AuthRange& range) {
    { T::open(arguments) } -> std::same_as<Result<std::unique_ptr<T>>>;
    { asked.is_open() } -> std::same_as<bool>;
    { auth.load(records, true) } -> std::same_as<Status>;
    { asked.check_record(bytes, bytes) } -> std::same_as<Status>;
    { asked.authenticate(bytes, bytes) } -> std::same_as<Status>;
    { asked.stamp(bytes) } -> std::same_as<Result<uint64_t>>;
    { asked.user_of_key(bytes) } -> std::same_as<Result<BytesView>>;
    { asked.authorize(bytes, uint32_t{}, range) } -> std::same_as<Status>;
};

template <AuthConcept T>
class AuthTable {
    static T& of(belfry_auth* auth) { return *reinterpret_cast<T*>(auth); }
    static const T& of(const belfry_auth* auth) { return *reinterpret_cast<const T*>(auth); }

    static belfry_status open(const belfry_host_v1* host, const belfry_setting* settings, uint64_t count,
                              belfry_auth** auth, belfry_error* error) {
        return guarded(error, [&] {
            auto opened = T::open({Host(host), settings_from_c(settings, count)});
            if (!opened) return fail(error, opened.error().code, opened.error().detail);
            *auth = reinterpret_cast<belfry_auth*>(std::move(*opened).release());
            return belfry_status{BELFRY_OK};
        });
    }
    static int32_t is_open(const belfry_auth* auth) { return of(auth).is_open() ? 1 : 0; }
    static belfry_status load(belfry_auth* auth, int32_t all, const belfry_auth_record* records, uint64_t count,
                              belfry_error* error) {
        return guarded(error, [&] {
            std::vector<AuthRecord> views;
            views.reserve(count);
            for (uint64_t i = 0; i < count; ++i) {
                const belfry_auth_record& record = records[i];
                views.push_back(
                    {from_c(record.name), record.removed != 0 ? std::nullopt : std::optional(from_c(record.content))});
            }
            return to_c(of(auth).load(views, all != 0), error);
        });
    }
    static belfry_status check_record(const belfry_auth* auth, belfry_bytes name, belfry_bytes content,
                                      belfry_error* error) {
        return guarded(error, [&] { return to_c(of(auth).check_record(from_c(name), from_c(content)), error); });
    }
    static belfry_status authenticate(const belfry_auth* auth, belfry_bytes name, belfry_bytes password,
                                      belfry_error* error) {
        return guarded(error, [&] { return to_c(of(auth).authenticate(from_c(name), from_c(password)), error); });
    }
    static belfry_status stamp(const belfry_auth* auth, belfry_bytes user, uint64_t* stamp, belfry_error* error) {
        return guarded(error, [&] {
            const Result<uint64_t> known = of(auth).stamp(from_c(user));
            if (!known) return fail(error, known.error().code, known.error().detail);
            *stamp = *known;
            return belfry_status{BELFRY_OK};
        });
    }
    static belfry_status user_of_key(const belfry_auth* auth, belfry_bytes key, belfry_bytes* user, belfry_error* error) {
        return guarded(error, [&] {
            const Result<BytesView> known = of(auth).user_of_key(from_c(key));
            if (!known) return fail(error, known.error().code, known.error().detail);
            *user = to_c(*known);
            return belfry_status{BELFRY_OK};
        });
    }
    static belfry_status authorize(const belfry_auth* auth, belfry_bytes user, uint32_t action, belfry_bytes begin,
                                   const belfry_bytes* end, belfry_error* error) {
        return guarded(error, [&] {
            const AuthRange range{from_c(begin), end == nullptr, end == nullptr ? BytesView() : from_c(*end)};
            return to_c(of(auth).authorize(from_c(user), action, range), error);
        });
    }
    static void close(belfry_auth* auth) { delete &of(auth); }

public:
    static constexpr belfry_auth_v1 slots = {sizeof(belfry_auth_v1), 0,     open,        is_open,   load, check_record,
                                             authenticate,           stamp, user_of_key, authorize, close};
};

template <AuthConcept T>
belfry_interface auth() {
    return {BELFRY_KIND_AUTH, 0, &AuthTable<T>::slots};
}

}  // namespace belfry::plugin

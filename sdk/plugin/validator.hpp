// Validators in C++: write a class with the members of ValidatorConcept and name it in BELFRY_PLUGIN:
//     BELFRY_PLUGIN(validate_mine, "1.0.0", "Accepts what I like.", belfry::plugin::validator<MyValidator>())
// The meanings are those of sdk/plugin/validator.h. compile() and check() may throw (the adapter answers `io`). A class
// that has settings also has
//     static Status configure(const Host& host, const Settings& settings);
#pragma once

#include <concepts>
#include <optional>

#include "sdk/plugin/plugin.hpp"
#include "sdk/plugin/validator.h"

namespace belfry::plugin {

// One write: `value` none = the key is to be erased.
struct ValueChange {
    BytesView key;
    std::optional<BytesView> old_value;
    std::optional<BytesView> value;
};

template <class T>
concept ValidatorConcept = requires(const T validator, BytesView bytes, const ValueChange& change) {
    { T::kind } -> std::convertible_to<const char*>;
    { T::compile(bytes) } -> std::same_as<Result<std::unique_ptr<T>>>;
    { validator.check(change) } -> std::same_as<Status>;
    { validator.may_block() } -> std::same_as<bool>;
};

template <ValidatorConcept T>
class ValidatorTable {
    static const T& of(const belfry_validator* validator) { return *reinterpret_cast<const T*>(validator); }
    static std::optional<BytesView> view(const belfry_bytes* bytes) {
        return bytes == nullptr ? std::nullopt : std::optional(from_c(*bytes));
    }

    static belfry_status compile(belfry_bytes spec, belfry_validator** validator, belfry_error* error) {
        return guarded(error, [&] {
            auto compiled = T::compile(from_c(spec));
            if (!compiled) return fail(error, compiled.error().code, compiled.error().detail);
            *validator = reinterpret_cast<belfry_validator*>(std::move(*compiled).release());
            return belfry_status{BELFRY_OK};
        });
    }
    static belfry_status check(const belfry_validator* validator, belfry_bytes key, const belfry_bytes* old_value,
                               const belfry_bytes* value, belfry_error* error) {
        return guarded(error, [&] {
            const Status accepted = of(validator).check({from_c(key), view(old_value), view(value)});
            return accepted ? belfry_status{BELFRY_OK} : fail(error, accepted.error().code, accepted.error().detail);
        });
    }
    static int32_t may_block(const belfry_validator* validator) noexcept { return of(validator).may_block() ? 1 : 0; }
    static void close(belfry_validator* validator) { delete &of(validator); }

    static constexpr bool has_settings = requires(const Host& host, const Settings& settings) {
        { T::configure(host, settings) } -> std::same_as<Status>;
    };
    static belfry_status configure(const belfry_host_v1* host, const belfry_setting* settings, uint64_t count,
                                   belfry_error* error) {
        return guarded(error, [&] {
            Status configured;
            if constexpr (has_settings) configured = T::configure(Host(host), settings_from_c(settings, count));
            return configured ? belfry_status{BELFRY_OK} : fail(error, configured.error().code, configured.error().detail);
        });
    }

public:
    static constexpr belfry_validator_v1 slots = {
        sizeof(belfry_validator_v1), 0, T::kind, compile, check, may_block, close, has_settings ? configure : nullptr};
};

template <ValidatorConcept T>
belfry_interface validator() {
    return {BELFRY_KIND_VALIDATOR, 0, &ValidatorTable<T>::slots};
}

}  // namespace belfry::plugin

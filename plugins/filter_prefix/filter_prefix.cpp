// "prefix": every key that begins with the spec; an empty spec is every key.
#include <memory>

#include "sdk/base/limits.hpp"
#include "sdk/plugin/filter.hpp"

namespace {

using namespace belfry;

class PrefixFilter {
public:
    static constexpr const char* kind = "prefix";
    static constexpr bool reads_value = false;
    static Result<std::unique_ptr<PrefixFilter>> compile(BytesView spec) {
        if (spec.size() > limits::key_bytes_max) return Error{Code::too_large, "prefix: longer than any key can be"};
        return std::unique_ptr<PrefixFilter>(new PrefixFilter(spec));
    }
    BytesView canonical() const { return prefix_; }
    plugin::FilterRange range() const { return {prefix_, end_}; }
    bool matches(BytesView key, BytesView) const { return key.starts_with(prefix_); }

private:
    explicit PrefixFilter(BytesView spec) : prefix_(spec), end_(plugin::range_end(spec)) {}
    Bytes prefix_;
    Bytes end_;
};

}  // namespace

BELFRY_PLUGIN(filter_prefix, "1.0.0", "Matches every key with a prefix.", belfry::plugin::filter<PrefixFilter>())

// A whole plugin: a filter that matches keys by their ending (docs/plugins.md).
#include <memory>
#include <string>

#include "sdk/base/limits.hpp"
#include "sdk/plugin/filter.hpp"

namespace {

class SuffixFilter {
public:
    static constexpr const char* kind = "suffix";
    static constexpr bool reads_value = false;  // keys alone
    static belfry::Result<std::unique_ptr<SuffixFilter>> compile(belfry::BytesView spec) {
        if (spec.empty()) return belfry::Error{belfry::Code::invalid_argument, std::string(kind) + ": the spec is empty"};
        if (spec.size() > belfry::limits::key_bytes_max) {
            return belfry::Error{belfry::Code::too_large, std::string(kind) + ": longer than any key can be"};
        }
        return std::make_unique<SuffixFilter>(spec);
    }
    explicit SuffixFilter(belfry::BytesView spec) : suffix_(spec) {}
    belfry::BytesView canonical() const { return suffix_; }
    belfry::plugin::FilterRange range() const { return {}; }  // any key can end so
    bool matches(belfry::BytesView key, belfry::BytesView) const { return key.ends_with(suffix_); }

private:
    belfry::Bytes suffix_;
};

}  // namespace

BELFRY_PLUGIN(filter_suffix, "1.0.0", "Matches keys by their ending.", belfry::plugin::filter<SuffixFilter>())

// A whole plugin: a filter that matches keys by their ending ("suffix"). See docs/plugins.md.
//
//   belfry plugin check build/release/lib/belfry/plugins/filter_suffix.so
#include <memory>

#include "sdk/base/limits.hpp"
#include "sdk/plugin/filter.hpp"

namespace {

class SuffixFilter {
public:
    static constexpr const char* kind = "suffix";
    static belfry::Result<std::unique_ptr<SuffixFilter>> compile(belfry::BytesView spec) {
        if (spec.empty()) return belfry::Error{belfry::Code::invalid_argument, "suffix: the spec is empty"};
        if (spec.size() > belfry::limits::key_bytes_max) {
            return belfry::Error{belfry::Code::too_large, "suffix: longer than any key can be"};
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

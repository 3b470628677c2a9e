// "glob": shell-like patterns over paths; the language is described in sdk/base/match.hpp.
#include <memory>

#include "sdk/base/key_range.hpp"
#include "sdk/base/match.hpp"
#include "sdk/plugin/filter.hpp"

namespace {

using namespace belfry;

class GlobFilter {
public:
    static constexpr const char* kind = "glob";
    static constexpr bool reads_value = false;
    static Result<std::unique_ptr<GlobFilter>> compile(BytesView spec) {
        auto glob = Glob::parse(spec);
        if (!glob) return glob.error();
        return std::unique_ptr<GlobFilter>(new GlobFilter(std::move(*glob)));
    }
    BytesView canonical() const { return glob_.canonical(); }
    plugin::FilterRange range() const { return {glob_.literal_prefix(), end_}; }
    bool matches(BytesView key, BytesView) const { return glob_.matches(key); }

private:
    explicit GlobFilter(Glob glob) : glob_(std::move(glob)), end_(prefix_end(glob_.literal_prefix())) {
        if (end_ == Bytes(1, '\0')) end_.clear();  // no upper end
    }
    Glob glob_;
    Bytes end_;
};

}  // namespace

BELFRY_PLUGIN(filter_glob, "1.0.0", "Matches keys by a glob over paths.", belfry::plugin::filter<GlobFilter>())

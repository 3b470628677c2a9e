// "glob": shell-like patterns over paths; the language is described in sdk/base/match.hpp.
#include <memory>

#include "sdk/base/glob_set.hpp"
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

    class Set {
    public:
        static Result<std::unique_ptr<Set>> make(std::span<const GlobFilter* const> filters) {
            std::vector<const Glob*> globs;
            for (const GlobFilter* filter : filters) globs.push_back(&filter->glob_);
            auto set = GlobSet::make(globs);
            if (!set) return set.error();
            return std::unique_ptr<Set>(new Set(*std::move(set)));
        }
        bool matches(BytesView key, BytesView, uint64_t* bits) {
            globs_.matches(key, [&](size_t glob) { plugin::set_bit(bits, glob); });
            return true;
        }

    private:
        explicit Set(GlobSet globs) : globs_(std::move(globs)) {}
        GlobSet globs_;
    };

private:
    explicit GlobFilter(Glob glob) : glob_(std::move(glob)), end_(plugin::range_end(glob_.literal_prefix())) {}
    Glob glob_;
    Bytes end_;
};

}  // namespace

BELFRY_PLUGIN(filter_glob, "1.0.0", "Matches keys by a glob over paths.", belfry::plugin::filter<GlobFilter>())

// "regex": every key that a regular expression matches whole; the language is described in regex.hpp.
#include "plugins/filter_regex/regex.hpp"
#include "plugins/filter_regex/regex_set.hpp"
#include "sdk/plugin/filter.hpp"

namespace {

using namespace belfry;

class RegexFilter {
public:
    static constexpr const char* kind = "regex";
    static constexpr bool reads_value = false;
    static Result<std::unique_ptr<RegexFilter>> compile(BytesView spec) {
        auto regex = filter_regex::Regex::compile(spec);
        if (!regex) return regex.error();
        return std::unique_ptr<RegexFilter>(new RegexFilter(*std::move(regex)));
    }
    BytesView canonical() const { return regex_->canonical(); }
    plugin::FilterRange range() const { return {regex_->begin(), regex_->end()}; }
    bool matches(BytesView key, BytesView) const { return regex_->matches(key); }

    class Set {
    public:
        static Result<std::unique_ptr<Set>> make(std::span<const RegexFilter* const> filters) {
            std::vector<const filter_regex::Regex*> regexes;
            for (const RegexFilter* filter : filters) regexes.push_back(filter->regex_.get());
            auto set = filter_regex::RegexSet::make(regexes);
            if (!set) return set.error();
            return std::unique_ptr<Set>(new Set(*std::move(set)));
        }
        bool matches(BytesView key, BytesView, uint64_t* bits) {
            regexes_->matches(key, [&](size_t regex) { plugin::set_bit(bits, regex); });
            return true;
        }

    private:
        explicit Set(std::unique_ptr<filter_regex::RegexSet> regexes) : regexes_(std::move(regexes)) {}
        std::unique_ptr<filter_regex::RegexSet> regexes_;
    };

private:
    explicit RegexFilter(std::unique_ptr<filter_regex::Regex> regex) : regex_(std::move(regex)) {}
    std::unique_ptr<filter_regex::Regex> regex_;
};

}  // namespace

BELFRY_PLUGIN(filter_regex, "1.0.0", "Matches keys by a regular expression.", belfry::plugin::filter<RegexFilter>())

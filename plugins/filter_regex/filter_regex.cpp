// "regex": every key that a regular expression matches whole; the language is described in regex.hpp.
#include "plugins/filter_regex/regex.hpp"
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

private:
    explicit RegexFilter(std::unique_ptr<filter_regex::Regex> regex) : regex_(std::move(regex)) {}
    std::unique_ptr<filter_regex::Regex> regex_;
};

}  // namespace

BELFRY_PLUGIN(filter_regex, "1.0.0", "Matches keys by a regular expression.", belfry::plugin::filter<RegexFilter>())

#include "plugins/filter_regex/regex_set.hpp"

#include <algorithm>
#include <unordered_map>

namespace belfry::filter_regex {

Result<std::unique_ptr<RegexSet>> RegexSet::make(std::span<const Regex* const> regexes) {
    std::unordered_map<Bytes, size_t> wanted;  // by how many
    for (const Regex* regex : regexes) {
        for (const Bytes& needle : regex->needles().all_of) ++wanted[needle];
    }
    std::unique_ptr<RegexSet> set(new RegexSet);
    set->regexes_.assign(regexes.begin(), regexes.end());
    set->asked_.assign(regexes.size(), 0);
    std::unordered_map<Bytes, size_t> places;
    std::vector<Bytes> needles;
    const auto file = [&](const Bytes& needle, size_t regex) {
        const auto [place, fresh] = places.emplace(needle, needles.size());
        if (fresh) {
            needles.push_back(needle);
            set->filed_.emplace_back();
        }
        set->filed_[place->second].push_back(regex);
    };
    for (size_t i = 0; i < regexes.size(); ++i) {
        const Needles& known = regexes[i]->needles();
        const auto rarest = std::min_element(known.all_of.begin(), known.all_of.end(), [&](const Bytes& a, const Bytes& b) {
            return std::pair(wanted[a], b.size()) < std::pair(wanted[b], a.size());
        });
        if (rarest != known.all_of.end()) {
            file(*rarest, i);
        } else {
            for (const Bytes& needle : known.any_of) file(needle, i);
            if (known.any_of.empty()) set->always_.push_back(i);
        }
    }
    set->finder_ = std::make_unique<NeedleFinder>(needles);
    if (!set->finder_->fits()) return Error{Code::too_large, "regex: these are too many to be asked at once"};
    set->found_.assign(needles.size(), 0);
    return set;
}

}  // namespace belfry::filter_regex

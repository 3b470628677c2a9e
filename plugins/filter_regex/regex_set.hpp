// Many regular expressions asked about a key at once: each is filed under something that a key must hold for it to match,
// if possible something that few others need, and only those whose needle the key holds are asked. Those of which nothing
// is known are asked always. So a question never costs more than one pass over the key beyond asking each.
#pragma once

#include <memory>
#include <span>

#include "plugins/filter_regex/needles.hpp"
#include "plugins/filter_regex/regex.hpp"

namespace belfry::filter_regex {

class RegexSet {
public:
    // The expressions outlive the set. too_large: their needles do not fit NeedleFinder::table_bytes_max.
    static Result<std::unique_ptr<RegexSet>> make(std::span<const Regex* const> regexes);

    // Calls visit(i) once for each that matches, by its place in make(). One thread at a time.
    template <class Visit>
    void matches(BytesView key, Visit&& visit) {
        ++question_;
        const auto ask = [&](size_t regex) {
            if (asked_[regex] == question_) return;
            asked_[regex] = question_;
            if (regexes_[regex]->matches(key)) visit(regex);
        };
        if (folds_into_ascii(key)) {
            for (size_t regex = 0; regex < regexes_.size(); ++regex) ask(regex);
            return;
        }
        for (const size_t regex : always_) ask(regex);
        finder_->find(key, [&](uint32_t needle) {
            if (found_[needle] == question_) return;
            found_[needle] = question_;
            for (const size_t regex : filed_[needle]) ask(regex);
        });
    }

private:
    RegexSet() = default;

    std::vector<const Regex*> regexes_;
    std::vector<size_t> always_;
    std::unique_ptr<NeedleFinder> finder_;
    std::vector<std::vector<size_t>> filed_;  // by needle
    uint64_t question_ = 0;
    std::vector<uint64_t> found_, asked_;  // by needle, by expression: the last question
};

}  // namespace belfry::filter_regex

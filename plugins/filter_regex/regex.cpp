#include "plugins/filter_regex/regex.hpp"

#include <algorithm>

#include "sdk/base/limits.hpp"
#include "sdk/plugin/filter.hpp"

namespace belfry::filter_regex {
namespace {

Error refusal(const std::string& reason) { return {Code::invalid_argument, "regex: " + reason}; }

re2::RE2::Options options() {
    re2::RE2::Options options;
    options.set_log_errors(false);
    options.set_dot_nl(true);
    options.set_never_capture(true);
    options.set_max_mem(memory_bytes_max);
    return options;
}

size_t count(BytesView text, BytesView part) {
    size_t times = 0;
    for (size_t at = text.find(part); at != BytesView::npos; at = text.find(part, at + part.size())) ++times;
    return times;
}

bool ends_with_anchor(BytesView pattern) {
    if (!pattern.ends_with('$')) return false;
    const BytesView before = pattern.substr(0, pattern.size() - 1);
    const size_t last_other = before.find_last_not_of('\\');
    const size_t backslashes = before.size() - (last_other == BytesView::npos ? 0 : last_other + 1);
    return backslashes % 2 == 0;
}

// Leading '^' and trailing '$' say nothing where the whole key must match. They stay where they may be something else: a
// repeated '^', or anything behind \Q.
BytesView without_anchors(BytesView pattern) {
    if (pattern.find("\\Q") != BytesView::npos) return pattern;
    constexpr BytesView repetitions = "*+?{";
    while (pattern.starts_with('^') && (pattern.size() == 1 || repetitions.find(pattern[1]) == BytesView::npos)) {
        pattern.remove_prefix(1);
    }
    while (ends_with_anchor(pattern)) pattern.remove_suffix(1);
    return pattern;
}

}  // namespace

Regex::Regex(Bytes canonical) : canonical_(std::move(canonical)), program_(canonical_, options()) {}

Result<std::unique_ptr<Regex>> Regex::compile(BytesView pattern) {
    if (pattern.size() > pattern_bytes_max) {
        return Error{Code::too_large, "regex: the pattern has " + std::to_string(pattern.size()) + " octets, at most " +
                                          std::to_string(pattern_bytes_max) + " are allowed; use several filters"};
    }
    if (count(pattern, "\\p") + count(pattern, "\\P") > unicode_classes_max) {
        return refusal("more than " + std::to_string(unicode_classes_max) + " classes \\p, matching it could be slow");
    }
    const BytesView core = without_anchors(pattern);
    if (core.empty()) return refusal("it matches no key; write '.*' for every key");
    std::unique_ptr<Regex> regex(new Regex(Bytes(core)));
    const re2::RE2& program = regex->program_;
    if (program.error_code() == re2::RE2::ErrorPatternTooLarge ||
        (program.ok() && program.ProgramSize() > program_size_max)) {
        return refusal(
            "the pattern is too large when compiled, matching it could be slow; repeat less, or use smaller classes");
    }
    if (!program.ok()) return refusal(program.error());
    regex->find_range();
    return regex;
}

bool Regex::matches(BytesView key) const { return re2::RE2::FullMatch(re2::StringPiece(key.data(), key.size()), program_); }

const Needles& Regex::needles() const {
    if (!needles_) needles_ = needles_of(canonical_, options());
    return *needles_;
}

// One key, or a prefix: the feed finds both by lookup (hub/feed/channel_index.hpp).
void Regex::find_range() {
    std::string low;
    std::string high;
    if (!program_.PossibleMatchRange(&low, &high, limits::key_bytes_max)) return;
    if (low == high) {
        begin_ = low;
        end_ = low + '\0';
        return;
    }
    const auto differs = std::mismatch(low.begin(), low.end(), high.begin(), high.end()).first;
    begin_.assign(low.begin(), differs);
    end_ = plugin::range_end(begin_);
}

}  // namespace belfry::filter_regex

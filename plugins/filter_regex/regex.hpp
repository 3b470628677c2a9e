// Keys by a regular expression of RE2: matching costs at most program x key, whatever the pattern.
//
// The whole key must match, as with the other filters of keys: a forgotten ".*" then shows at once, and "app/.*" needs no
// "^" for the hub to know that only keys below app/ can match. Write ".*part.*" to search. The text is UTF-8 and '.' is any
// character, a line's end included; a key that is not UTF-8 matches only where \C stands for its octets.
#pragma once

#include <re2/re2.h>

#include <memory>
#include <optional>

#include "plugins/filter_regex/needles.hpp"
#include "sdk/base/error.hpp"
#include "sdk/base/types.hpp"

namespace belfry::filter_regex {

// People write patterns of a line.
inline constexpr size_t pattern_bytes_max = 512;
// \p and \P: each may take 0.2 ms to parse before RE2 knows that the whole is too large.
inline constexpr size_t unicode_classes_max = 4;
// Instructions of the compiled program. A key of 480 octets costs this many steps for each octet when RE2's automaton does
// not fit its memory: measured 0.4 ms at worst. A pattern that a person writes has 20 to 100.
inline constexpr int program_size_max = 256;
// Of one filter: program and automaton. 1024 channels then take 256 MiB at worst, some 20 MiB in practice.
inline constexpr int64_t memory_bytes_max = 256 * 1024;

class Regex {
public:
    // invalid_argument: what RE2 does not understand, or what would be slow. too_large: more than pattern_bytes_max.
    static Result<std::unique_ptr<Regex>> compile(BytesView pattern);

    // Any thread, overlapping.
    bool matches(BytesView key) const;
    // The pattern without the anchors that say what is so anyway.
    const Bytes& canonical() const { return canonical_; }
    // Every match lies in [begin, end); end empty = no upper end.
    const Bytes& begin() const { return begin_; }
    const Bytes& end() const { return end_; }
    // What a key that matches must hold. The first call takes as long as compile(); one thread at a time.
    const Needles& needles() const;

private:
    explicit Regex(Bytes canonical);
    void find_range();

    Bytes canonical_;
    re2::RE2 program_;
    Bytes begin_;
    Bytes end_;
    mutable std::optional<Needles> needles_;  // when a set first asks: most expressions are never in one
};

}  // namespace belfry::filter_regex

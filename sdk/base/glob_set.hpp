// Many globs asked about a key at once. All their patterns, laid end to end, are one bit vector: a bit is set if the key
// read so far can have led to before that token, and one more bit of each glob stands for its end. An octet of the key
// takes a few operations for each word that still has a bit: 1,000 globs of a dozen tokens are 200 words, whatever they
// have in common.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <span>
#include <vector>

#include "sdk/base/error.hpp"
#include "sdk/base/match.hpp"

namespace belfry {

class GlobSet {
public:
    // 512 tokens for each of 1024 globs: 16 MiB of masks at worst, under 1 MiB in practice.
    static constexpr size_t words_max = 8192;

    // The globs may go afterwards. too_large: more than words_max.
    static Result<GlobSet> make(std::span<const Glob* const> globs);

    // Calls visit(i) once for each glob that matches, by its place in make(), ascending. One thread at a time.
    template <class Visit>
    void matches(BytesView key, Visit&& visit) {
        read(key);
        for (size_t i = 0; i < now_count_; ++i) {
            const Places places = now_[i];
            for (uint64_t ends = places.bits & ends_[places.word]; ends != 0; ends &= ends - 1) {
                const uint64_t below = (ends & -ends) - 1;
                visit(ends_before_[places.word] + static_cast<size_t>(std::popcount(ends_[places.word] & below)));
            }
        }
    }

private:
    struct Places {
        uint32_t word;
        uint64_t bits;
    };
    GlobSet() = default;
    void lay_out(std::span<const Glob* const> globs);
    void read(BytesView key);
    void step(char octet);
    void add(uint32_t word, uint64_t bits, bool& carry);

    std::vector<uint64_t> starts_, ends_, stars_, wide_stars_;
    std::vector<size_t> ends_before_;               // of each word: how many globs end in earlier ones
    std::array<uint16_t, 256> class_of_{};          // octets that no token tells apart are one class
    std::vector<std::vector<uint64_t>> step_over_;  // by class: the tokens that such an octet steps over
    std::vector<Places> now_, next_;                // words with a bit, ascending, at the front
    size_t now_count_ = 0, next_count_ = 0;
};

}  // namespace belfry

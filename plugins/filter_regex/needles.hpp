// What a key must hold for a regular expression to match it, and where in a key such things are.
//
// Letters count as small ones: the keys are searched so. Only ASCII is spoken of; folds_into_ascii() says about which keys
// that would be wrong.
#pragma once

#include <re2/re2.h>

#include <array>
#include <cstdint>
#include <vector>

#include "sdk/base/types.hpp"

namespace belfry::filter_regex {

// Longer ones are cut: their last octets tell as much, and the finder stays small.
inline constexpr size_t needle_bytes_max = 24;

struct Needles {
    std::vector<Bytes> all_of;  // a key that matches holds each of these
    std::vector<Bytes> any_of;  // if there are none of those: at least one of these. Both empty: nothing is known
};
// By RE2's own analysis. The pattern is one that compiles with these options.
Needles needles_of(const Bytes& pattern, const re2::RE2::Options& options);

// A letter of the key that is not of ASCII is one of ASCII where case says nothing (the long s, the Kelvin sign, the dotted
// I): the needles may then stand in it unseen.
bool folds_into_ascii(BytesView key);

// Finds many needles in one pass over a key (Aho and Corasick's automaton).
class NeedleFinder {
public:
    static constexpr size_t table_bytes_max = 16 * 1024 * 1024;

    // Distinct, none empty, letters small.
    explicit NeedleFinder(const std::vector<Bytes>& needles);
    // False: they would take more than table_bytes_max, do not search.
    bool fits() const { return fits_; }

    // Calls visit(i) for each needle that the key holds, by its place; again for each place where it stands.
    template <class Visit>
    void find(BytesView key, Visit&& visit) const {
        uint32_t state = 0;
        for (const char octet : key) {
            state = next_[state * classes_ + class_of_[static_cast<unsigned char>(octet)]];
            for (uint32_t at = needle_of_[state] != none ? state : found_behind_[state]; at != 0; at = found_behind_[at]) {
                visit(needle_of_[at]);
            }
        }
    }

private:
    static constexpr uint32_t none = UINT32_MAX;
    uint32_t add_state();
    void connect();

    bool fits_ = true;
    std::array<uint8_t, 256> class_of_{};  // 0: in no needle
    size_t classes_ = 1;
    std::vector<uint32_t> next_;          // by state and class
    std::vector<uint32_t> needle_of_;     // by state: the needle that ends there, or none
    std::vector<uint32_t> found_behind_;  // by state: the longest other state that ends alike and has a needle, or 0
};

}  // namespace belfry::filter_regex

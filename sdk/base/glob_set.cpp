#include "sdk/base/glob_set.hpp"

#include <map>

namespace belfry {

Result<GlobSet> GlobSet::make(std::span<const Glob* const> globs) {
    size_t bits = 0;
    for (const Glob* glob : globs) bits += glob->prefix_.size() + glob->tokens_.size() + 1;
    const size_t words = (bits + 63) / 64;
    if (words > words_max) {
        return Error{Code::too_large, "these globs have " + std::to_string(bits) + " tokens together, at most " +
                                          std::to_string(words_max * 64) + " are answered for at once"};
    }
    GlobSet set;
    for (auto* mask : {&set.starts_, &set.ends_, &set.stars_, &set.wide_stars_}) mask->assign(words, 0);
    set.now_.resize(words);
    set.next_.resize(words);
    set.lay_out(globs);
    return set;
}

void GlobSet::lay_out(std::span<const Glob* const> globs) {
    const size_t words = starts_.size();
    std::array<std::vector<uint64_t>, 256> by_octet;
    for (auto& mask : by_octet) mask.assign(words, 0);
    size_t at = 0;
    const auto mark = [](std::vector<uint64_t>& mask, size_t bit) { mask[bit / 64] |= uint64_t{1} << (bit % 64); };
    for (const Glob* glob : globs) {
        mark(starts_, at);
        for (const char octet : glob->prefix_) mark(by_octet[static_cast<unsigned char>(octet)], at++);
        for (const Glob::Token& token : glob->tokens_) {
            if (token.kind == Glob::Kind::star || token.kind == Glob::Kind::star_star) {
                mark(stars_, at);
                if (token.kind == Glob::Kind::star_star) mark(wide_stars_, at);
            } else {
                for (size_t octet = 0; octet < by_octet.size(); ++octet) {
                    if (glob->is_stepped_over(token, static_cast<char>(octet))) mark(by_octet[octet], at);
                }
            }
            ++at;
        }
        mark(ends_, at++);
    }
    size_t ended = 0;
    for (const uint64_t ends : ends_) {
        ends_before_.push_back(ended);
        ended += static_cast<size_t>(std::popcount(ends));
    }
    std::map<std::vector<uint64_t>, uint16_t> classes;
    for (size_t octet = 0; octet < by_octet.size(); ++octet) {
        const auto [known, fresh] = classes.emplace(by_octet[octet], static_cast<uint16_t>(step_over_.size()));
        if (fresh) step_over_.push_back(std::move(by_octet[octet]));
        class_of_[octet] = known->second;
    }
}

// Appends a word of next_, whose bits may lead past stars, which may stand for nothing. Two stars never follow one another.
void GlobSet::add(uint32_t word, uint64_t bits, bool& carry) {
    bits |= (bits & stars_[word]) << 1;
    carry = carry || (bits & stars_[word]) >> 63 != 0;
    if (bits != 0) next_[next_count_++] = {word, bits};
}

void GlobSet::step(char octet) {
    const std::vector<uint64_t>& step_over = step_over_[class_of_[static_cast<unsigned char>(octet)]];
    const std::vector<uint64_t>& stay = octet == '/' ? wide_stars_ : stars_;
    next_count_ = 0;
    bool carry = false;
    uint32_t expected = 0;  // the word into which the carry goes
    for (size_t i = 0; i < now_count_; ++i) {
        const Places places = now_[i];
        if (carry && expected != places.word) {
            carry = false;
            add(expected, 1, carry);  // cannot carry on: a word has more than one bit
        }
        const uint64_t stepping = places.bits & step_over[places.word];
        const uint64_t bits = stepping << 1 | (places.bits & stay[places.word]) | (carry ? 1 : 0);
        carry = stepping >> 63 != 0;
        add(places.word, bits, carry);
        expected = places.word + 1;
    }
    if (carry) add(expected, 1, carry);
    now_.swap(next_);
    now_count_ = next_count_;
}

void GlobSet::read(BytesView key) {
    next_count_ = 0;
    bool carry = false;
    for (uint32_t word = 0; word < starts_.size(); ++word) {
        const uint64_t bits = starts_[word] | (carry ? 1 : 0);
        carry = false;
        add(word, bits, carry);
    }
    now_.swap(next_);
    now_count_ = next_count_;
    for (const char octet : key) {
        if (now_count_ == 0) return;
        step(octet);
    }
}

}  // namespace belfry

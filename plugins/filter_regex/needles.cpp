#include "plugins/filter_regex/needles.hpp"

#include <re2/filtered_re2.h>

#include <algorithm>
#include <numeric>

namespace belfry::filter_regex {
namespace {

// Each is tried for whether it is needed; a pattern that a person writes has one to five.
constexpr size_t atoms_max = 64;

char small(char octet) { return octet >= 'A' && octet <= 'Z' ? static_cast<char>(octet - 'A' + 'a') : octet; }

bool is_ascii(const std::string& text) {
    return std::all_of(text.begin(), text.end(), [](char octet) { return static_cast<unsigned char>(octet) < 0x80; });
}

Bytes cut(const std::string& atom) { return atom.substr(atom.size() - std::min(atom.size(), needle_bytes_max)); }

}  // namespace

Needles needles_of(const Bytes& pattern, const re2::RE2::Options& options) {
    re2::FilteredRE2 filtered(1);
    int id = 0;
    if (filtered.Add(pattern, options, &id) != re2::RE2::NoError) return {};
    std::vector<std::string> atoms;
    filtered.Compile(&atoms);
    const auto may_match = [&](const std::vector<int>& found) {
        std::vector<int> potential;
        filtered.AllPotentials(found, &potential);
        return !potential.empty();
    };
    if (atoms.empty() || atoms.size() > atoms_max || may_match({})) return {};
    std::vector<int> all(atoms.size());
    std::iota(all.begin(), all.end(), 0);
    Needles needles;
    for (const int atom : all) {
        const std::string& text = atoms[static_cast<size_t>(atom)];
        std::vector<int> others;
        std::copy_if(all.begin(), all.end(), std::back_inserter(others), [&](int other) { return other != atom; });
        if (is_ascii(text) && !may_match(others)) needles.all_of.push_back(cut(text));
    }
    if (!needles.all_of.empty() || !std::all_of(atoms.begin(), atoms.end(), is_ascii)) return needles;
    for (const std::string& text : atoms) needles.any_of.push_back(cut(text));
    return needles;
}

bool folds_into_ascii(BytesView key) {
    for (const BytesView letter : {"\xC5\xBF", "\xE2\x84\xAA", "\xC4\xB0"}) {
        if (key.find(letter) != BytesView::npos) return true;
    }
    return false;
}

NeedleFinder::NeedleFinder(const std::vector<Bytes>& needles) {
    for (const Bytes& needle : needles) {
        for (const char octet : needle) class_of_[static_cast<unsigned char>(octet)] = 1;
    }
    for (auto& name : class_of_) name = name == 0 ? 0 : static_cast<uint8_t>(classes_++);
    for (char octet = 'A'; octet <= 'Z'; ++octet) {
        class_of_[static_cast<unsigned char>(octet)] = class_of_[static_cast<unsigned char>(small(octet))];
    }
    add_state();
    for (size_t i = 0; i < needles.size() && fits_; ++i) {
        uint32_t state = 0;
        for (const char octet : needles[i]) {
            const size_t place = state * classes_ + class_of_[static_cast<unsigned char>(octet)];
            if (next_[place] == 0) {
                const uint32_t made = add_state();
                next_[place] = made;
            }
            state = next_[place];
        }
        needle_of_[state] = static_cast<uint32_t>(i);
        fits_ = next_.size() * sizeof(uint32_t) <= table_bytes_max;
    }
    if (fits_) connect();
}

uint32_t NeedleFinder::add_state() {
    next_.resize(next_.size() + classes_, 0);
    needle_of_.push_back(none);
    return static_cast<uint32_t>(needle_of_.size() - 1);
}

// Breadth first: where a state has no way on for an octet, the way of the longest state that ends alike is its own.
void NeedleFinder::connect() {
    found_behind_.assign(needle_of_.size(), 0);
    std::vector<uint32_t> shorter(needle_of_.size(), 0);
    std::vector<uint32_t> order = {0};
    for (size_t at = 0; at < order.size(); ++at) {
        const uint32_t state = order[at];
        for (size_t octet = 0; octet < classes_; ++octet) {
            uint32_t& next = next_[state * classes_ + octet];
            const uint32_t fallen = state == 0 ? 0 : next_[shorter[state] * classes_ + octet];
            if (next == 0) {
                next = fallen;
                continue;
            }
            shorter[next] = fallen;
            found_behind_[next] = needle_of_[fallen] != none ? fallen : found_behind_[fallen];
            order.push_back(next);
        }
    }
}

}  // namespace belfry::filter_regex

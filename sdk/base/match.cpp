#include "sdk/base/match.hpp"

#include <algorithm>

#include "sdk/base/limits.hpp"

namespace belfry {

namespace {

Error refusal(size_t at, const std::string& reason) {
    return {Code::invalid_argument, "glob at octet " + std::to_string(at + 1) + ": " + reason};
}

bool is_special(char octet) { return octet == '*' || octet == '?' || octet == '[' || octet == '\\'; }

// A set in one spelling: its octets as sorted ranges, '!' when it holds more than half of all.
Bytes render_set(const std::bitset<256>& set) {
    const bool inverted = set.count() > 128;
    const auto holds = [&](int octet) { return octet != '/' && set.test(static_cast<size_t>(octet)) != inverted; };
    Bytes text = inverted ? "[!" : "[";
    const auto put = [&](int octet) {
        if (octet == ']' || octet == '\\' || octet == '-' || octet == '!') text += '\\';
        text += static_cast<char>(octet);
    };
    for (int octet = 0; octet < 256; ++octet) {
        if (!holds(octet)) continue;
        int last = octet;
        while (last < 255 && holds(last + 1)) ++last;
        put(octet);
        if (last > octet + 1) text += '-';
        if (last > octet) put(last);
        octet = last;
    }
    if (text.size() == (inverted ? 2u : 1u)) text += '/';  // no set holds it, and "[]" is none
    return text + ']';
}

}  // namespace

// `at` is just past '['. Returns the place just past ']'.
Result<size_t> Glob::parse_set(BytesView pattern, size_t at, std::bitset<256>& set) {
    const size_t begin = at - 1;
    const bool inverted = at < pattern.size() && pattern[at] == '!';
    if (inverted) ++at;
    const auto next = [&]() -> int {
        if (at < pattern.size() && pattern[at] == '\\') ++at;
        return at < pattern.size() ? static_cast<unsigned char>(pattern[at++]) : -1;
    };
    for (bool first = true;; first = false) {
        if (at >= pattern.size()) return refusal(begin, "'[' without its ']'");
        if (pattern[at] == ']' && !first) break;
        if (pattern[at] == ']') return refusal(at, "an empty set; write \\] for the octet itself");
        const int low = next();
        int high = low;
        if (at + 1 < pattern.size() && pattern[at] == '-' && pattern[at + 1] != ']') {
            ++at;
            high = next();
        }
        if (low < 0 || high < 0) return refusal(begin, "'[' without its ']'");
        if (high < low) return refusal(at - 1, "a range that ends before it begins");
        for (int octet = low; octet <= high; ++octet) set.set(static_cast<size_t>(octet));
    }
    if (inverted) set.flip();
    set.reset('/');
    return at + 1;
}

Result<Glob> Glob::parse(BytesView pattern) {
    if (pattern.size() > limits::filter_spec_bytes_max) {
        return Error{Code::too_large, "glob of " + std::to_string(pattern.size()) + " octets; " +
                                          std::to_string(limits::filter_spec_bytes_max) + " are the bound"};
    }
    Glob glob;
    size_t wildcards = 0;
    for (size_t at = 0; at < pattern.size();) {
        const char octet = pattern[at++];
        if (is_special(octet) && octet != '\\' && ++wildcards > wildcards_max) {
            return refusal(at - 1, "more than " + std::to_string(wildcards_max) + " wildcards");
        }
        if (octet == '*') {
            const bool twice = at < pattern.size() && pattern[at] == '*';
            while (at < pattern.size() && pattern[at] == '*') ++at;
            glob.add({twice ? Kind::star_star : Kind::star, 0, 0});
        } else if (octet == '?') {
            glob.add({Kind::any, 0, 0});
        } else if (octet == '[') {
            std::bitset<256> set;
            const auto past = parse_set(pattern, at, set);
            if (!past) return past.error();
            at = *past;
            glob.sets_.push_back(set);
            glob.add({Kind::set, 0, static_cast<uint16_t>(glob.sets_.size() - 1)});
        } else if (octet == '\\') {
            if (at == pattern.size()) return refusal(at - 1, "'\\' at the end");
            glob.add({Kind::literal, pattern[at++], 0});
        } else {
            glob.add({Kind::literal, octet, 0});
        }
    }
    glob.finish();
    if (glob.canonical_.size() > limits::filter_spec_bytes_max)
        return Error{Code::too_large, "glob: too long when spelled out"};
    return glob;
}

void Glob::add(Token token) {
    const bool after_wide = !tokens_.empty() && tokens_.back().kind == Kind::star_star;
    if (after_wide && (token.kind == Kind::star || token.kind == Kind::star_star)) return;  // ** swallows both
    if (token.kind == Kind::star_star && !tokens_.empty() && tokens_.back().kind == Kind::star) tokens_.pop_back();
    tokens_.push_back(token);
}

void Glob::finish() {
    for (const Token& token : tokens_) {
        switch (token.kind) {
            case Kind::literal:
                if (is_special(token.octet)) canonical_ += '\\';
                canonical_ += token.octet;
                break;
            case Kind::any: canonical_ += '?'; break;
            case Kind::set: canonical_ += render_set(sets_[token.set]); break;
            case Kind::star: canonical_ += '*'; break;
            case Kind::star_star: canonical_ += "**"; break;
        }
    }
    const auto wild = std::find_if(tokens_.begin(), tokens_.end(), [](const Token& t) { return t.kind != Kind::literal; });
    for (auto token = tokens_.begin(); token != wild; ++token) prefix_ += token->octet;
    tokens_.erase(tokens_.begin(), wild);
}

bool Glob::is_stepped_over(const Token& token, char octet) const {
    switch (token.kind) {
        case Kind::literal: return octet == token.octet;
        case Kind::any: return octet != '/';
        case Kind::set: return sets_[token.set].test(static_cast<unsigned char>(octet));
        default: return false;
    }
}

// All places in the pattern that the key read so far can have led to, octet by octet.
bool Glob::matches(BytesView key) const {
    if (!key.starts_with(prefix_)) return false;
    key.remove_prefix(prefix_.size());
    const size_t end = tokens_.size();
    if (end == 1 && tokens_[0].kind == Kind::star_star) return true;
    thread_local std::vector<size_t> now, next;
    thread_local std::vector<uint8_t> marked;
    const auto enter = [&](std::vector<size_t>& places, size_t place) {
        for (;; ++place) {
            if (marked[place] != 0) return;
            marked[place] = 1;
            places.push_back(place);
            // A star may match nothing.
            if (place == end || (tokens_[place].kind != Kind::star && tokens_[place].kind != Kind::star_star)) return;
        }
    };
    now.clear();
    marked.assign(end + 1, 0);
    enter(now, 0);
    for (const char octet : key) {
        next.clear();
        std::fill(marked.begin(), marked.end(), 0);
        for (const size_t place : now) {
            if (place == end) continue;
            const Token& token = tokens_[place];
            if (token.kind == Kind::star_star || (token.kind == Kind::star && octet != '/')) enter(next, place);
            if (is_stepped_over(token, octet)) enter(next, place + 1);
        }
        now.swap(next);
        if (now.empty()) return false;
    }
    return std::find(now.begin(), now.end(), end) != now.end();
}

KeyMatcher::KeyMatcher(std::string_view kind, BytesView spec) : spec_(spec) {
    if (kind == "exact") kind_ = Kind::exact;
    if (kind == "prefix") kind_ = Kind::prefix;
    if (kind != "glob") return;
    auto glob = Glob::parse(spec);
    if (!glob) return;
    glob_.push_back(std::move(*glob));
    kind_ = Kind::glob;
}

bool KeyMatcher::operator()(BytesView key) const {
    switch (kind_) {
        case Kind::everything: return true;
        case Kind::exact: return key == spec_;
        case Kind::prefix: return key.starts_with(spec_);
        case Kind::glob: return glob_.front().matches(key);
    }
    return true;
}

}  // namespace belfry

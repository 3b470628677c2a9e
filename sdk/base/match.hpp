// Key matchers: pure, shared by the hub's filter plugins and the SDK, which always filters exactly itself.
//
// Glob language:   *  any run without '/'        ?  one octet but '/'      [abc] [a-z] [!x]  one octet of (not of) the set
//                  ** any run, '/' included      \x  x itself              anything else      itself
// A set never matches '/'. Matching costs at most pattern x key steps.
#pragma once

#include <bitset>
#include <string_view>
#include <vector>

#include "sdk/base/error.hpp"
#include "sdk/base/types.hpp"

namespace belfry {

class Glob {
public:
    static constexpr size_t wildcards_max = 32;  // past it a pattern is a mistake or an attack

    // invalid_argument: position and reason. too_large: longer than limits::filter_spec_bytes_max.
    static Result<Glob> parse(BytesView pattern);

    bool matches(BytesView key) const;
    // Equal patterns in one spelling: needless escapes gone, runs of stars joined.
    const Bytes& canonical() const { return canonical_; }
    // Every match begins with this.
    const Bytes& literal_prefix() const { return prefix_; }
    bool is_literal() const { return tokens_.empty(); }

private:
    friend class GlobSet;
    enum class Kind : uint8_t { literal, any, set, star, star_star };
    struct Token {
        Kind kind = Kind::literal;
        char octet = 0;
        uint16_t set = 0;  // index into sets_
    };
    static Result<size_t> parse_set(BytesView pattern, size_t at, std::bitset<256>& set);
    void add(Token token);
    void finish();
    bool is_stepped_over(const Token& token, char octet) const;

    std::vector<Token> tokens_;  // after the literal prefix
    std::vector<std::bitset<256>> sets_;
    Bytes prefix_;
    Bytes canonical_;
};

// By the words users write: "exact", "prefix", "glob". Another kind, or a pattern that does not parse, matches everything:
// the hub has filtered already.
class KeyMatcher {
public:
    KeyMatcher(std::string_view kind, BytesView spec);
    bool operator()(BytesView key) const;
    // False: what it says yes to may not be wanted.
    bool is_exact() const { return kind_ != Kind::everything; }

private:
    enum class Kind : uint8_t { everything, exact, prefix, glob };
    Kind kind_ = Kind::everything;
    Bytes spec_;
    std::vector<Glob> glob_;  // one, for glob
};

// One question only; who asks often keeps a KeyMatcher.
inline bool filter_matches(std::string_view kind, BytesView spec, BytesView key) { return KeyMatcher(kind, spec)(key); }

}  // namespace belfry

#include "sdk/base/match.hpp"

#include <catch2/catch_test_macros.hpp>
#include <random>

#include "sdk/base/glob_set.hpp"
#include "sdk/base/limits.hpp"

using namespace belfry;

namespace {

bool glob(BytesView pattern, BytesView key) {
    auto parsed = Glob::parse(pattern);
    INFO(pattern);
    REQUIRE(parsed.ok());
    return parsed->matches(key);
}

Bytes canonical(BytesView pattern) { return Glob::parse(pattern)->canonical(); }

std::string refusal(BytesView pattern) {
    auto parsed = Glob::parse(pattern);
    REQUIRE_FALSE(parsed.ok());
    return parsed.error().detail;
}

// The meaning, written the slow and obvious way: * without '/', ** with, ? one but '/'.
bool slow_match(BytesView pattern, BytesView key) {
    if (pattern.empty()) return key.empty();
    if (pattern.starts_with("**")) {
        for (size_t skip = 0; skip <= key.size(); ++skip) {
            if (slow_match(pattern.substr(2), key.substr(skip))) return true;
        }
        return false;
    }
    if (pattern[0] == '*') {
        for (size_t skip = 0; skip <= key.size(); ++skip) {
            if (slow_match(pattern.substr(1), key.substr(skip))) return true;
            if (skip < key.size() && key[skip] == '/') return false;
        }
        return false;
    }
    if (key.empty() || (pattern[0] == '?' ? key[0] == '/' : key[0] != pattern[0])) return false;
    return slow_match(pattern.substr(1), key.substr(1));
}

}  // namespace

TEST_CASE("glob: a star stays within a path segment, two stars do not", "[match]") {
    CHECK(glob("app/*/port", "app/web/port"));
    CHECK_FALSE(glob("app/*/port", "app/web/1/port"));
    CHECK(glob("app/**/port", "app/web/1/port"));
    CHECK(glob("app/**", "app/"));
    CHECK(glob("**", ""));
    CHECK(glob("a?c", "abc"));
    CHECK_FALSE(glob("a?c", "a/c"));
    CHECK(glob("", ""));
    CHECK_FALSE(glob("", "x"));
}

TEST_CASE("glob: sets, ranges, escapes", "[match]") {
    CHECK(glob("[abc]", "b"));
    CHECK(glob("[a-c]x", "cx"));
    CHECK_FALSE(glob("[a-c]", "d"));
    CHECK(glob("[!a-c]", "d"));
    CHECK_FALSE(glob("[!a-c]", "/"));
    CHECK(glob("\\*", "*"));
    CHECK_FALSE(glob("\\*", "x"));
    CHECK(glob("[\\]]", "]"));
    CHECK(glob("[a\\-z]", "-"));
    CHECK_FALSE(glob("[a\\-z]", "b"));
}

TEST_CASE("glob: equal patterns have one canonical form, and it means the same", "[match]") {
    CHECK(canonical("a***b") == "a**b");
    CHECK(canonical("a****b") == canonical("a**b"));
    CHECK(canonical("\\a") == "a");
    CHECK(canonical("[cba]") == canonical("[a-c]"));
    CHECK(canonical("\\*") == "\\*");
    for (const char* pattern : {"a/[!x-z]*", "[\\]\\-]", "**/x?[0-9]", "\\[a\\?"}) {
        CHECK(canonical(canonical(pattern)) == canonical(pattern));
    }
}

TEST_CASE("glob: a refusal names the place and the reason", "[match]") {
    CHECK(refusal("ab[cd").find("octet 3") != std::string::npos);
    CHECK(refusal("x\\").find("octet 2") != std::string::npos);
    CHECK(refusal("[]").find("empty set") != std::string::npos);
    CHECK(refusal("[z-a]").find("range") != std::string::npos);
    Bytes exploding;
    for (int i = 0; i < 40; ++i) exploding += "a*";
    CHECK(refusal(exploding + "b").find("32 wildcards") != std::string::npos);
    CHECK(Glob::parse(Bytes(limits::filter_spec_bytes_max + 1, 'a')).error().code == Code::too_large);
}

TEST_CASE("glob: the worst allowed pattern is answered at once", "[match]") {
    Bytes pattern;
    for (int i = 0; i < 31; ++i) pattern += "*a";
    const auto parsed = Glob::parse(pattern + "b");
    REQUIRE(parsed.ok());
    const Bytes key(limits::key_bytes_max, 'a');
    for (int i = 0; i < 1000; ++i) REQUIRE_FALSE(parsed->matches(key));
}

TEST_CASE("glob: 20,000 random pairs agree with the obvious definition", "[match]") {
    std::mt19937 random(1);
    const char letters[] = "ab/";
    const char* parts[] = {"a", "b", "/", "*", "**", "?"};
    int matched = 0;
    for (int round = 0; round < 20000; ++round) {
        Bytes pattern, key;
        for (unsigned i = random() % 7; i > 0; --i) {
            const Bytes part = parts[random() % 6];
            if (!pattern.empty() && pattern.back() == '*' && part[0] == '*') continue;
            pattern += part;
        }
        for (unsigned i = random() % 8; i > 0; --i) key += letters[random() % 3];
        const bool expected = slow_match(pattern, key);
        matched += expected ? 1 : 0;
        INFO(pattern << " on " << key);
        REQUIRE(glob(pattern, key) == expected);
    }
    CHECK(matched > 1000);
}

TEST_CASE("matcher: the SDK filters by kind, and lets pass what it does not know", "[match]") {
    CHECK(KeyMatcher("exact", "a")("a"));
    CHECK_FALSE(KeyMatcher("exact", "a")("ab"));
    CHECK(KeyMatcher("prefix", "a")("ab"));
    CHECK_FALSE(KeyMatcher("prefix", "a")("ba"));
    CHECK(KeyMatcher("glob", "a*")("ab"));
    CHECK_FALSE(KeyMatcher("glob", "a*")("b"));
    CHECK(KeyMatcher("regex", "a.*")("b"));
}

TEST_CASE("glob set: every glob is answered for as it answers itself, 300 random sets", "[base][glob]") {
    std::mt19937_64 random(20261127);
    const std::vector<std::string> pieces = {"a", "b", "/", "ab/", "*", "**", "?", "[ab]", "[!a]", "app/service-", "\\*"};
    size_t matched = 0;
    for (int round = 0; round < 300; ++round) {
        std::vector<Glob> globs;
        for (uint64_t n = 1 + random() % 200; n > 0; --n) {
            std::string pattern;
            for (uint64_t pieces_left = random() % 9; pieces_left > 0; --pieces_left)
                pattern += pieces[random() % pieces.size()];
            globs.push_back(*Glob::parse(pattern));
        }
        std::vector<const Glob*> given;
        for (const Glob& glob : globs) given.push_back(&glob);
        auto set = GlobSet::make(given);
        REQUIRE(set.ok());
        for (int i = 0; i < 40; ++i) {
            Bytes key;
            for (uint64_t left = random() % 12; left > 0; --left) key += pieces[random() % 4];
            if (random() % 3 == 0) key += "app/service-a";
            std::vector<size_t> expected;
            for (size_t glob = 0; glob < globs.size(); ++glob) {
                if (globs[glob].matches(key)) expected.push_back(glob);
            }
            std::vector<size_t> answered;
            set->matches(key, [&](size_t glob) { answered.push_back(glob); });
            REQUIRE(answered == expected);
            matched += expected.size();
        }
    }
    CHECK(matched > 10'000);
}

TEST_CASE("glob set: more tokens than its bound are refused", "[base][glob]") {
    const Glob glob = *Glob::parse("*" + std::string(1000, 'a'));
    const std::vector<const Glob*> globs(GlobSet::words_max * 64 / 1000, &glob);
    const auto set = GlobSet::make(globs);
    REQUIRE_FALSE(set.ok());
    CHECK(set.error().code == Code::too_large);
}

#include "sdk/testing/filter_suite.hpp"

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include "sdk/base/limits.hpp"
#include "sdk/plugin/plugin.h"

using namespace belfry;
using namespace belfry::testing;

extern "C" {
const belfry_plugin_descriptor* belfry_plugin_entry_filter_exact(const belfry_host_v1*, belfry_error*);
const belfry_plugin_descriptor* belfry_plugin_entry_filter_glob(const belfry_host_v1*, belfry_error*);
const belfry_plugin_descriptor* belfry_plugin_entry_filter_prefix(const belfry_host_v1*, belfry_error*);
const belfry_plugin_descriptor* belfry_plugin_entry_filter_regex(const belfry_host_v1*, belfry_error*);
const belfry_plugin_descriptor* belfry_plugin_entry_filter_author(const belfry_host_v1*, belfry_error*);
const belfry_plugin_descriptor* belfry_plugin_entry_filter_label(const belfry_host_v1*, belfry_error*);
const belfry_plugin_descriptor* belfry_plugin_entry_filter_json(const belfry_host_v1*, belfry_error*);
}

namespace {

const belfry_filter_v1& table_of(belfry_plugin_entry_function entry) {
    return *static_cast<const belfry_filter_v1*>(entry(nullptr, nullptr)->interfaces[0].table);
}

}  // namespace

TEST_CASE("every filter of this tree keeps the contract", "[conformance][filter]") {
    using Specs = std::vector<std::string>;
    const auto [entry, specs] = GENERATE(Catch::Generators::table<belfry_plugin_entry_function, Specs>({
        {belfry_plugin_entry_filter_exact,
         Specs{"a", "app/db/host", std::string("\0\xff", 2), std::string(limits::key_bytes_max, 'k')}},
        {belfry_plugin_entry_filter_prefix, Specs{"", "app/", "\xff\xff", std::string("a\0", 2),
                                                  "\xff"
                                                  "a"}},
        {belfry_plugin_entry_filter_glob,
         Specs{"**", "app/*", "app/**/host", "app/?b", "app/**", "a[/]b", "a[!/]b", "[!a-c]*"}},
        {belfry_plugin_entry_filter_regex,
         Specs{".*", "^app/.*$", "(?i)a/b", "a|b", "app/(db|cache)/[a-z]+", "\\Qa$", "^*a", "a/\\C*"}},
        {belfry_plugin_entry_filter_json,
         Specs{"** /a = 1.0", "a/* . exists", "[ab]* /port >= 1024 and /name = \"x y\"", "a\\ b \"/c d\" != null",
               "** /a exists", "** /a = true", "** . = \"a\"", "a* . < 1e300"}},
        {belfry_plugin_entry_filter_author,
         Specs{"alice", "*@build-7 app/**", "a\\ b  a/*", "[ab]* [!a]*", "** **", "\\* a"}},
        {belfry_plugin_entry_filter_label,
         Specs{"canary", "rollout=42 app/**", "a **", "a  a/*", "a/b@c:1=-+ [!a]*", "a \\* \\a"}},
    }));
    const Report report = check_filter({&table_of(entry), 20261123, specs});
    for (const Check& check : report.checks) {
        INFO(table_of(entry).kind << ": " << check.name << ": " << check.sentence);
        CHECK(check.passed);
    }
    CHECK(report.checks.size() == 9);
}

TEST_CASE("the suite finds what a broken filter does wrong", "[conformance][filter]") {
    static const belfry_filter_v1& sound = table_of(belfry_plugin_entry_filter_prefix);
    belfry_filter_v1 broken = sound;
    SECTION("a range too small") {
        broken.range = [](const belfry_filter* filter, belfry_bytes* begin, belfry_bytes* end) {
            sound.range(filter, begin, end);
            *end = *begin;
        };
    }
    SECTION("a canonical form that grows") {
        broken.canonical = [](const belfry_filter*, belfry_bytes* spec) {
            static const std::string text(64, 'x');
            static std::atomic<size_t> asked{0};
            *spec = {text.data(), 1 + ++asked % text.size()};
        };
    }
    SECTION("refusals without a sentence") {
        broken.compile = [](belfry_bytes spec, belfry_filter** filter, belfry_error* error) {
            return spec.size == 3 ? belfry_status{BELFRY_INVALID_ARGUMENT} : sound.compile(spec, filter, error);
        };
    }
    static const belfry_filter_v1& sets = table_of(belfry_plugin_entry_filter_glob);
    SECTION("a set that forgets its first filter") {
        broken = sets;
        broken.set_matches = [](belfry_filter_set* set, belfry_bytes key, belfry_bytes value, uint64_t* bits) -> int32_t {
            const int32_t answer = sets.set_matches(set, key, value, bits);
            bits[0] &= ~uint64_t{1};
            return answer;
        };
    }
    // A sanitizer's allocator tells nobody what is taken, and finds leaks by itself: this one too.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    static std::vector<belfry_filter*> left_filters;
    static std::vector<belfry_filter_set*> left_sets;
    SECTION("a filter that is not freed") {
        broken.close = [](belfry_filter* filter) { left_filters.push_back(filter); };
    }
    SECTION("a set that is not freed") {
        broken = sets;
        broken.set_close = [](belfry_filter_set* set) { left_sets.push_back(set); };
    }
#endif
    SECTION("threads in one another's way") {
        broken.matches = [](const belfry_filter* filter, belfry_bytes key, belfry_bytes value) -> int32_t {
            static std::atomic<int> inside{0};
            static std::atomic<unsigned> asked{0};
            const int others = inside++;
            // Now and then another one surely comes in meanwhile. Each time would take a busy machine minutes.
            if (++asked % 512 == 0) std::this_thread::yield();
            --inside;
            return others == 0 ? sound.matches(filter, key, value) : 0;
        };
    }
    SECTION("a set without a way to close it") {
        broken = sets;
        broken.set_close = nullptr;
    }
    SECTION("a filter by key alone that looks at values") {
        broken.reads_value = [](const belfry_filter*) -> int32_t { return 0; };
        broken.matches = [](const belfry_filter* filter, belfry_bytes key, belfry_bytes value) {
            return value.size % 2 == 0 ? sound.matches(filter, key, value) : 0;
        };
    }
    SECTION("a filter whose canonical form reads no values, though it does") {
        static std::atomic<int> calls{0};
        broken.reads_value = [](const belfry_filter*) -> int32_t { return ++calls % 2; };
    }
    SECTION("an answer that depends on what was asked before") {
        broken.matches = [](const belfry_filter* filter, belfry_bytes key, belfry_bytes value) -> int32_t {
            static std::atomic<uint64_t> last{0};
            const uint64_t before = last.exchange(value.size);
            return before > value.size ? 0 : sound.matches(filter, key, value);
        };
    }
    const Report report = check_filter({&broken, 1, {"app/"}});
    INFO(report.text());
    CHECK(report.failures() > 0);
}

#include "sdk/testing/filter_suite.hpp"

#include <algorithm>
#include <atomic>
#include <iterator>
#include <memory>
#include <random>
#include <thread>

#include "sdk/base/types.hpp"
#include "sdk/plugin/plugin.hpp"
#include "sdk/testing/leaks.hpp"

namespace belfry::testing {

namespace {

constexpr size_t random_specs = 3000;
constexpr size_t keys_per_spec = 60;
constexpr size_t set_rounds = 60;
constexpr size_t filter_leak_rounds = 100;
constexpr size_t threads = 4;
constexpr size_t threaded_rounds = 10;

class FilterDriver {
public:
    FilterDriver(const belfry_filter_v1& table, BytesView spec) : table_(table) {
        belfry_error error;
        error.struct_size = sizeof(error);
        error.reserved = 0;
        error.message[0] = '\0';
        status = table.compile(plugin::to_c(spec), &filter_, &error);
        sentence = error.message;
        require(status != BELFRY_OK || filter_ != nullptr, "compile answered ok but gave no filter");
    }
    ~FilterDriver() {
        if (status == BELFRY_OK) table_.close(filter_);
    }
    FilterDriver(const FilterDriver&) = delete;
    FilterDriver& operator=(const FilterDriver&) = delete;

    bool ok() const { return status == BELFRY_OK; }
    Bytes canonical() const {
        belfry_bytes spec = {nullptr, 0};
        table_.canonical(filter_, &spec);
        return Bytes(plugin::from_c(spec));
    }
    bool in_range(BytesView key) const {
        belfry_bytes begin = {nullptr, 0}, end = {nullptr, 0};
        table_.range(filter_, &begin, &end);
        return key >= plugin::from_c(begin) && (end.size == 0 || key < plugin::from_c(end));
    }
    bool matches(BytesView key, BytesView value) const {
        const int32_t answer = table_.matches(filter_, plugin::to_c(key), plugin::to_c(value));
        require(answer == 0 || answer == 1, "matches answers neither 0 nor 1");
        return answer == 1;
    }
    const belfry_filter* handle() const { return filter_; }
    bool reads_value() const {
        if (!BELFRY_HAS(&table_, belfry_filter_v1, reads_value)) return true;
        const int32_t answer = table_.reads_value(filter_);
        require(answer == 0 || answer == 1, "reads_value answers neither 0 nor 1");
        return answer == 1;
    }

    belfry_status status;
    std::string sentence;

private:
    const belfry_filter_v1& table_;
    belfry_filter* filter_ = nullptr;
};

// Octets that patterns and paths are made of, and the extremes.
Bytes random_pattern(std::mt19937_64& random, size_t size_max) {
    static constexpr BytesView alphabet("ab/ab/*?[]!-{},\\\0\x7f\xff.0", 21);
    Bytes bytes(random() % (size_max + 1), '\0');
    for (char& octet : bytes) octet = alphabet[random() % alphabet.size()];
    return bytes;
}

// What the languages of filters are made of: patterns, regular expressions, places in documents and what to compare with.
Bytes random_words(std::mt19937_64& random) {
    static constexpr BytesView keys[] = {"a", "a/b", "**", "a/*", "[ab]*", ".*", "a/(b|c)", "^a/[a-z]+$"};
    static constexpr BytesView conditions[] = {"/a = 1",       "/port >= 1024", ". exists",        "/name != \"x y\"",
                                               "/a/b < 2.0e0", ". = null",      "\"/c d\" = true", ". > \"a\""};
    Bytes spec(keys[random() % std::size(keys)]);
    for (uint64_t n = random() % 3, i = 0; i < n; ++i) {
        spec += i == 0 ? " " : " and ";
        spec += conditions[random() % std::size(conditions)];
    }
    return spec;
}

// Keys near the spec: the spec itself, parts of it, it with something behind or changed, and any.
Bytes random_key(std::mt19937_64& random, const Bytes& spec) {
    Bytes key = random() % 4 == 0 ? random_pattern(random, 10) : spec.substr(0, random() % (spec.size() + 1));
    if (random() % 3 == 0) key = spec;
    if (random() % 2 == 0) key += random_pattern(random, 4);
    if (!key.empty() && random() % 3 == 0) key[random() % key.size()] = "a/b\xff"[random() % 4];
    // What a wildcard may stand for.
    for (char& octet : key) octet = (octet == '*' || octet == '?') && random() % 2 == 0 ? 'a' : octet;
    return key;
}

// Documents, parts of them and garbage: what filters by content may trip over.
Bytes random_value(std::mt19937_64& random) {
    static const std::string values[] = {
        "",
        "value",
        "1",
        "1024",
        "-0.5",
        "true",
        "null",
        "\"a\"",
        "{\"a\":1}",
        "{\"port\":1024,\"name\":\"x y\"}",
        "[]",
        "{\"a\":{\"b\":2}}",
        "[1,{\"a\":3}]",
        "{\"c d\":null}",
        "1e999",
        "{",
        "\"\xff\"",
        "a=1\nb=2",
        "<a>1</a>",
        std::string(3000, '['),
    };
    if (random() % 4 == 0) return random_pattern(random, 20);
    return values[random() % std::size(values)];
}

void check_spec(const FilterDriver& filter, const belfry_filter_v1& table, const Bytes& spec, std::mt19937_64& random) {
    const Bytes canonical = filter.canonical();
    const FilterDriver again(table, canonical);
    require(again.ok(), "its own canonical form '" + canonical + "' is refused: " + again.sentence);
    require(again.canonical() == canonical, "the canonical form '" + canonical + "' has another canonical form");
    const bool reads = filter.reads_value();
    require(reads == again.reads_value(), "the canonical form '" + canonical + "' differs in whether it reads values");
    for (size_t i = 0; i < keys_per_spec; ++i) {
        const Bytes key = random_key(random, spec);
        const Bytes value = random_value(random);
        const Bytes other = random_value(random);
        const bool matches = filter.matches(key, value);
        require(matches == again.matches(key, value),
                "the spec '" + spec + "' and its canonical form '" + canonical + "' disagree about the key '" + key + "'");
        const bool matches_other = filter.matches(key, other);
        require(matches == filter.matches(key, value), "matches answers differently the second time");
        require(matches == matches_other || reads, "the filter says that it reads no values, and yet '" + value +
                                                       "' and '" + other + "' differ for it, spec '" + spec + "'");
        require(!matches || filter.in_range(key), "the key '" + key + "' matches outside of range(), spec '" + spec + "'");
        require(!matches || again.in_range(key), "the canonical form has another range, spec '" + spec + "'");
    }
}

void check_random(const FilterSuite& suite) {
    std::mt19937_64 random(suite.seed);
    size_t taken = 0;
    for (size_t i = 0; i < random_specs; ++i) {
        const Bytes spec = i % 4 == 0 ? random_words(random) : random_pattern(random, i % 100 == 1 ? 400 : 12);
        const FilterDriver filter(*suite.table, spec);
        if (filter.ok()) {
            ++taken;
            check_spec(filter, *suite.table, spec, random);
        } else {
            require(!filter.sentence.empty(), "the spec '" + spec + "' is refused without a sentence");
            require(filter.status == BELFRY_INVALID_ARGUMENT || filter.status == BELFRY_TOO_LARGE,
                    "the spec '" + spec + "' is refused with status " + std::to_string(filter.status));
        }
    }
    require(taken > 0 || !suite.specs.empty(),
            "not one of the specs tried is taken: give some of this filter's language (plugin check FILE SPEC...)");
}

// What a set says of each filter is what the filter says.
void check_set(const belfry_filter_v1& table, const std::vector<std::unique_ptr<FilterDriver>>& filters,
               const std::vector<Bytes>& specs, std::mt19937_64& random) {
    std::vector<const belfry_filter*> given;
    for (const auto& filter : filters) given.push_back(filter->handle());
    belfry_error error;
    error.struct_size = sizeof(error);
    error.reserved = 0;
    error.message[0] = '\0';
    belfry_filter_set* set = nullptr;
    if (table.set_make(given.data(), given.size(), &set, &error) != BELFRY_OK) {
        return require(error.message[0] != '\0', "a set is refused without a sentence");
    }
    require(set != nullptr, "set_make answered ok but gave no set");
    const std::unique_ptr<belfry_filter_set, void (*)(belfry_filter_set*)> owner(set, table.set_close);
    for (size_t i = 0; i < keys_per_spec; ++i) {
        const Bytes key = random_key(random, specs[random() % specs.size()]);
        const Bytes value = random_value(random);
        std::vector<uint64_t> bits(filters.size() / 64 + 1, 0);
        const int32_t answer = table.set_matches(set, plugin::to_c(key), plugin::to_c(value), bits.data());
        require(answer == 0 || answer == 1, "set_matches answers neither 0 nor 1");
        for (size_t at = 0; answer == 1 && at < bits.size() * 64; ++at) {
            const bool says = (bits[at / 64] >> (at % 64) & 1) != 0;
            const bool expected = at < filters.size() && filters[at]->matches(key, value);
            require(says == expected,
                    "a set says " + std::to_string(says) + " of the key '" + key + "' and the value '" + value + "' for " +
                        (at < filters.size() ? "the filter '" + filters[at]->canonical() + "', which itself says otherwise"
                                             : "a filter that it was not given"));
        }
    }
}

constexpr size_t set_slots_all = 3;
size_t set_slots(const belfry_filter_v1& table) {
    return (BELFRY_HAS(&table, belfry_filter_v1, set_make) ? 1u : 0u) +
           (BELFRY_HAS(&table, belfry_filter_v1, set_matches) ? 1u : 0u) +
           (BELFRY_HAS(&table, belfry_filter_v1, set_close) ? 1u : 0u);
}

void check_sets(const FilterSuite& suite) {
    const auto& table = *suite.table;
    const size_t slots = set_slots(table);
    if (slots == 0) return;
    require(slots == set_slots_all, "of set_make, set_matches and set_close some are set and some are not: all or none");
    std::mt19937_64 random(suite.seed + 2);
    for (size_t round = 0; round < set_rounds; ++round) {
        std::vector<std::unique_ptr<FilterDriver>> filters;
        std::vector<Bytes> specs;
        const size_t count = 1 + random() % (round % 10 == 0 ? 300 : 40);
        for (size_t tries = 0; filters.size() < count && tries < 20 * count; ++tries) {
            Bytes spec = random() % 2 == 0 ? random_words(random) : random_pattern(random, 12);
            if (!suite.specs.empty() && random() % 4 == 0) spec = suite.specs[random() % suite.specs.size()];
            auto filter = std::make_unique<FilterDriver>(table, spec);
            if (!filter->ok()) continue;
            filters.push_back(std::move(filter));
            specs.push_back(std::move(spec));
        }
        if (!filters.empty()) check_set(table, filters, specs, random);
    }
}

void check_given(const FilterSuite& suite) {
    std::mt19937_64 random(suite.seed + 1);
    for (const std::string& spec : suite.specs) {
        const FilterDriver filter(*suite.table, spec);
        require(filter.ok(), "the spec '" + spec + "' is refused: " + filter.sentence);
        for (int i = 0; i < 20; ++i) check_spec(filter, *suite.table, spec, random);
    }
}

// Two filters of one spec live side by side and outlive each other and the octets they were compiled from.
void check_lifetime(const FilterSuite& suite) {
    for (const std::string& given : {std::string("app/"), std::string("app/db"), std::string("a")}) {
        auto spec = std::make_unique<std::string>(given);
        auto first = std::make_unique<FilterDriver>(*suite.table, *spec);
        const FilterDriver second(*suite.table, *spec);
        require(first->ok() == second.ok(), "one spec is once taken and once refused");
        if (!second.ok()) continue;
        std::fill(spec->begin(), spec->end(), 'X');
        const Bytes canonical = first->canonical();
        const bool matches = first->matches(given, {});
        first.reset();
        spec.reset();
        require(second.canonical() == canonical && second.matches(given, {}) == matches,
                "a filter changes when its spec or another filter goes");
    }
}

void check_huge(const FilterSuite& suite) {
    for (const char octet : {'a', '*', '[', '{', '/'}) {
        const FilterDriver filter(*suite.table, Bytes(1024 * 1024, octet));
        require(!filter.ok(), "a spec of 1 MiB is taken; filters must be bounded");
        require(!filter.sentence.empty(), "a spec of 1 MiB is refused without a sentence");
    }
}

// Specs of this filter: those that were given, or what random ones it takes.
std::vector<Bytes> some_specs(const FilterSuite& suite, std::mt19937_64& random) {
    constexpr size_t count_max = 20;
    std::vector<Bytes> specs(suite.specs.begin(), suite.specs.end());
    for (size_t tries = 0; specs.size() < count_max && tries < random_specs; ++tries) {
        Bytes spec = tries % 2 == 0 ? random_words(random) : random_pattern(random, 12);
        if (FilterDriver(*suite.table, spec).ok()) specs.push_back(std::move(spec));
    }
    return specs;
}

// canonical, range, matches and reads_value from several threads at once, beside sets.
void check_threads(const FilterSuite& suite) {
    std::mt19937_64 random(suite.seed + 3);
    for (const Bytes& spec : some_specs(suite, random)) {
        const FilterDriver filter(*suite.table, spec);
        std::vector<std::pair<Bytes, Bytes>> questions;
        std::vector<bool> expected;
        for (size_t i = 0; i < keys_per_spec; ++i) {
            questions.emplace_back(random_key(random, spec), random_value(random));
            expected.push_back(filter.matches(questions.back().first, questions.back().second));
        }
        const Bytes canonical = filter.canonical();
        std::atomic<bool> differs{false};
        const auto ask = [&] {
            for (size_t round = 0; round < threaded_rounds; ++round) {
                for (size_t i = 0; i < questions.size(); ++i) {
                    const auto& [key, value] = questions[i];
                    if (filter.matches(key, value) != expected[i]) differs = true;
                    if (expected[i] && !filter.in_range(key)) differs = true;
                }
                if (filter.canonical() != canonical || filter.reads_value() != filter.reads_value()) differs = true;
            }
        };
        std::vector<std::thread> all;
        for (size_t i = 0; i < threads; ++i) all.emplace_back(ask);
        for (std::thread& thread : all) thread.join();
        require(!differs, "threads that ask the filter '" + spec + "' at once hear something else");
    }
}

// Compiling, refusing, asking and closing, with sets and without.
void check_leaks(const FilterSuite& suite) {
    std::mt19937_64 random(suite.seed + 4);
    const std::vector<Bytes> specs = some_specs(suite, random);
    const std::vector<Bytes> refused = {Bytes(1024 * 1024, '['), "[", "", "a b c"};
    const auto& table = *suite.table;
    require_no_leak("compile and close", filter_leak_rounds, [&] {
        for (const Bytes& spec : specs) {
            const FilterDriver filter(table, spec);
            (void)filter.matches("a/b", "{\"a\":1}");
        }
        for (const Bytes& spec : refused) (void)FilterDriver(table, spec).ok();
    });
    if (set_slots(table) != set_slots_all) return;
    std::vector<std::unique_ptr<FilterDriver>> filters;
    std::vector<const belfry_filter*> given;
    for (const Bytes& spec : specs) {
        filters.push_back(std::make_unique<FilterDriver>(table, spec));
        given.push_back(filters.back()->handle());
    }
    require_no_leak("a set", filter_leak_rounds, [&] {
        belfry_filter_set* set = nullptr;
        belfry_error error;
        error.struct_size = sizeof(error);
        error.reserved = 0;
        error.message[0] = '\0';
        if (table.set_make(given.data(), given.size(), &set, &error) != BELFRY_OK) return;
        std::vector<uint64_t> bits(given.size() / 64 + 1, 0);
        (void)table.set_matches(set, plugin::to_c("a/b"), plugin::to_c("{\"a\":1}"), bits.data());
        table.set_close(set);
    });
}

// As large as the hub takes, and nested as deep as they can be.
std::vector<Bytes> hostile_values() {
    constexpr size_t value_bytes = 1024 * 1024;
    std::vector<Bytes> values = {"[", "{\"a\":", "[1,", "\\", "\"", "\xff", "<a>", "0"};
    for (Bytes& value : values) {
        while (value.size() <= value_bytes / 2) value += Bytes(value);
    }
    return values;
}

// No crash, and an answer.
void check_hostile_values(const FilterSuite& suite) {
    std::vector<std::string> specs = suite.specs;
    specs.insert(specs.end(), {"app/", "a", "**", ".*", "** . exists"});
    const std::vector<Bytes> values = hostile_values();
    for (const std::string& spec : specs) {
        const FilterDriver filter(*suite.table, spec);
        if (!filter.ok()) continue;
        for (const Bytes& value : values) {
            const bool matches = filter.matches("a", value);
            require(matches == filter.matches("a", value), "matches answers differently the second time about 1 MiB");
        }
    }
}

}  // namespace

Report check_filter(const FilterSuite& suite) {
    Report report;
    run_check(report, "kind: a word", [&] {
        const std::string kind = suite.table->kind == nullptr ? "" : suite.table->kind;
        require(!kind.empty() && kind.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_-") == Bytes::npos,
                "'" + kind + "' is not a word of small letters");
    });
    run_check(report, "specs: those that must be taken are, canonical forms are stable", [&] { check_given(suite); });
    run_check(report, "random: canonical forms, ranges, refusals with sentences", [&] {
        try {
            check_random(suite);
        } catch (const CheckFailed& failed) {
            throw CheckFailed{failed.sentence + " (seed " + std::to_string(suite.seed) + ")"};
        }
    });
    run_check(report, "lifetime: a filter views nothing of others", [&] { check_lifetime(suite); });
    run_check(report, "sets: what they say of each filter is what the filter says", [&] { check_sets(suite); });
    run_check(report, "values: 1 MiB of nesting and garbage gets an answer", [&] { check_hostile_values(suite); });
    run_check(report, "threads: several that ask at once hear what one hears", [&] { check_threads(suite); });
    run_check(report, "leaks: filters and sets leave no memory behind", [&] { check_leaks(suite); });
    run_check(report, "bounds: a spec of 1 MiB is refused", [&] { check_huge(suite); });
    return report;
}

}  // namespace belfry::testing

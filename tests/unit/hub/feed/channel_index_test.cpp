#include "hub/feed/channel_index.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/generators/catch_generators_range.hpp>
#include <list>
#include <map>
#include <random>
#include <set>

#include "hub/plugin/plugin.hpp"

using namespace belfry;
using namespace belfry::hub::feed;
using hub::plugin::Sight;

extern "C" {
const belfry_plugin_descriptor* belfry_plugin_entry_filter_prefix(const belfry_host_v1*, belfry_error*);
const belfry_plugin_descriptor* belfry_plugin_entry_filter_glob(const belfry_host_v1*, belfry_error*);
const belfry_plugin_descriptor* belfry_plugin_entry_filter_regex(const belfry_host_v1*, belfry_error*);
const belfry_plugin_descriptor* belfry_plugin_entry_filter_json(const belfry_host_v1*, belfry_error*);
}

namespace {

using Random = std::mt19937_64;

std::vector<const belfry_filter_v1*> tables() {
    std::vector<const belfry_filter_v1*> all;
    for (const auto entry : {&belfry_plugin_entry_filter_prefix, &belfry_plugin_entry_filter_glob,
                             &belfry_plugin_entry_filter_regex, &belfry_plugin_entry_filter_json}) {
        all.push_back(static_cast<const belfry_filter_v1*>(entry(nullptr, nullptr)->interfaces[0].table));
    }
    return all;
}

hub::plugin::Filters filters_of(const std::vector<const belfry_filter_v1*>& tables) {
    hub::plugin::Filters filters;
    for (const belfry_filter_v1* table : tables) REQUIRE(filters.add(*table).ok());
    return filters;
}

std::string pick(Random& random, const std::vector<std::string>& from) { return from[random() % from.size()]; }

std::string random_key(Random& random) {
    std::string key;
    static const std::vector<std::string> parts = {"a",  "b",        "ab",           "fleet/",   "-",  "/",      "7",
                                                   "12", "config",   "\xC3\xA4",     "\xC5\xBF", "A",  "\xFF",   "k",
                                                   "K",  "\xC4\xB0", "\xE2\x84\xAA", "x/",       "db", "region-"};
    for (uint64_t n = 1 + random() % 7; n > 0; --n) key += pick(random, parts);
    return key;
}

std::string random_value(Random& random) {
    const auto scalar = [&] {
        return pick(random, {"0", "1", "1.0", "7", "-2", "2.5", "18446744073709551615", "9007199254740993", "\"a\"",
                             "\"b\"", "\"\"", "true", "false", "null", "[1]", "{\"b\": 1}"});
    };
    if (random() % 12 == 0) return pick(random, {"", "no json", "{", "[]", "{}"});
    if (random() % 8 == 0) return scalar();
    return "{\"a\": " + scalar() + ", \"b\": " + scalar() + ", \"c\": {\"d\": " + scalar() + "}}";
}

protocol::FilterSpec random_spec(Random& random) {
    static const std::vector<std::string> globs = {"*",  "**",   "?",    "a", "b",      "fleet/",
                                                   "-7", "[ab]", "[!a]", "/", "config", "x/"};
    static const std::vector<std::string> pieces = {
        "a",      "b",   ".*",       "[a-z]+", "-7",   "/", "fleet/",       "(db|ab)", "(?i)k", "(?i)s", "\\d+", "a?",
        "(a|7|)", "\\C", "\xC3\xA4", "config", "[kK]", "i", "(?i)\xC3\x84", "region-", "{2}",   "[^/]*", "."};
    std::string glob;
    for (uint64_t n = 1 + random() % 5; n > 0; --n) glob += pick(random, globs);
    switch (random() % 4) {
        case 0: return {"prefix", random_key(random)};
        case 1: return {"glob", glob};
        case 2: {
            std::string pattern;
            for (uint64_t n = 1 + random() % 5; n > 0; --n) pattern += pick(random, pieces);
            return {"regex", pattern};
        }
        default: break;
    }
    std::string query = random() % 2 == 0 ? "**" : glob;
    for (uint64_t n = 1 + random() % 3, i = 0; i < n; ++i) {
        query += i == 0 ? " " : " and ";
        query += pick(random, {"/a", "/b", "/c/d", "/a/0", "/a/b", "."});
        if (random() % 8 == 0) {
            query += " exists";
            continue;
        }
        query += " " + pick(random, {"=", "!=", "<", "<=", ">", ">="}) + " ";
        query += pick(random, {"1", "7", "0", "2.5", "-2", "9007199254740992", "\"a\"", "\"\"", "1e0", "true", "null"});
    }
    return {"json", query};
}

// What the index says of a change, channel by channel.
std::map<const Channel*, Sight> asked(ChannelIndex& index, BytesView key, std::optional<BytesView> now,
                                      std::optional<BytesView> before) {
    std::map<const Channel*, Sight> seen;
    index.ask(key, now, before, [&](Channel& channel, Sight sight) {
        CHECK(sight != Sight::nothing);
        CHECK(seen.emplace(&channel, sight).second);
    });
    return seen;
}

}  // namespace

// Channels come and go while changes pass; every answer is compared with asking every filter.
TEST_CASE("channel index: with sets and without, every channel sees what its filter alone would", "[feed][filter]") {
    const uint64_t seed = GENERATE(Catch::Generators::range(uint64_t{1}, uint64_t{13}));
    INFO("seed " << seed);
    Random random(seed);
    const hub::plugin::Filters filters = filters_of(tables());
    ChannelIndex index;
    std::list<Channel> channels;
    std::set<ChannelId> ids;
    size_t seen = 0;
    for (int step = 0; step < 1200; ++step) {
        const bool growing = step % 600 < 400;
        for (uint64_t n = random() % 4; growing && n > 0; --n) {
            const auto filter = filters.compile(random_spec(random));
            if (!filter || !ids.insert((*filter)->channel()).second) continue;
            channels.push_back({(*filter)->channel(), *filter, {}, 0, false, false, 0, 0, {}});
            index.insert(channels.back());
        }
        if (!channels.empty() && random() % (growing ? 8 : 1) == 0) {
            const auto leaving = std::next(channels.begin(), static_cast<ptrdiff_t>(random() % channels.size()));
            index.erase(*leaving);
            ids.erase(leaving->id);
            channels.erase(leaving);
        }
        const Bytes key = random_key(random);
        const Bytes value = random_value(random);
        const Bytes replaced = random_value(random);
        const auto now = random() % 4 == 0 ? std::nullopt : std::optional<BytesView>(value);
        const auto before = random() % 4 == 0 ? std::nullopt : std::optional<BytesView>(replaced);
        std::map<const Channel*, Sight> expected;
        for (const Channel& channel : channels) {
            const Sight sight = channel.filter->sight(key, now, before);
            if (sight != Sight::nothing) expected.emplace(&channel, sight);
        }
        seen += expected.size();
        const auto answered = asked(index, key, now, before);
        for (const Channel& channel : channels) {
            INFO("key " << key << ", now " << now.value_or("(none)") << ", before " << before.value_or("(none)") << ", "
                        << channel.filter->kind() << " " << channel.filter->canonical());
            const auto sight = [&](const auto& seen_by) {
                const auto found = seen_by.find(&channel);
                return found == seen_by.end() ? Sight::nothing : found->second;
            };
            REQUIRE(sight(answered) == sight(expected));
        }
    }
    CHECK(seen > 1000);
}

namespace {

struct Counts {
    size_t sets_made = 0;
    size_t filters_in_sets = 0;  // over all sets made
    size_t asked_singly = 0;
    size_t sets_open = 0;
};
Counts counts;
bool refuse_sets = false;
bool refuse_answers = false;

// The glob plugin's table, counting.
const belfry_filter_v1& counting_globs() {
    static const belfry_filter_v1& sound = *tables()[1];
    static const belfry_filter_v1 table = [] {
        belfry_filter_v1 made = sound;
        made.matches = [](const belfry_filter* filter, belfry_bytes key, belfry_bytes value) {
            ++counts.asked_singly;
            return sound.matches(filter, key, value);
        };
        made.set_make = [](const belfry_filter* const* filters, uint64_t count, belfry_filter_set** set,
                           belfry_error* error) -> belfry_status {
            if (refuse_sets) return BELFRY_TOO_LARGE;
            ++counts.sets_made;
            ++counts.sets_open;
            counts.filters_in_sets += count;
            return sound.set_make(filters, count, set, error);
        };
        made.set_matches = [](belfry_filter_set* set, belfry_bytes key, belfry_bytes value, uint64_t* bits) -> int32_t {
            return refuse_answers ? 0 : sound.set_matches(set, key, value, bits);
        };
        made.set_close = [](belfry_filter_set* set) {
            --counts.sets_open;
            sound.set_close(set);
        };
        return made;
    }();
    return table;
}

std::list<Channel> globs_about_everything(size_t count) {
    const hub::plugin::Filters filters = filters_of({&counting_globs()});
    std::list<Channel> channels;
    for (size_t i = 0; i < count; ++i) {
        const auto filter = *filters.compile({"glob", "*/*-" + std::to_string(i) + "/config"});
        channels.push_back({filter->channel(), filter, {}, 0, false, false, 0, 0, {}});
    }
    return channels;
}

}  // namespace

TEST_CASE("channel index: 1,000 channels opening one after another, with a change after each, cost a few sets",
          "[feed][filter]") {
    counts = {};
    refuse_sets = refuse_answers = false;
    {
        std::list<Channel> channels = globs_about_everything(1000);
        ChannelIndex index;
        for (Channel& channel : channels) {
            index.insert(channel);
            CHECK(asked(index, "fleet/service-0/config", "v", std::nullopt).size() == 1);
        }
        // Quadratic would be 1000 sets of 500 on average.
        CHECK(counts.sets_made < 60);
        CHECK(counts.filters_in_sets < 30'000);
        CHECK(counts.asked_singly < 300'000);
        // Then everything is in the set, once that is worth it.
        for (int i = 0; i < 10'000; ++i) asked(index, "fleet/service-7/config", "v", std::nullopt);
        counts.asked_singly = 0;
        for (int i = 0; i < 1000; ++i) asked(index, "fleet/service-7/config", "v", std::nullopt);
        CHECK(counts.asked_singly == 0);
        CHECK(counts.sets_open == 1);
        for (Channel& channel : channels) index.erase(channel);
        CHECK(counts.sets_open == 0);
    }
}

TEST_CASE("channel index: sets that are refused, and answers that are, leave the filters to be asked", "[feed][filter]") {
    counts = {};
    refuse_sets = GENERATE(true, false);
    refuse_answers = !refuse_sets;
    std::list<Channel> channels = globs_about_everything(200);
    ChannelIndex index;
    for (Channel& channel : channels) index.insert(channel);
    for (int i = 0; i < 300; ++i) {
        REQUIRE(asked(index, "fleet/service-" + std::to_string(i) + "/config", "v", std::nullopt).size() ==
                (i < 200 ? 1 : 0));
    }
    CHECK(counts.asked_singly == 300 * 200);
    CHECK((counts.sets_made > 0) == refuse_answers);
    for (Channel& channel : channels) index.erase(channel);
    refuse_sets = refuse_answers = false;
}

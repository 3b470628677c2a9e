#include "hub/plugin/plugin.hpp"

#include <stdlib.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "hub/plugin/file_digest.hpp"
#include "hub/plugin/filter.hpp"
#include "hub/plugin/state_store.hpp"
#include "sdk/plugin/filter.hpp"
#include "sdk/plugin/log_store.hpp"
#include "sdk/testing/plugin_check.hpp"

using namespace belfry;
using namespace belfry::hub::plugin;
using Catch::Matchers::ContainsSubstring;

extern "C" const belfry_plugin_descriptor* belfry_plugin_entry_storage_memory(const belfry_host_v1*, belfry_error*);

namespace {

// A filter that matches keys by their first letter, written as an author would.
class FirstLetter {
public:
    static constexpr const char* kind = "letter";
    static Result<std::unique_ptr<FirstLetter>> compile(BytesView spec) {
        if (spec.size() == 3) throw std::runtime_error("three letters are too many");
        if (spec.size() != 1) return Error{Code::invalid_argument, "letter: one letter is needed"};
        return std::make_unique<FirstLetter>(spec[0]);
    }
    explicit FirstLetter(char letter) : begin_(1, letter), end_(1, static_cast<char>(letter + 1)) {}
    BytesView canonical() const { return begin_; }
    plugin::FilterRange range() const { return {begin_, end_}; }
    bool matches(BytesView key, BytesView) const { return key.substr(0, 1) == begin_; }

private:
    Bytes begin_, end_;
};

const belfry_host_v1 host = {sizeof(belfry_host_v1), BELFRY_ABI_MAJOR, BELFRY_ABI_MINOR, nullptr, nullptr};

class TempDirectory {
public:
    TempDirectory() {
        std::string pattern = (std::filesystem::temp_directory_path() / "belfry-plugin-XXXXXX").string();
        path = ::mkdtemp(pattern.data()) != nullptr ? pattern : "";
    }
    ~TempDirectory() {
        std::error_code ignored;
        std::filesystem::remove_all(path, ignored);
    }
    std::string path;
};

std::unique_ptr<StateStore> open_memory(const Settings& settings = {}) {
    const auto loaded = link_plugin(belfry_plugin_entry_storage_memory, host);
    auto store = StateStore::open(host, *loaded->state_store(), loaded->descriptor->name, "/tmp", settings);
    REQUIRE(store.ok());
    return std::move(*store);
}

}  // namespace

BELFRY_PLUGIN(test_letters, "0.1.0", "Filters by first letter.", belfry::plugin::filter<FirstLetter>())

TEST_CASE("plugin: one linked in shows its interfaces", "[hub][plugin]") {
    const auto loaded = link_plugin(belfry_plugin_entry_test_letters, host);
    REQUIRE(loaded.ok());
    CHECK(loaded->origin == "built in");
    CHECK(loaded->descriptor->name == std::string("test_letters"));
    CHECK(loaded->filters().size() == 1);
    CHECK(loaded->state_store() == nullptr);
    CHECK(loaded->log_store() == nullptr);
    CHECK(loaded->transport() == nullptr);
}

TEST_CASE("plugin: a descriptor that a hub must not run is refused with a sentence", "[hub][plugin]") {
    belfry_plugin_descriptor descriptor = *belfry_plugin_entry_test_letters(&host, nullptr);
    belfry_filter_v1 table = plugin::FilterTable<FirstLetter>::slots;
    belfry_interface interface = {BELFRY_KIND_FILTER, 0, &table};
    descriptor.interfaces = &interface;
    REQUIRE(check_descriptor(&descriptor, "x.so").ok());
    std::string expected;
    SECTION("of another major ABI") {
        descriptor.abi_major = 2;
        expected = "built for plugin ABI 2.";
    }
    SECTION("too small") {
        descriptor.struct_size = 16;
        expected = "its descriptor has 16 octets";
    }
    SECTION("with a name that is no word") {
        descriptor.name = "../evil";
        expected = "its name must be";
    }
    SECTION("without interfaces") {
        descriptor.interface_count = 0;
        expected = "offers no interface";
    }
    SECTION("with a NULL slot") {
        table.matches = nullptr;
        expected = "mandatory slot 'matches'";
    }
    SECTION("with a table that ends before a mandatory slot") {
        table.struct_size = offsetof(belfry_filter_v1, close);
        expected = "mandatory slot 'close'";
    }
    SECTION("with two state stores") {
        static const belfry_interface stores[] = {
            *link_plugin(belfry_plugin_entry_storage_memory, host)->descriptor->interfaces,
            *link_plugin(belfry_plugin_entry_storage_memory, host)->descriptor->interfaces};
        descriptor.interfaces = stores;
        descriptor.interface_count = 2;
        expected = "more than one state store";
    }
    const Status status = check_descriptor(&descriptor, "x.so");
    REQUIRE_FALSE(status.ok());
    CHECK(status.error().code == Code::incompatible);
    CHECK_THAT(status.error().detail, ContainsSubstring("x.so") && ContainsSubstring(expected));
}

TEST_CASE("plugin: a newer minor ABI and an interface of an unknown kind are taken", "[hub][plugin]") {
    belfry_plugin_descriptor descriptor = *belfry_plugin_entry_test_letters(&host, nullptr);
    const int something = 0;
    const belfry_interface interfaces[] = {descriptor.interfaces[0], {99, 0, &something}};
    descriptor.abi_minor = 7;
    descriptor.interfaces = interfaces;
    descriptor.interface_count = 2;
    CHECK(check_descriptor(&descriptor, "x.so").ok());
    CHECK(kind_name(99) == "interface of kind 99");
}

TEST_CASE("loader: says why a file cannot be loaded", "[hub][plugin]") {
    const auto missing = load_plugin("/nowhere/at_all.so", host);
    REQUIRE_FALSE(missing.ok());
    CHECK(missing.error().code == Code::not_found);
    const auto text = load_plugin("/etc/passwd", host);
    REQUIRE_FALSE(text.ok());
    CHECK(text.error().code == Code::incompatible);
    CHECK_THAT(text.error().detail, ContainsSubstring("/etc/passwd: cannot be loaded"));
    const auto library = load_plugin(BELFRY_TEST_LIBRARY_WITHOUT_ENTRY, host);
    REQUIRE_FALSE(library.ok());
    CHECK_THAT(library.error().detail, ContainsSubstring("exports no belfry_plugin_entry"));
}

TEST_CASE("loader: a file built for another major ABI is refused, both versions named", "[hub][plugin]") {
    const std::string sentence = "built for plugin ABI 2.3, this host speaks 1." + std::to_string(BELFRY_ABI_MINOR) +
                                 "; build the plugin against this release";
    const auto loaded = load_plugin(BELFRY_TEST_LIBRARY_OTHER_ABI, host);
    REQUIRE_FALSE(loaded.ok());
    CHECK(loaded.error().code == Code::incompatible);
    CHECK_THAT(loaded.error().detail, ContainsSubstring(BELFRY_TEST_LIBRARY_OTHER_ABI) && ContainsSubstring(sentence));
    CHECK_THAT(belfry::testing::check_plugin(BELFRY_TEST_LIBRARY_OTHER_ABI).text(), ContainsSubstring(sentence));
}

TEST_CASE("loader: a pinned file is loaded if it has the digest, and no other", "[hub][plugin]") {
    CHECK(*file_digest("/dev/null") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    const TempDirectory directory;
    const std::string copy = directory.path + "/copy.so";
    std::filesystem::copy_file(BELFRY_TEST_STORE, copy);
    const std::string digest = *file_digest(copy);
    CHECK(digest == *file_digest(BELFRY_TEST_STORE));
    const auto loaded = load_plugin(BELFRY_TEST_STORE, host, digest);
    REQUIRE(loaded.ok());
    CHECK(loaded->sha256 == digest);
    std::ofstream(copy, std::ios::app) << 'x';  // one octet, behind all that is loaded
    const auto refused = load_plugin(copy, host, digest);
    REQUIRE_FALSE(refused.ok());
    CHECK(refused.error().code == Code::denied);
    CHECK_THAT(refused.error().detail, ContainsSubstring(copy) &&
                                           ContainsSubstring("its sha256 is " + *file_digest(copy)) &&
                                           ContainsSubstring("the settings say " + digest));
}

TEST_CASE("loader: the loadable form of a store works like the one linked in", "[hub][plugin]") {
    const auto loaded = load_plugin(BELFRY_TEST_STORE, host);
    INFO((loaded ? "" : loaded.error().detail));
    REQUIRE(loaded.ok());
    CHECK(loaded->descriptor->name == std::string("storage_memory"));
    auto store = StateStore::open(host, *loaded->state_store(), loaded->descriptor->name, "/tmp", {});
    REQUIRE(store.ok());
    CHECK((*store)->applied_index()->value == 0);
}

TEST_CASE("plugin check: a sound plugin passes, its descriptor is told", "[hub][plugin]") {
    std::string about;
    const auto report = belfry::testing::check_plugin(BELFRY_TEST_STORE, &about);
    INFO(report.text());
    CHECK(report.passed());
    CHECK_THAT(about, ContainsSubstring("storage_memory 1.0.0") && ContainsSubstring("state store"));
    CHECK_FALSE(belfry::testing::check_plugin("/etc/passwd").passed());
}

TEST_CASE("state store: the wrapper carries a batch there and back", "[hub][plugin]") {
    const auto store = open_memory();
    CHECK_FALSE(store->can_sync());
    REQUIRE(store->begin().ok());
    CHECK(store->in_batch());
    REQUIRE(store->put(1, "a", "1").ok());
    REQUIRE(store->put(1, "b", "2").ok());
    REQUIRE(store->commit(Index{5}).ok());
    CHECK_FALSE(store->in_batch());
    CHECK(store->applied_index()->value == 5);
    CHECK(*store->get(1, "a") == "1");
    CHECK(store->get(1, "c").error().code == Code::not_found);
    std::string seen;
    const auto look = [&](BytesView key, BytesView) { return seen += key, true; };
    REQUIRE(store->scan(1, {}, {}, StateStore::Direction::reverse, look).ok());
    CHECK(seen == "ba");
    CHECK(store->stats()->bytes_used > 0);
}

TEST_CASE("state store: a snapshot goes from one store to another", "[hub][plugin]") {
    const auto store = open_memory();
    REQUIRE(store->begin().ok());
    REQUIRE(store->put(1, "a", "1").ok());
    REQUIRE(store->commit(Index{5}).ok());
    Bytes image;
    const auto index = store->snapshot_write([&](BytesView part) { return image += part, Status(); });
    REQUIRE(index.ok());
    CHECK(index->value == 5);
    const auto other = open_memory();
    size_t at = 0;
    const auto give = [&](char* buffer, size_t capacity) -> Result<size_t> {
        const size_t size = image.copy(buffer, capacity, at);
        at += size;
        return size;
    };
    REQUIRE(other->snapshot_read(give).ok());
    CHECK(*other->get(1, "a") == "1");
    CHECK(other->applied_index()->value == 5);
    // The receiver's own words come back, not only its code.
    const auto refused = store->snapshot_write([](BytesView) { return Status(Error{Code::timeout, "the peer is slow"}); });
    CHECK(refused.error().code == Code::timeout);
    CHECK(refused.error().detail == "the peer is slow");
}

TEST_CASE("state store: an error names plugin, slot and reason", "[hub][plugin]") {
    const auto store = open_memory({{"bytes_max", "1000"}});
    REQUIRE(store->begin().ok());
    const Status full = store->put(1, "a", Bytes(2000, 'x'));
    REQUIRE_FALSE(full.ok());
    CHECK(full.error().code == Code::no_space);
    CHECK_THAT(full.error().detail, ContainsSubstring("storage_memory: put: ") && ContainsSubstring("bytes_max"));
    store->rollback();
    const auto loaded = link_plugin(belfry_plugin_entry_storage_memory, host);
    const auto unknown = StateStore::open(host, *loaded->state_store(), "storage_memory", "/tmp", {{"colour", "red"}});
    REQUIRE_FALSE(unknown.ok());
    CHECK_THAT(unknown.error().detail, ContainsSubstring("'colour'"));
}

TEST_CASE("state store: an injected fault fails the slot and ends the batch", "[hub][plugin]") {
    const auto store = open_memory();
    store->inject([](std::string_view slot) {
        return slot == "commit" ? Status(Error{Code::no_space, "injected"}) : Status();
    });
    REQUIRE(store->begin().ok());
    REQUIRE(store->put(1, "a", "1").ok());
    CHECK(store->commit(Index{5}).error().detail == "injected");
    CHECK_FALSE(store->in_batch());
    CHECK(store->get(1, "a").error().code == Code::not_found);
    store->inject({});
    CHECK(store->applied_index()->value == 0);
}

TEST_CASE("filters: compiled by kind, equal ones share a channel", "[hub][plugin]") {
    Filters filters;
    REQUIRE(filters.add(plugin::FilterTable<FirstLetter>::slots).ok());
    CHECK(filters.add(plugin::FilterTable<FirstLetter>::slots).error().code == Code::conflict);
    const auto first = filters.compile({"letter", "k"});
    REQUIRE(first.ok());
    CHECK((*first)->kind() == "letter");
    CHECK((*first)->matches("key", ""));
    CHECK_FALSE((*first)->matches("lock", ""));
    CHECK((*first)->range() == KeyRange{"k", "l"});
    CHECK((*first)->channel() == (*filters.compile({"letter", "k"}))->channel());
    CHECK((*first)->channel() != (*filters.compile({"letter", "l"}))->channel());
}

TEST_CASE("filters: what cannot be compiled is refused with a sentence", "[hub][plugin]") {
    Filters filters;
    REQUIRE(filters.add(plugin::FilterTable<FirstLetter>::slots).ok());
    const auto unknown = filters.compile({"glob", "*"});
    REQUIRE_FALSE(unknown.ok());
    CHECK(unknown.error().code == Code::unsupported);
    CHECK_THAT(unknown.error().detail, ContainsSubstring("'glob'") && ContainsSubstring("letter"));
    const auto refused = filters.compile({"letter", "ab"});
    CHECK(refused.error().code == Code::invalid_argument);
    CHECK_THAT(refused.error().detail, ContainsSubstring("one letter is needed"));
    const auto thrown = filters.compile({"letter", "abc"});
    CHECK(thrown.error().code == Code::io);
    CHECK_THAT(thrown.error().detail, ContainsSubstring("three letters are too many"));
    CHECK(filters.compile({"letter", Bytes(2000, 'x')}).error().code == Code::invalid_argument);
}

TEST_CASE("filters: one that does not say whether it reads values is taken to do so", "[hub][plugin]") {
    belfry_filter_v1 table = plugin::FilterTable<FirstLetter>::slots;
    const auto reads = [](const belfry_filter_v1& of) {
        Filters filters;
        REQUIRE(filters.add(of).ok());
        return (*filters.compile({"letter", "k"}))->reads_value();
    };
    CHECK(reads(table));
    table.reads_value = [](const belfry_filter*) -> int32_t { return 0; };
    CHECK_FALSE(reads(table));
    table.struct_size = offsetof(belfry_filter_v1, reads_value);  // as a plugin of ABI 1.0 has it
    CHECK(reads(table));
}

TEST_CASE("filters: what a change is to those who keep the keys of a filter", "[hub][plugin]") {
    // "yes": the value is yes.
    belfry_filter_v1 table = plugin::FilterTable<FirstLetter>::slots;
    table.matches = [](const belfry_filter*, belfry_bytes, belfry_bytes value) -> int32_t {
        return plugin::from_c(value) == "yes" ? 1 : 0;
    };
    Filters filters;
    REQUIRE(filters.add(table).ok());
    const auto filter = *filters.compile({"letter", "k"});
    CHECK(filter->sight("k", "yes", std::nullopt) == Sight::put);
    CHECK(filter->sight("k", "yes", "no") == Sight::put);
    CHECK(filter->sight("k", "no", "yes") == Sight::gone);
    CHECK(filter->sight("k", std::nullopt, "yes") == Sight::gone);
    CHECK(filter->sight("k", "no", "no") == Sight::nothing);
    CHECK(filter->sight("k", "no", std::nullopt) == Sight::nothing);
    CHECK(filter->sight("k", std::nullopt, "no") == Sight::nothing);
    CHECK(filter->sight("k", std::nullopt, std::nullopt) == Sight::nothing);
}

TEST_CASE("filters: one by key alone needs no value to see a delete", "[hub][plugin]") {
    belfry_filter_v1 table = plugin::FilterTable<FirstLetter>::slots;
    table.reads_value = [](const belfry_filter*) -> int32_t { return 0; };
    Filters filters;
    REQUIRE(filters.add(table).ok());
    const auto filter = *filters.compile({"letter", "k"});
    CHECK(filter->sight("key", "v", std::nullopt) == Sight::put);
    CHECK(filter->sight("key", std::nullopt, std::nullopt) == Sight::gone);
    CHECK(filter->sight("lock", "v", std::nullopt) == Sight::nothing);
    CHECK(filter->sight("lock", std::nullopt, std::nullopt) == Sight::nothing);
}

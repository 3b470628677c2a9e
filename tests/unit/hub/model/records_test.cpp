#include "hub/model/records.hpp"

#include <catch2/catch_test_macros.hpp>

#include <random>

using namespace belfry;
using namespace belfry::hub::model;

namespace {

Bytes rich_change(Labels labels = {}) {
    Bytes record;
    encode_change_header({5, "ada", "why", std::move(labels)}, record);
    encode_change_event({EventType::put, "a", {{9}, {9}, 1, {7}, "v"}, ChangeEvent::Previous::nothing, {}}, record);
    encode_change_event(
        {EventType::put, "b", {{9}, {9}, 1, {}, "w"}, ChangeEvent::Previous::tombstone, {{}, {4}, 0, {}, {}}}, record);
    encode_change_event({EventType::erase, "c", {}, ChangeEvent::Previous::live, {{1}, {3}, 2, {1}, "old"}}, record);
    encode_change_event({EventType::put,
                         "d",
                         {{2}, {9}, 2, {}, "{}", "json"},
                         ChangeEvent::Previous::live,
                         {{2}, {3}, 1, {}, "x", "image/png"}},
                        record);
    return record;
}

}  // namespace

TEST_CASE("change record: events come back with what they replaced", "[model]") {
    const Bytes record = rich_change();
    ChangeReader reader(record, {9});
    CHECK(reader.header().author == "ada");
    ChangeEvent event;
    REQUIRE(reader.next(event));
    CHECK(to_event(event, {9}) == Event{EventType::put, {"a", "v", {9}, {9}, 1, {7}}});
    REQUIRE(reader.next(event));
    CHECK(event.previous == ChangeEvent::Previous::tombstone);
    CHECK(event.before.mod == Revision{4});
    REQUIRE(reader.next(event));
    CHECK(event.before.value == "old");
    CHECK(to_event(event, {9}) == Event{EventType::erase, {"c", "", {}, {9}, 0, {}}});
    REQUIRE(reader.next(event));
    CHECK(event.before.content_type == "image/png");
    CHECK(to_event(event, {9}) == Event{EventType::put, {"d", "{}", {2}, {9}, 2, {}, "json"}});
    CHECK_FALSE(reader.next(event));
    CHECK(reader.status());
    CHECK(ChangeReader(record, {9}).find("c")->type == EventType::erase);
    CHECK(ChangeReader(record, {9}).find("e").error().code == Code::not_found);
}

TEST_CASE("change record: a chain that does not go back in time is damage", "[model]") {
    const Bytes record = rich_change();
    CHECK(ChangeReader(record, {4}).find("c").error().code == Code::corrupt);
}

TEST_CASE("records: a content type costs nothing where there is none, and its octets stay as they are", "[model]") {
    Bytes current;
    encode_current({{1}, {300}, 2, {}, "v", "json"}, current);
    CHECK(current == Bytes("\0\x04json\x01\xac\x02\x02\0v", 12));
    const auto version = decode_current(current);
    REQUIRE(version);
    CHECK(version->content_type == "json");
    CHECK(version->value == "v");
    CHECK(version->create == Revision{1});
    CHECK_FALSE(decode_current(Bytes("\0\0\x01\xac\x02\x02\0v", 8)));  // an empty one would be a second spelling
    Bytes event;
    encode_change_event({EventType::put, "k", {{1}, {1}, 1, {}, "v", "toml"}, ChangeEvent::Previous::nothing, {}}, event);
    CHECK(event == Bytes("\x08\x01k\x01\x01\0\x01v\x04toml", 13));
    for (const char flags : {'\x09', '\x10', '\x12', '\x20'}) {  // of an erase; of no previous one; not known
        event[0] = flags;
        ChangeEvent read;
        CHECK_FALSE(ChangeReader::events(event, {1}).next(read));
    }
}

TEST_CASE("change record: labels make it one of format 2, whose octets stay as they are", "[model]") {
    Bytes record;
    encode_change_header({5, "ada", "why"}, record);
    CHECK(record == Bytes("\x01\x05\0\0\0\0\0\0\0\x03"
                          "ada\x03why",
                          17));
    record.clear();
    encode_change_header({5, "ada", "why", {"canary", "n=1"}}, record);
    CHECK(record == Bytes("\x02\x05\0\0\0\0\0\0\0\x03"
                          "ada\x03why\x02\x06"
                          "canary\x03n=1",
                          29));
    ChangeReader reader(record, {9});
    CHECK(reader.header().labels == Labels{"canary", "n=1"});
    ChangeEvent event;
    CHECK_FALSE(reader.next(event));
    CHECK(reader.status());
    record[17] = 0;
    CHECK_FALSE(ChangeReader(record, {9}).status());  // none would be a second spelling
    record[17] = 17;
    CHECK_FALSE(ChangeReader(record, {9}).status());
    record[0] = 3;
    CHECK_FALSE(ChangeReader(record, {9}).status());
}

TEST_CASE("change record: any octets end with a status", "[model]") {
    std::mt19937 random(2);
    for (int i = 0; i < 20000; ++i) {
        Bytes record = rich_change(i % 2 == 0 ? Labels() : Labels{"canary", "n=1"});
        record[random() % record.size()] = static_cast<char>(random());
        record.resize(random() % (record.size() + 1));
        ChangeReader reader(record, {9});
        size_t events = 0;
        for (ChangeEvent event; reader.next(event);) ++events;
        CHECK(events <= record.size());
    }
}

TEST_CASE("records: the octets of format 1 stay as they are", "[model]") {
    Bytes current;
    encode_current({{1}, {300}, 2, {}, "v"}, current);
    CHECK(current == Bytes("\x01\xac\x02\x02\0v", 6));
    CHECK(view(revision_key({258})) == BytesView("\0\0\0\0\0\0\x01\x02", 8));
    CHECK(revision_of(view(revision_key({258}))) == Revision{258});
    CHECK(encode_deleted({300}) == "\xac\x02");
    CHECK(encode_meta({{1}, {2}, {3}, {4}, 5, 6, 7, 8}).size() == 68);
    // Format 2 had no clock of sessions.
    Bytes older = encode_meta({{1}, {2}, {3}, {4}, 5, 6, 7, 8}).substr(0, 60);
    older[0] = 2;
    CHECK(decode_meta(older)->digest == 7);
    CHECK(decode_meta(older)->session_ms == 0);
    CHECK(table_meta == 0);
    CHECK(table_sessions == 4);
    CHECK(table_current == 1);
    CHECK(table_changes == 2);
    CHECK(table_deleted == 3);
    CHECK(decode_meta("x").error().code == Code::corrupt);
    CHECK(decode_current("").error().code == Code::corrupt);
}

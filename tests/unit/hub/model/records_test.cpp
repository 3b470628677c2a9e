#include "hub/model/records.hpp"

#include <catch2/catch_test_macros.hpp>

#include <random>

using namespace belfry;
using namespace belfry::hub::model;

namespace {

Bytes rich_change() {
    Bytes record;
    encode_change_header({5, "ada", "why"}, record);
    encode_change_event({EventType::put, "a", {{9}, {9}, 1, {7}, "v"}, ChangeEvent::Previous::nothing, {}}, record);
    encode_change_event(
        {EventType::put, "b", {{9}, {9}, 1, {}, "w"}, ChangeEvent::Previous::tombstone, {{}, {4}, 0, {}, {}}}, record);
    encode_change_event({EventType::erase, "c", {}, ChangeEvent::Previous::live, {{1}, {3}, 2, {1}, "old"}}, record);
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
    CHECK_FALSE(reader.next(event));
    CHECK(reader.status());
    CHECK(ChangeReader(record, {9}).find("c")->type == EventType::erase);
    CHECK(ChangeReader(record, {9}).find("d").error().code == Code::not_found);
}

TEST_CASE("change record: a chain that does not go back in time is damage", "[model]") {
    const Bytes record = rich_change();
    CHECK(ChangeReader(record, {4}).find("c").error().code == Code::corrupt);
}

TEST_CASE("change record: any octets end with a status", "[model]") {
    std::mt19937 random(2);
    for (int i = 0; i < 20000; ++i) {
        Bytes record = rich_change();
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

#include "sdk/cli/render.hpp"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <ctime>

using namespace belfry;
using namespace belfry::cli;

namespace {

ChangeSet pool_change() {
    ChangeSet change;
    change.revision = {42};
    change.time_ms = 1795410805123;
    change.author = "alice@ops";
    change.comment = "twice the load";
    Event put;
    put.kv.key = "db/pool/size";
    put.kv.value = "48";
    put.kv.version = 2;
    Event erase;
    erase.type = EventType::erase;
    erase.kv.key = "db/old";
    change.events = {put, erase};
    return change;
}

}  // namespace

TEST_CASE("render: a change set is one line per key with the same head and credit", "[cli][render]") {
    setenv("TZ", "UTC", 1);
    tzset();
    CHECK(change_text(pool_change(), 120) ==
          "[2026-11-23 05:13:25.123] rev 42 PUT db/pool/size = 48 (alice@ops: twice the load)\n"
          "[2026-11-23 05:13:25.123] rev 42 DEL db/old (alice@ops: twice the load)\n");
}

TEST_CASE("render: of 1,000 keys changed at once 50 are shown and 950 counted, with --full all", "[cli][render]") {
    ChangeSet change = pool_change();
    change.events.resize(1000);
    const std::string text = change_text(change, 120);
    CHECK(std::count(text.begin(), text.end(), '\n') == 51);
    CHECK(text.find("... and 950 keys more") != std::string::npos);
    const std::string full = change_text(change, std::string::npos);
    CHECK(std::count(full.begin(), full.end(), '\n') == 1000);
}

TEST_CASE("render: a change set is one JSON object", "[cli][render]") {
    JsonWriter json;
    write_json(json, pool_change());
    CHECK(json.take() == R"({"revision":42,"time_ms":1795410805123,"time":"2026-11-23T05:13:25.123Z","author":"alice@ops",)"
                         R"("comment":"twice the load","events":[{"type":"put","key":"db/pool/size","value":"48",)"
                         R"("create_revision":0,"version":2},{"type":"delete","key":"db/old"}]})");
}

TEST_CASE("render: labels follow the credit, and are a list in JSON", "[cli][render]") {
    ChangeSet change = pool_change();
    change.labels = {"canary", "rollout=42"};
    change.events.resize(1);
    CHECK(change_text(change, 120).ends_with(" db/pool/size = 48 (alice@ops: twice the load) [canary rollout=42]\n"));
    JsonWriter json;
    write_json(json, change);
    CHECK(json.take().find(R"("comment":"twice the load","labels":["canary","rollout=42"],"events":)") !=
          std::string::npos);
}

TEST_CASE("render: credit without author or comment", "[cli][render]") {
    CHECK(credit_text("", "").empty());
    CHECK(credit_text("bob", "") == " (bob)");
    CHECK(credit_text("", "why") == " (why)");
    CHECK(credit_text("", "", {"a"}) == " [a]");
}

TEST_CASE("exit codes: scripts depend on these numbers", "[cli][exit]") {
    CHECK(exit_of(Code::ok) == Exit{0});
    CHECK(exit_of(Code::not_found) == Exit{1});
    CHECK(exit_of(Code::conflict) == Exit{1});
    CHECK(static_cast<int>(Exit::usage) == 2);
    CHECK(exit_of(Code::unavailable) == Exit{3});
    CHECK(exit_of(Code::busy) == Exit{3});
    CHECK(exit_of(Code::uncertain) == Exit{4});
    CHECK(exit_of(Code::too_large) == Exit{5});
    CHECK(exit_of(Code::denied) == Exit{5});
    CHECK(exit_of(Code::compacted) == Exit{6});
    CHECK(exit_of(Code::corrupt) == Exit{7});
    CHECK(exit_of(static_cast<Code>(999)) == Exit{7});
}

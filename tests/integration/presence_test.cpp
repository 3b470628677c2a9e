// Directories and presence on real hubs: each child, and each member, is told of once and in order; also while leaders are
// killed, and when a member is gone without a word.
#include "sdk/recipes/presence.hpp"

#include <signal.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <mutex>
#include <thread>

#include "tests/support/cluster_processes.hpp"
#include "tests/support/lease_of.hpp"
#include "tests/support/one_hub.hpp"

using namespace belfry;
using namespace belfry::test;
using namespace std::chrono_literals;

namespace {

using Clock = std::chrono::steady_clock;

// Lines, from the thread that is told to the one that looks.
class Told {
public:
    void add(std::string line) {
        const std::lock_guard lock(mutex_);
        lines_.push_back(std::move(line));
    }
    std::vector<std::string> lines() const {
        const std::lock_guard lock(mutex_);
        return lines_;
    }
    // "5 + web": at revision 5 there came a child. The listing has no revision and ends with "listed".
    Directory::Callback of_directory() {
        return [this](const DirectoryChange& change) {
            const std::string head = change.first ? "" : std::to_string(change.revision.value) + " ";
            for (const ChildEvent& event : change.events) {
                const char* kinds[] = {"+ ", "~ ", "- "};
                add(head + kinds[static_cast<int>(event.kind)] + event.child.name);
            }
            if (change.first) add("listed");
        };
    }
    PresenceObserver::Callback of_presence() {
        return [this](const PresenceChange& change) {
            for (const auto& member : change.left) add("- " + member.value);
            for (const auto& member : change.joined) add("+ " + member.value);
            add(std::to_string(change.present));
        };
    }

private:
    mutable std::mutex mutex_;
    std::vector<std::string> lines_;
};

}  // namespace

// ---- Directory ----

TEST_CASE("directory: children are listed, then told of once in order, keys and folders alike",
          "[integration][directory]") {
    const OneHub one;
    const auto client = one.hub.client();
    auto options = one.hub.client_options();
    options.feed_endpoints.clear();
    const auto streaming = *Client::connect(options);
    for (const char* key : {"s/web", "s/db/host", "s/db/port/http", "sx", "other"}) REQUIRE(client->put(key, "1"));
    Told by_feed, by_stream;
    const auto directory = Directory::open(client, "s", by_feed.of_directory());
    const auto other = Directory::open(streaming, "s/", by_stream.of_directory());
    REQUIRE(directory);
    REQUIRE(other);
    const std::vector<std::string> listing = {"+ db", "+ web", "listed"};
    REQUIRE(wait_for([&] { return by_feed.lines() == listing && by_stream.lines() == listing; }));
    std::vector<std::string> expected = listing;
    const auto note = [&](Revision revision, std::initializer_list<const char*> events) {
        for (const char* event : events) expected.push_back(std::to_string(revision.value) + " " + event);
    };
    note(client->put("s/mail", "1")->revision, {"+ mail"});
    note(client->put("s/mail", "2")->revision, {"~ mail"});
    note(client->put("s/db/port/https", "1")->revision, {"~ db"});
    note(client->put("s/db", "a key beside its folder")->revision, {"~ db"});
    REQUIRE(client->put("sy", "1"));  // no child
    note(client->erase(KeyRange::prefix("s/db/"))->revision, {"~ db"});
    note(client->erase(KeyRange::one("s/db"))->revision, {"- db"});
    protocol::TxnRequest txn;
    for (const char* key : {"s/a/1", "s/a/2", "s/b"}) txn.then_ops.push_back({protocol::PutRequest{key, "1", {}}});
    txn.then_ops.push_back({protocol::DeleteRequest{KeyRange::one("s/web")}});
    note(client->txn(std::move(txn))->revision, {"+ a", "+ b", "- web"});
    note(client->erase(KeyRange::prefix("s/a/"))->revision, {"- a"});
    CHECK(wait_for([&] { return by_feed.lines().size() == expected.size(); }));
    CHECK(wait_for([&] { return by_stream.lines().size() == expected.size(); }));
    CHECK(by_feed.lines() == expected);
    CHECK(by_stream.lines() == expected);
    const auto children = (*directory)->children();
    REQUIRE(children.size() == 2);
    CHECK(children[0].name == "b");
    CHECK(children[1].kv->value == "2");
    Told of_top;
    const auto top = Directory::open(client, "", of_top.of_directory());
    CHECK(wait_for([&] { return of_top.lines() == std::vector<std::string>{"+ other", "+ s", "+ sx", "+ sy", "listed"}; }));
}

TEST_CASE("directory: nothing is lost or told twice while the leader of three is killed",
          "[integration][cluster][directory]") {
    const TemporaryDirectory directory;
    ClusterProcesses cluster(directory.path(), 3);
    REQUIRE(cluster.start());
    const uint64_t leader = cluster.leader();
    REQUIRE(leader != 0);
    Told told;
    const auto observer = Directory::open(cluster.client(1s, leader), "s", told.of_directory());
    REQUIRE(observer);
    REQUIRE((*observer)->wait_listed(10s));
    const auto client = cluster.client(10s, 1 + leader % 3);
    std::vector<std::string> expected = {"listed"};
    const auto write = [&](int i) {
        const std::string name = "child" + std::to_string(i);
        const auto put = client->put("s/" + name, "1");
        const auto erased = client->erase(KeyRange::one("s/" + name));
        REQUIRE(put);
        REQUIRE(erased);
        expected.push_back(std::to_string(put->revision.value) + " + " + name);
        expected.push_back(std::to_string(erased->revision.value) + " - " + name);
    };
    for (int i = 0; i < 20; ++i) write(i);
    cluster.at(leader).kill();
    for (int i = 20; i < 60; ++i) write(i);
    CHECK(wait_for([&] { return told.lines().size() >= expected.size(); }, 20s));
    INFO(cluster.logs());
    CHECK(told.lines() == expected);
}

// ---- Presence ----

TEST_CASE("presence: who comes and goes is told of, who is gone without a word within his time and a second",
          "[integration][presence]") {
    const OneHub one;
    const auto client = one.hub.client();
    Presence first(client, lease_of(client), "p");
    REQUIRE(first.join("first", 5s));
    CHECK(first.join("again", 5s).error().code == Code::conflict);
    Told told;
    const auto observer = PresenceObserver::open(one.hub.client(), "p", told.of_presence());
    REQUIRE(observer);
    std::vector<std::string> expected = {"+ first", "1"};
    const auto settled = [&](std::initializer_list<const char*> more) {
        expected.insert(expected.end(), more.begin(), more.end());
        const bool came = wait_for([&] { return told.lines().size() >= expected.size(); });
        return came && told.lines() == expected;
    };
    REQUIRE(settled({}));
    REQUIRE(client->put("p/note", "no member"));
    const auto mortal = lease_of(client, 2s);
    {
        Presence second(client, mortal, "p");
        Presence third(client, lease_of(client), "p");
        REQUIRE(second.join("second", 5s));
        CHECK(settled({"+ second", "2"}));
        REQUIRE(third.join("third", 5s));
        CHECK(settled({"+ third", "3"}));
        CHECK(third.leave());
        CHECK(settled({"- third", "2"}));
        REQUIRE(third.join("third", 5s));
        CHECK(settled({"+ third", "3"}));
        const auto members = Presence::list(*client, "p");
        REQUIRE(members->size() == 3);
        CHECK(members->front().value == "first");
        CHECK(members->at(1).lease == mortal->id());
        mortal->release();  // as if this process did not come to keep it alive
        const auto begin = Clock::now();
        CHECK(settled({"- second", "2"}));
        CHECK(Clock::now() >= mortal->expires_at());
        CHECK(Clock::now() - begin < 7s);  // within three, on a disk that does not stall
    }
    CHECK(settled({"- third", "1"}));
    CHECK(Presence::list(*client, "").error().code == Code::invalid_argument);
}

// ---- belfry presence, belfry watch --children ----

TEST_CASE("presence: `belfry presence` lists while it runs, and watch alerts and runs a command",
          "[integration][presence]") {
    const OneHub one;
    const std::string output = one.directory.path() + "/output";
    const auto text = [&](const std::string& name) { return read_text(output + name); };
    Process watcher(one.line({"presence", "watch", "p", "--below", "2", "--", "sh", "-c",
                              "echo $BELFRY_PRESENCE $BELFRY_ALERT $BELFRY_PRESENT >> " + output + "alerts"}),
                    output);
    REQUIRE(wait_for([&] { return text("alerts") == "p below 0\n"; }));
    Process first(one.line({"presence", "join", "p", "a:80", "--ttl", "2s"}), output + "1");
    REQUIRE(wait_for([&] { return text("1").starts_with("OK there, lease "); }));
    Process second(one.line({"presence", "join", "p", "b:80", "-o", "json"}), output + "2");
    REQUIRE(wait_for([&] { return text("2").starts_with("{\"lease\":"); }));
    CHECK(one.run({"presence", "list", "p"}).output == "a:80\nb:80\n");
    CHECK(one.run({"presence", "list", "p", "-o", "json"}).output.starts_with("[{\"value\":\"a:80\",\"id\":\""));
    REQUIRE(wait_for([&] { return text("alerts") == "p below 0\np fine 2\n"; }));
    second.signal(SIGINT);
    CHECK(second.wait(20) == 0);
    REQUIRE(wait_for([&] { return text("alerts") == "p below 0\np fine 2\np below 1\n"; }));
    first.signal(SIGSTOP);
    CHECK(wait_for([&] { return text("").ends_with("left a:80\n"); }));
    first.signal(SIGCONT);
    CHECK(first.wait(20) == 4);
    CHECK(text("1").find("uncertain: not there any more: lease ") != std::string::npos);
    watcher.signal(SIGTERM);
    CHECK(watcher.wait(20) == 0);
    CHECK(text("") ==
          "ALERT below: 0 there\njoined a:80\njoined b:80\nALERT fine: 2 there\nleft b:80\nALERT below: 1 there\nleft "
          "a:80\n");
    CHECK(one.exit_of({"presence", "watch", "p", "--", "true"}) == 2);
}

TEST_CASE("directory: `belfry watch --children` prints a listing and each change", "[integration][directory]") {
    const OneHub one;
    const auto client = one.hub.client();
    REQUIRE(client->put("s/web", "10.0.0.5"));
    REQUIRE(client->put("s/db/host", "h"));
    const std::string output = one.directory.path() + "/output";
    Process watcher(one.line({"watch", "--children", "s", "--count", "2"}), output);
    Process json(one.line({"watch", "--children", "s/", "--count", "1", "-o", "json", "--stream"}), output + "json");
    REQUIRE(wait_for([&] { return read_text(output) == "rev 2 HAS db/ (1 key below)\nrev 2 HAS web = 10.0.0.5\n"; }));
    REQUIRE(wait_for([&] { return read_text(output + "json").find("\"child\":\"web\"") != std::string::npos; }));
    REQUIRE(client->put("s/mail", "m"));
    REQUIRE(client->erase(KeyRange::prefix("s/db/")));
    CHECK(watcher.wait(20) == 0);
    CHECK(json.wait(20) == 0);
    CHECK(read_text(output).ends_with("rev 3 ADDED mail = m\nrev 4 REMOVED db\n"));
    CHECK(read_text(output + "json")
              .ends_with("{\"revision\":3,\"event\":\"added\",\"child\":\"mail\",\"value\":\"m\",\"keys_below\":0}\n"));
    CHECK(one.exit_of({"watch", "--children", "s", "--rev", "1"}) == 2);
}

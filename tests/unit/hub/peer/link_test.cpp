#include "hub/peer/link.hpp"

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <mutex>

namespace belfry::hub::peer {
namespace {

using namespace std::chrono_literals;

CurveKeys make_keys() {
    char public_key[41], secret_key[41];
    REQUIRE(zmq_curve_keypair(public_key, secret_key) == 0);
    return {public_key, secret_key};
}

// One end: a link on a free port of loopback, and what came in.
class End {
public:
    End(uint64_t id, const CurveKeys& keys, uint64_t cluster = 5, uint64_t directory = 0, const std::string& endpoint = "")
        : keys_(keys) {
        LinkOptions options;
        options.member = id;
        options.cluster = cluster;
        options.directory = directory;
        options.endpoint = endpoint.empty() ? "tcp://127.0.0.1:*" : endpoint;
        options.keys = keys;
        options.pending_bytes_max = 1024 * 1024;
        Link::Hooks hooks;
        hooks.on_message = [this](core::MemberMessage message) {
            const std::lock_guard lock(mutex_);
            messages_.push_back(std::move(message));
        };
        hooks.on_snapshot_frame = [](uint64_t, Bytes) {};
        hooks.on_complaint = [this](const std::string& sentence) {
            const std::lock_guard lock(mutex_);
            complaints_ += sentence + "\n";
        };
        hooks.on_met = [this](const Directories& directories) {
            const std::lock_guard lock(mutex_);
            met_ = directories;
        };
        hooks.on_not_recognised = [this](uint64_t by) { not_recognised_by_ = by; };
        auto opened = Link::open(options, hooks);
        REQUIRE(opened);
        link_ = std::move(*opened);
    }
    Link& link() { return *link_; }
    Peer peer() const { return {link_->options().member, link_->endpoint(), keys_.public_key}; }
    size_t count() {
        const std::lock_guard lock(mutex_);
        return messages_.size();
    }
    core::MemberMessage at(size_t i) {
        const std::lock_guard lock(mutex_);
        return messages_.at(i);
    }
    std::string complaints() {
        const std::lock_guard lock(mutex_);
        return complaints_;
    }

    Directories met() {
        const std::lock_guard lock(mutex_);
        return met_;
    }
    uint64_t not_recognised_by() const { return not_recognised_by_; }

private:
    CurveKeys keys_;
    std::mutex mutex_;
    std::vector<core::MemberMessage> messages_;
    std::string complaints_;
    Directories met_;
    std::atomic<uint64_t> not_recognised_by_{0};
    std::unique_ptr<Link> link_;
};

template <class Condition>
bool soon(Condition condition) {
    for (int i = 0; i < 2000; ++i) {
        if (condition()) return true;
        std::this_thread::sleep_for(10ms);
    }
    return false;
}

// Until one has arrived: what is sent before the connection is up is lost.
bool connects(End& from, End& to) {
    return soon([&] {
        from.link().send({to.peer().id, core::ReadIndexAsk{0}});
        return to.count() > 0;
    });
}

}  // namespace

TEST_CASE("link: messages arrive in order, with keys and without", "[peer]") {
    const bool encrypted = GENERATE(false, true);
    End one(1, encrypted ? make_keys() : CurveKeys{}), two(2, encrypted ? make_keys() : CurveKeys{});
    one.link().set_peers({two.peer()});
    two.link().set_peers({one.peer()});
    REQUIRE(connects(one, two));
    REQUIRE(connects(two, one));
    const size_t before = two.count();
    for (uint64_t round = 1; round <= 1000; ++round) one.link().send({2, core::ReadIndexAsk{round}});
    REQUIRE(soon([&] { return two.count() >= before + 1000; }));
    uint64_t expected = 1;
    for (size_t i = 0; i < two.count(); ++i) {
        const auto message = two.at(i);
        CHECK(message.peer == 1);
        const uint64_t round = std::get<core::ReadIndexAsk>(message.body).round;
        if (round > 0) CHECK(round == expected++);
    }
    CHECK(expected == 1001);
}

TEST_CASE("link: a member that comes with another data directory is told so, and nothing else", "[peer]") {
    const auto keys = make_keys();
    End one(1, make_keys(), 5, 11);
    Peer old_peer;
    {
        End old_two(2, keys, 5, 22);
        old_peer = old_two.peer();
        one.link().set_peers({old_peer});
        old_two.link().set_peers({one.peer()});
        REQUIRE(connects(one, old_two));
        REQUIRE(connects(old_two, one));
        CHECK(one.met() == Directories{{2, 22}});
    }
    End new_two(2, keys, 5, 33, old_peer.endpoint);
    new_two.link().set_peers({one.peer()});
    const size_t before = one.count();
    REQUIRE(soon([&] {
        new_two.link().send({1, core::ReadIndexAsk{7}});
        return one.complaints().find("another data directory") != std::string::npos;
    }));
    REQUIRE(soon([&] {
        one.link().send({2, core::ReadIndexAsk{8}});
        return new_two.not_recognised_by() == 1;
    }));
    CHECK(one.count() == before);
    CHECK(one.met() == Directories{{2, 22}});
}

TEST_CASE("link: who has another key is not let in", "[peer]") {
    End one(1, make_keys()), two(2, make_keys()), thief(2, make_keys());
    one.link().set_peers({two.peer()});
    thief.link().set_peers({one.peer()});
    CHECK_FALSE([&] {
        for (int i = 0; i < 50; ++i) {
            thief.link().send({1, core::ReadIndexAsk{1}});
            std::this_thread::sleep_for(10ms);
        }
        return one.count() > 0;
    }());
    CHECK(soon([&] { return one.complaints().find("a stranger with the public key") != std::string::npos; }));
    // A member that becomes known is let in without a restart.
    one.link().set_peers({thief.peer()});
    CHECK(connects(thief, one));
}

TEST_CASE("link: another cluster and other addresses are named", "[peer]") {
    End one(1, {}), stray(2, {}, 6), mixed(3, {});
    one.link().set_peers({stray.peer(), mixed.peer()});
    stray.link().set_peers({one.peer()});
    CHECK(soon([&] {
        stray.link().send({1, core::ReadIndexAsk{1}});
        return one.complaints().find("it belongs to another cluster (6, this one is 5)") != std::string::npos;
    }));
    Peer wrong = one.peer();
    wrong.id = 9;
    mixed.link().set_peers({wrong});
    CHECK(soon([&] {
        mixed.link().send({9, core::ReadIndexAsk{1}});
        return one.complaints().find("it takes this member for member 9") != std::string::npos;
    }));
    CHECK(one.count() == 0);
}

TEST_CASE("link: what a member that is away should have got is dropped, and it is found again", "[peer]") {
    End one(1, {});
    auto two = std::make_unique<End>(2, CurveKeys{});
    const Peer address = two->peer();
    one.link().set_peers({address});
    two->link().set_peers({one.peer()});
    REQUIRE(connects(one, *two));
    two.reset();
    raft::AppendEntries entries{Index{1}, Term{1}, Index{1}, 1, {}};
    entries.entries.push_back(
        {Index{2}, Term{1}, raft::EntryType::command, std::make_shared<const Bytes>(Bytes(200'000, 'x'))});
    std::this_thread::sleep_for(200ms);
    for (int i = 0; i < 100; ++i) one.link().send({2, raft::Message{2, 1, Term{1}, entries}});
    CHECK(one.link().counters().dropped >= 90);
}

TEST_CASE("link: plain is for loopback", "[peer]") {
    LinkOptions options;
    options.member = 1;
    options.endpoint = "tcp://0.0.0.0:*";
    const auto refused = Link::open(options, {});
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == Code::denied);
    CHECK(refused.error().detail.find("belfry keygen") != std::string::npos);
    CHECK(parse_address(4, "tcp://h:1 KEY") == Peer{4, "tcp://h:1", "KEY"});
    CHECK(format_address("tcp://h:1", "") == "tcp://h:1");
}

}  // namespace belfry::hub::peer

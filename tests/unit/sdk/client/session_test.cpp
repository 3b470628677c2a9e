// What a client does with its writes when hubs die, fall silent or do not know: they are sent again under their tickets.
#include "sdk/client/session.hpp"

#include <zmq.h>

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <map>
#include <set>
#include <thread>

#include "sdk/client/client.hpp"
#include "sdk/protocol/codec.hpp"
#include "tests/unit/sdk/client/raw_socket.hpp"

using namespace std::chrono_literals;

namespace belfry {
namespace {

using protocol::Ticket;

// What several hubs have in common: which writes were done, and how often each came.
struct Cluster {
    std::mutex mutex;
    std::map<std::pair<uint64_t, uint64_t>, uint64_t> done;  // (session, sequence) -> revision
    std::vector<Ticket> came;
    uint64_t revision = 0;

    uint64_t apply(const Ticket& ticket) {
        const std::lock_guard lock(mutex);
        came.push_back(ticket);
        if (ticket.session == 0) return ++revision;
        auto& at = done[{ticket.session, ticket.sequence}];
        if (at == 0) at = ++revision;
        return at;
    }
    uint64_t writes_done() {
        const std::lock_guard lock(mutex);
        return revision;
    }
    std::vector<Ticket> tickets() {
        const std::lock_guard lock(mutex);
        return came;
    }
};

// A ROUTER that does what the test says with each request: an answer, or none.
class Hub {
public:
    using Answer = std::function<std::optional<protocol::Reply>(const protocol::Request&)>;
    using AnswerWhom = std::function<std::optional<protocol::Reply>(const protocol::Request&, const Bytes& credential)>;
    explicit Hub(Answer answer, const std::string& where = "tcp://127.0.0.1:*")
        : Hub(AnswerWhom([answer = std::move(answer)](const auto& request, const Bytes&) { return answer(request); }),
              where) {}
    explicit Hub(AnswerWhom answer, const std::string& where = "tcp://127.0.0.1:*") : answer_(std::move(answer)) {
        zmq_bind(router_, where.c_str());
        endpoint = test::endpoint_of(router_);
        thread_ = std::thread([this] { run(); });
    }
    // Answers everything, in the cluster's name.
    explicit Hub(Cluster& cluster)
        : Hub(Answer([&cluster](const protocol::Request& request) { return done(cluster, request); })) {}
    ~Hub() { kill(); }
    void kill() {
        if (!thread_.joinable()) return;
        stop_ = true;
        thread_.join();
        test::close(router_);
        zmq_ctx_term(context_);
    }
    static protocol::Reply done(Cluster& cluster, const protocol::Request& request) {
        if (std::holds_alternative<protocol::StatusRequest>(request.op)) {
            return {request.id, {}, {}, protocol::StatusReply{}};
        }
        return {request.id, {cluster.apply(request.ticket)}, {}, protocol::PutReply{}};
    }
    static protocol::Reply error(const protocol::Request& request, Code code) { return {request.id, {}, {code, "so"}, {}}; }

    std::string endpoint;

private:
    void run() {
        Bytes peer, frame;
        while (!stop_) {
            zmq_pollitem_t items[] = {{router_, 0, ZMQ_POLLIN, 0}};
            zmq_poll(items, 1, 5);
            while (!stop_ && test::receive(router_, peer) && test::receive(router_, frame)) {
                protocol::ReplyFrame replies;
                const auto decoded = protocol::decode_request_frame(frame);
                for (const auto& request : decoded->requests) {
                    if (const auto reply = answer_(request, decoded->credential)) replies.add(*reply);
                }
                if (replies.empty()) continue;
                const Bytes octets = replies.take();
                zmq_send(router_, peer.data(), peer.size(), ZMQ_SNDMORE);
                zmq_send(router_, octets.data(), octets.size(), 0);
            }
        }
    }

    AnswerWhom answer_;
    void* context_ = zmq_ctx_new();
    void* router_ = zmq_socket(context_, ZMQ_ROUTER);
    std::atomic<bool> stop_ = false;
    std::thread thread_;
};

ClientOptions options_for(std::vector<std::string> endpoints, std::chrono::milliseconds timeout = 3s) {
    ClientOptions options;
    options.endpoints = std::move(endpoints);
    options.timeout = timeout;
    options.author = "test";
    return options;
}

std::chrono::milliseconds since(std::chrono::steady_clock::time_point begin) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begin);
}

}  // namespace

TEST_CASE("session: what is answered in any order is acknowledged in order") {
    client::Session session;
    const Ticket first = session.next(1000, 76), second = session.next(1000, 5), third = session.next(1000, 5);
    CHECK(first == Ticket{77, 1, 0});
    CHECK(second == Ticket{77, 2, 0});
    session.close(second);
    session.close(second);
    Ticket again = third;
    session.refresh(again);
    CHECK(again == third);
    session.close(first);
    session.refresh(again);
    CHECK(again == Ticket{77, 3, 2});
    session.close(third);
    CHECK(session.next(1000, 5) == Ticket{77, 4, 3});
}

TEST_CASE("session: idle for long another one begins, but not while a write is open") {
    client::Session session;
    const Ticket first = session.next(1000, 76);
    CHECK(session.next(1000 + client::session_idle_ms_max, 80).session == 77);
    session.close(first);
    session.close({77, 2, 0});
    const Ticket other = session.next(1000 + 2 * client::session_idle_ms_max, 80);
    CHECK(other == Ticket{81, 1, 0});
    session.close(first);  // of the session before: means nothing here
    CHECK(session.next(1000 + 2 * client::session_idle_ms_max, 80) == Ticket{81, 2, 0});
    session.forget(77);
    session.forget(81);
    CHECK(session.next(1000 + 2 * client::session_idle_ms_max, 90) == Ticket{91, 1, 0});
}

TEST_CASE("session: the window of open writes is bounded") {
    client::Session session;
    const Ticket first = session.next(1, 2);
    for (size_t i = 1; i < limits::session_window_max; ++i) {
        REQUIRE(session.has_room());
        const Ticket ticket = session.next(1, 2);
        CHECK(protocol::validate({1, "", "", protocol::PutRequest{"k", "", {}, false}, ticket}));
        session.close(ticket);
    }
    CHECK_FALSE(session.has_room());
    session.close(first);
    CHECK(session.has_room());
}

TEST_CASE("a hub that loses every other answer: each write is done once, and its answer is right") {
    Cluster cluster;
    std::atomic<unsigned> count = 0;
    Hub hub([&](const protocol::Request& request) -> std::optional<protocol::Reply> {
        const auto reply = Hub::done(cluster, request);
        if (++count % 2 == 0) return reply;
        return std::nullopt;
    });
    auto client = *Client::connect(options_for({hub.endpoint}, 1500ms));
    std::vector<std::future<Result<protocol::Reply>>> puts;
    for (int i = 0; i < 200; ++i) puts.push_back(client->send(protocol::PutRequest{"k", "v", {}, false}));
    std::set<uint64_t> revisions;
    size_t answered = 0;
    for (auto& put : puts) {
        const auto reply = put.get();
        if (!reply) continue;  // three times unlucky
        ++answered;
        revisions.insert(reply->revision.value);
    }
    CHECK(answered > 150);
    CHECK(revisions.size() == answered);
    CHECK(cluster.writes_done() == 200);
}

TEST_CASE("a killed hub is left at once: its open writes are answered by another one, each done once") {
    Cluster cluster;
    std::atomic<int> swallowed = 0;
    Hub first([&](const protocol::Request& request) -> std::optional<protocol::Reply> {
        if (!protocol::can_change(request.op)) return Hub::done(cluster, request);
        if (swallowed++ % 2 == 0) cluster.apply(request.ticket);  // half of them are done, none is answered
        return std::nullopt;
    });
    Hub second(cluster), third(cluster);
    auto client = *Client::connect(options_for({first.endpoint, second.endpoint, third.endpoint}, 10s));
    REQUIRE(client->status());
    std::vector<std::future<Result<protocol::Reply>>> puts;
    for (int i = 0; i < 100; ++i) puts.push_back(client->send(protocol::PutRequest{"k", "v", {}, false}));
    for (int tries = 0; tries < 1500 && swallowed < 100; ++tries) std::this_thread::sleep_for(2ms);
    REQUIRE(swallowed == 100);
    first.kill();
    const auto begin = std::chrono::steady_clock::now();
    std::set<uint64_t> revisions;
    for (auto& put : puts) {
        const auto reply = put.get();
        REQUIRE(reply);
        revisions.insert(reply->revision.value);
    }
    CHECK(since(begin) < 2s);  // after a third of the timeout it would be left anyway
    CHECK(revisions.size() == 100);
    CHECK(cluster.writes_done() == 100);
}

TEST_CASE("two hubs of three are gone: the third one answers soon") {
    Cluster cluster;
    Hub first(cluster), third(cluster);
    auto client = *Client::connect(options_for({first.endpoint, "tcp://127.0.0.1:1", third.endpoint}, 10s));
    REQUIRE(client->put("k", "v"));
    first.kill();
    const auto begin = std::chrono::steady_clock::now();
    CHECK(client->put("k", "v"));
    CHECK(since(begin) < 3s);
}

TEST_CASE("a hub that starts again where it was is found again soon") {
    Cluster cluster;
    auto hub = std::make_unique<Hub>(cluster);
    const std::string where = hub->endpoint;
    auto client = *Client::connect(options_for({where}, 10s));
    REQUIRE(client->put("k", "v"));
    hub->kill();
    auto put = client->send(protocol::PutRequest{"k", "v", {}, false});
    std::this_thread::sleep_for(300ms);
    hub = std::make_unique<Hub>([&](const protocol::Request& request) { return Hub::done(cluster, request); }, where);
    const auto begin = std::chrono::steady_clock::now();
    REQUIRE(put.get());
    CHECK(since(begin) < 5s);
    CHECK(cluster.writes_done() == 2);
}

TEST_CASE("uncertain from a hub is asked again under the same ticket; what then only says 'not done' stays uncertain") {
    Cluster cluster;
    std::atomic<int> count = 0;
    Hub hub([&](const protocol::Request& request) -> std::optional<protocol::Reply> {
        if (++count > 1) return Hub::done(cluster, request);
        cluster.apply(request.ticket);
        return Hub::error(request, Code::uncertain);
    });
    auto client = *Client::connect(options_for({hub.endpoint}));
    const auto put = client->put("k", "v");
    REQUIRE(put);
    CHECK(put->revision == Revision{1});
    const auto came = cluster.tickets();
    REQUIRE(came.size() == 2);
    CHECK(came[0].session != 0);
    CHECK(came[0] == came[1]);

    for (const Code refusal : {Code::busy, Code::unavailable, Code::no_space}) {
        std::atomic<int> asked = 0;
        Hub other([&](const protocol::Request& request) {
            return Hub::error(request, asked++ == 0 ? Code::uncertain : refusal);
        });
        auto unlucky = *Client::connect(options_for({other.endpoint}, 1500ms));
        CHECK(unlucky->put("k", "v").error().code == Code::uncertain);
        CHECK(asked > 2);
    }
}

TEST_CASE("busy is told at once, and so is unavailable without retry") {
    Cluster cluster;
    std::atomic<int> count = 0;
    Hub hub([&](const protocol::Request& request) {
        ++count;
        return Hub::error(request,
                          std::holds_alternative<protocol::PutRequest>(request.op) ? Code::busy : Code::unavailable);
    });
    auto options = options_for({hub.endpoint});
    options.retry = false;
    CHECK((*Client::connect(options))->status().error().code == Code::unavailable);
    options.retry = true;
    CHECK((*Client::connect(options))->put("k", "v").error().code == Code::busy);
    CHECK(count == 2);
}

TEST_CASE("a hub that refuses and then says nothing more: the refusal is told all the same") {
    std::atomic<int> asked = 0;
    Hub hub([&](const protocol::Request& request) -> std::optional<protocol::Reply> {
        if (asked++ > 0) return std::nullopt;
        protocol::Reply reply = Hub::error(request, Code::unavailable);
        reply.error.detail = "the disk is full";
        return reply;
    });
    const auto got = (*Client::connect(options_for({hub.endpoint}, 600ms)))->get("k");
    CHECK(got.error().code == Code::unavailable);
    CHECK(got.error().detail.find("no answer from") == 0);
    CHECK(got.error().detail.find("the disk is full") != std::string::npos);
    CHECK(asked > 1);
}

TEST_CASE("a forgotten session: the first copy begins another one, later copies are uncertain") {
    Cluster cluster;
    std::atomic<bool> forget = false;
    std::atomic<int> count = 0;
    Hub hub([&](const protocol::Request& request) -> std::optional<protocol::Reply> {
        if (forget && request.ticket.acknowledged > 0) {
            return Hub::error(request, ++count == 2 ? Code::uncertain : Code::conflict);
        }
        return Hub::done(cluster, request);
    });
    auto client = *Client::connect(options_for({hub.endpoint}));
    REQUIRE(client->put("k", "v"));
    forget = true;
    REQUIRE(client->put("k", "v"));
    const auto came = cluster.tickets();
    REQUIRE(came.size() == 2);
    CHECK(came[1].session != came[0].session);
    CHECK(came[1].sequence == 1);
    const auto lost = client->put("k", "v");
    REQUIRE_FALSE(lost);
    CHECK(lost.error().code == Code::uncertain);
    CHECK(count == 3);
}

TEST_CASE("without exactly_once a write has no ticket and is sent once") {
    Cluster cluster;
    Hub hub([&](const protocol::Request& request) -> std::optional<protocol::Reply> {
        (void)cluster.apply(request.ticket);
        return std::nullopt;
    });
    auto options = options_for({hub.endpoint}, 400ms);
    options.exactly_once = false;
    CHECK((*Client::connect(options))->put("k", "v").error().code == Code::uncertain);
    CHECK(cluster.tickets() == std::vector<Ticket>{{}});
}

// ---- a hub that asks who somebody is ----

namespace {

// Gives tokens for one password, each good until it is told otherwise.
struct Asking {
    std::atomic<int> logins = 0, renewals = 0, refused = 0;
    std::atomic<bool> forgets = false;         // no token is good any more
    std::atomic<uint64_t> valid_ms = 300'000;  // of the tokens it gives
    Cluster cluster;
    std::string good = "t1-given";

    std::optional<protocol::Reply> answer(const protocol::Request& request, const Bytes& credential) {
        if (const auto* login = std::get_if<protocol::AuthenticateRequest>(&request.op)) {
            const bool renews = login->name.empty();
            ++(renews ? renewals : logins);
            const bool known = renews ? credential == good && !forgets : login->password == "correct horse";
            if (!known) return Hub::error(request, Code::unauthenticated);
            forgets = false;
            good = "t1-" + std::to_string(logins) + "-" + std::to_string(renewals);
            return protocol::Reply{request.id, {}, {}, protocol::AuthenticateReply{good, valid_ms, "ann"}};
        }
        if (credential == good && !forgets) return Hub::done(cluster, request);
        ++refused;
        return Hub::error(request, Code::unauthenticated);
    }
    Hub::AnswerWhom as_hub() {
        return [this](const protocol::Request& request, const Bytes& credential) { return answer(request, credential); };
    }
};

}  // namespace

TEST_CASE("login: the password is shown once, for all that waits, and again when the token is not good any more") {
    Asking asking;
    Hub hub(asking.as_hub());
    auto options = options_for({hub.endpoint}, 30s);
    options.credentials = {"ann", "correct horse", {}};
    const auto client = *Client::connect(options);
    std::vector<std::future<Result<protocol::Reply>>> answers;
    for (int i = 0; i < 100; ++i) answers.push_back(client->send(protocol::PutRequest{"k", "v", {}, false}));
    for (auto& answer : answers) CHECK(answer.get()->error.code == Code::ok);
    CHECK(asking.logins == 1);
    CHECK(asking.cluster.writes_done() == 100);
    asking.forgets = true;
    CHECK(client->put("k", "v").ok());
    CHECK(asking.logins == 2);
    CHECK(asking.cluster.writes_done() == 101);
}

TEST_CASE("login: who was refused for what was shown before the login's answer is sent again, without another login") {
    Asking asking;
    std::promise<void> logs_in, more_is_sent;
    Hub hub([&](const protocol::Request& request, const Bytes& credential) -> std::optional<protocol::Reply> {
        if (std::holds_alternative<protocol::AuthenticateRequest>(request.op) && asking.logins == 0) {
            logs_in.set_value();
            more_is_sent.get_future().wait();
        }
        return asking.answer(request, credential);
    });
    auto options = options_for({hub.endpoint}, 30s);
    options.credentials = {"ann", "correct horse", {}};
    const auto client = *Client::connect(options);
    auto first = client->send(protocol::PutRequest{"k", "v", {}, false});
    logs_in.get_future().wait();
    auto second = client->send(protocol::PutRequest{"k", "v", {}, false});
    std::this_thread::sleep_for(500ms);  // it is out, without a token; else there would be nothing to refuse
    more_is_sent.set_value();
    CHECK(first.get()->error.code == Code::ok);
    CHECK(second.get()->error.code == Code::ok);
    CHECK(asking.logins == 1);
    CHECK(asking.refused == 2);
}

TEST_CASE("login: a wrong password, or none, is told at once, and is not tried for ever") {
    Asking asking;
    Hub hub(asking.as_hub());
    auto options = options_for({hub.endpoint});
    CHECK((*Client::connect(options))->put("k", "v").error().code == Code::unauthenticated);
    CHECK(asking.logins == 0);
    options.credentials = {"ann", "wrong horse", {}};
    CHECK((*Client::connect(options))->put("k", "v").error().code == Code::unauthenticated);
    CHECK(asking.logins == 1);
    options.credentials = {{}, {}, "t1-stolen"};
    CHECK((*Client::connect(options))->put("k", "v").error().code == Code::unauthenticated);
    CHECK(asking.cluster.writes_done() == 0);
}

TEST_CASE("login: a hub that gives tokens and takes none does not keep its client busy") {
    Asking asking;
    Hub hub([&](const protocol::Request& request, const Bytes&) -> std::optional<protocol::Reply> {
        if (std::holds_alternative<protocol::AuthenticateRequest>(request.op)) return asking.answer(request, {});
        return Hub::error(request, Code::unauthenticated);
    });
    auto options = options_for({hub.endpoint});
    options.credentials = {"ann", "correct horse", {}};
    CHECK((*Client::connect(options))->put("k", "v").error().code == Code::unauthenticated);
    CHECK(asking.logins == 1);
}

TEST_CASE("login: a token is renewed before it ends, without a request that would need it") {
    Asking asking;
    asking.valid_ms = 600;
    Hub hub(asking.as_hub());
    auto options = options_for({hub.endpoint});
    options.credentials = {"ann", "correct horse", {}};
    const auto client = *Client::connect(options);
    const auto begin = std::chrono::steady_clock::now();
    CHECK(client->put("k", "v").ok());
    for (int tries = 0; tries < 1000 && asking.renewals < 2; ++tries) std::this_thread::sleep_for(10ms);
    const int renewals = asking.renewals;
    CHECK(renewals >= 2);
    CHECK(renewals <= since(begin) / 300ms);  // when half of the time is over
    CHECK(client->put("k", "v").ok());
    CHECK(asking.logins == 1);
}

TEST_CASE("login: a token that was given is shown from the first request on") {
    Asking asking;
    Hub hub(asking.as_hub());
    auto options = options_for({hub.endpoint});
    options.credentials.token = "t1-given";
    CHECK((*Client::connect(options))->put("k", "v").ok());
    CHECK(asking.refused == 0);
    CHECK(asking.logins == 0);
}

}  // namespace belfry

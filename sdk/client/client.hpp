// belfry::Client: requests to a hub.
//
//     auto connected = belfry::Client::connect({.endpoints = {"tcp://127.0.0.1:7420"}});
//     if (!connected) return fail(connected.error());
//     const std::shared_ptr<belfry::Client> client = *connected;
//     auto put = client->put("db/pool/size", "32");
//     auto get = client->get("db/pool/size");
//
// Threads: a Client may be used from any thread, concurrently. Completions of asynchronous calls run on the client's own
// I/O thread: keep them short, a synchronous call in one is refused (it would wait for itself).
// Errors: returned, never thrown. `unavailable` = certainly not done, `uncertain` = sent, but until the timeout no answer
// came that says what became of it: perhaps done.
// Ownership: destroying the Client completes what is pending with `uncertain` or `unavailable` and joins its thread.
#pragma once

#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sdk/protocol/messages.hpp"

namespace belfry {

inline constexpr const char* default_endpoint = "tcp://127.0.0.1:7420";       // requests
inline constexpr const char* default_feed_endpoint = "tcp://127.0.0.1:7421";  // feed

// Who this client is, for hubs that ask (docs/auth.md); others are not told. Without CURVE, whoever sees the traffic sees
// them.
struct Credentials {
    // Shown when a hub asks, for a token that goes with every request from then on and is renewed by itself.
    std::string user;
    std::string password;
    // Shown from the start: of `belfry login`, renewed by itself too, or the root token of a member's data directory.
    std::string token;
};

struct ClientOptions {
    std::vector<std::string> endpoints = {default_endpoint};
    // One for each endpoint, in their order. None: that of the default endpoint; where others are named there is no feed
    // then, and subscriptions ask by way of the requests (SubscriptionOptions::private_stream).
    std::vector<std::string> feed_endpoints = {};
    // The hubs' public keys (Z85, as `belfry keygen` prints them): one for all endpoints or one for each, in their order.
    // All connections are then encrypted, and nobody but the hub can answer. Empty: plain.
    std::vector<std::string> server_keys = {};
    std::string key_file = {};  // what `belfry keygen` wrote, for a hub that knows its clients by their keys; may be empty
    std::chrono::milliseconds timeout{5000};  // per request, from the call to the answer
    size_t requests_in_flight_max = 4096;     // past it a call answers `busy`
    // A request that a hub answers with `unavailable` (certainly not done: it has no leader, it is starting) is sent again,
    // to the next endpoint if nothing else is on its way, until the timeout. False: the first answer counts.
    bool retry = true;
    // Writes carry a session's tickets, so that one whose answer was lost (a hub is killed, a connection breaks) may be
    // sent again, to another member too, and is done once all the same. False, or without `retry`: such a write ends
    // `uncertain`.
    bool exactly_once = true;
    std::string author = {};  // recorded with every change; "" = user@host. Where hubs ask who somebody is they record that
    Credentials credentials = {};
};

// A request that waits at the hub (ChangesRequest::wait_ms) is to wait for this part of the timeout at most: then it has
// its answer before the client sends it again, or takes a hub that says nothing for one that is gone, at a third of it.
inline constexpr int waits_per_timeout = 5;

struct WriteOptions {
    std::string comment = {};
    bool previous = false;
    LeaseId lease = {};
    bool dry_run = false;     // everything is checked and answered as if, and nothing is done
    Labels labels = {};       // of the change set (sdk/base/labels.hpp): "canary", "rollout=42"; in any order
    Bytes content_type = {};  // of put()'s value: "json", "image/png" (sdk/base/content_type.hpp); empty = not said
    // Of put(): the key is a beginning, and the hub ends it, so that it is behind all that were put so (PutRequest).
    bool sequential = false;
};

// The revision a write got, with what the hub answered.
struct PutResult {
    Revision revision;
    std::optional<KeyValue> previous;
    Bytes key = {};  // of a sequential put: the whole
};
struct DeleteResult {
    Revision revision;
    uint64_t deleted = 0;
    std::vector<KeyValue> previous;
};
struct TxnResult {
    Revision revision;
    bool succeeded = false;
    std::vector<protocol::TxnOpReply> replies;
};
struct RangeResult {
    Revision revision;
    std::vector<KeyValue> kvs;
    uint64_t count = 0;
    bool more = false;
};

class Client {
public:
    using Completion = std::function<void(Result<protocol::Reply>)>;

    // Starts connecting and returns at once. `invalid_argument`: options that cannot be (endpoints, keys, the timeout);
    // `busy`: no file descriptors are left; otherwise why the key file cannot be used. A hub that is not there shows as
    // `unavailable` on the calls, after their timeout.
    static Result<std::shared_ptr<Client>> connect(ClientOptions options = {});
    ~Client();
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    // ---- synchronous: wait for the answer or the timeout; inside a callback `invalid_argument` ----
    Result<PutResult> put(BytesView key, BytesView value, const WriteOptions& options = {});
    Result<KeyValue> get(BytesView key);  // linearizable; `not_found` if there is none
    Result<RangeResult> range(const protocol::RangeRequest& request);
    Result<DeleteResult> erase(const KeyRange& range, const WriteOptions& options = {});
    Result<TxnResult> txn(protocol::TxnRequest request, const WriteOptions& options = {});
    Result<Revision> compact(Revision revision);
    Result<protocol::HistoryReply> history(const protocol::HistoryRequest& request);
    Result<protocol::ChangesReply> changes(const protocol::ChangesRequest& request);
    Result<protocol::DigestReply> digest(const protocol::DigestRequest& request);
    Result<protocol::StatusReply> status();

    // ---- leases (docs/leases.md), likewise; to hold one: sdk/client/lease.hpp ----
    // lease 0: the hub chooses a number, and one lease is granted however often the client has to ask
    // (ClientOptions::exactly_once). Otherwise `conflict` if there is one of this number, and `uncertain` if the answer was
    // lost: look with lease_time_to_live().
    Result<protocol::LeaseGrantReply> grant_lease(std::chrono::seconds ttl, LeaseId lease = {});
    // Until all its keys are deleted; how many. What the hub went on with by itself meanwhile is not counted.
    Result<uint64_t> revoke_lease(LeaseId lease);
    // Once. The time to live of each, in their order: it lives that long from some moment after the call began. 0 = there
    // is none, or it has ended.
    Result<std::vector<std::chrono::seconds>> keep_alive(std::vector<LeaseId> leases);
    // `keys`: with all its keys, in their order, however many.
    Result<protocol::LeaseTimeToLiveReply> lease_time_to_live(LeaseId lease, bool keys = false);
    Result<std::vector<protocol::LeaseFacts>> leases();  // all that this user may see, by number

    // ---- asynchronous: many at once; answers may come in another order ----
    // Fails at once with `invalid_argument`, `too_large` or `busy` (the completion is then not called).
    Status send(protocol::RequestOp op, Completion completion, const WriteOptions& options = {});
    std::future<Result<protocol::Reply>> send(protocol::RequestOp op, const WriteOptions& options = {});
    // One request and its answer, of any kind.
    Result<protocol::Reply> call(protocol::RequestOp op, const WriteOptions& options = {});

    const ClientOptions& options() const;

private:
    friend class Lease;
    friend class Subscription;
    class Impl;
    explicit Client(std::shared_ptr<Impl> impl);
    std::shared_ptr<Impl> impl_;
};

}  // namespace belfry

// A hub for places in a line, for consumers of a queue, and for jobs that one of many does, that gets wrong what it is told
// to.
#pragma once

#include <zmq.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <thread>

#include "sdk/client/lease.hpp"
#include "sdk/protocol/claim.hpp"
#include "sdk/protocol/codec.hpp"
#include "tests/unit/sdk/client/raw_socket.hpp"

namespace belfry::test {

// A ROUTER with a few keys, and with what it is told to get wrong.
class FakeHub {
public:
    // `before_txn`: called before each transaction, with its number from 1 on; copies count.
    explicit FakeHub(std::function<void(int number)> before_txn = {}) : before_txn_(std::move(before_txn)) {
        zmq_bind(router_, "tcp://127.0.0.1:*");
        thread_ = std::thread([this] { run(); });
    }
    ~FakeHub() {
        stop_ = true;
        thread_.join();
        close(router_);
        zmq_ctx_term(context_);
    }
    std::string endpoint() const { return endpoint_of(router_); }
    // Of this hub, and of others to go to when this one says nothing.
    std::shared_ptr<Client> client(std::chrono::milliseconds timeout = std::chrono::milliseconds(600),
                                   const std::vector<std::string>& others = {}) const {
        ClientOptions options;
        options.endpoints = {endpoint()};
        options.endpoints.insert(options.endpoints.end(), others.begin(), others.end());
        options.timeout = timeout;
        options.author = "test";
        return *Client::connect(options);
    }
    std::shared_ptr<const Lease> lease(const std::shared_ptr<Client>& client) const {
        return std::shared_ptr<const Lease>(*Lease::grant(client, {.ttl = std::chrono::seconds(5)}));
    }
    void put(const Bytes& key, const Bytes& value = "") {
        const std::lock_guard lock(mutex_);
        ++revision_;
        put({key, value, {}});
    }
    void erase(const Bytes& key) {
        const std::lock_guard lock(mutex_);
        ++revision_;
        erase({KeyRange::one(key)});
    }
    KeyValue at(const Bytes& key) const {
        const std::lock_guard lock(mutex_);
        return keys_.at(key);
    }
    std::vector<Bytes> keys() const {
        const std::lock_guard lock(mutex_);
        std::vector<Bytes> all;
        for (const auto& [key, kv] : keys_) all.push_back(key);
        return all;
    }

    // The last transaction whose answer was lost.
    protocol::TxnRequest last_lost() const {
        const std::lock_guard lock(mutex_);
        return lost_;
    }

    std::atomic<bool> lose_copies = false;  // of transactions whose answer was lost
    std::atomic<int> lose_answers = 0;      // of so many transactions that are done
    std::atomic<Code> refuse_deletes = Code::ok, refuse_txns = Code::ok, changes = Code::ok;  // their answer
    std::atomic<int> txns_refused = 0;
    std::atomic<int> asked_for_changes = 0, ranges = 0;
    std::atomic<bool> ended = false;              // the lease
    std::atomic<bool> leaves_when_asked = false;  // whoever is waited for, and is told to have left
    std::atomic<bool> tells = false;              // of changes that there are
    std::atomic<bool> waits = false;              // for a change, as long as it is asked to; otherwise never
    std::atomic<int> frames = 0, txns = 0;
    std::atomic<int> copies = 0;  // of requests that wait here

private:
    using Clock = std::chrono::steady_clock;
    struct Waiting {
        protocol::Request request;
        Clock::time_point until;
    };

    void run() {
        Bytes peer, frame;
        while (!stop_) {
            zmq_pollitem_t item{router_, 0, ZMQ_POLLIN, 0};
            zmq_poll(&item, 1, 10);
            while (receive(router_, peer) && receive(router_, frame)) {
                ++frames;
                auto decoded = protocol::decode_requests(frame);
                if (!decoded) continue;
                for (auto& request : *decoded) take(peer, request);
            }
            answer_those_that_wait();
        }
    }
    void take(const Bytes& peer, const protocol::Request& request) {
        const bool is_txn = std::holds_alternative<protocol::TxnRequest>(request.op);
        txns += is_txn;
        if (is_txn && before_txn_) before_txn_(txns);
        const auto* asked = std::get_if<protocol::ChangesRequest>(&request.op);
        if (asked == nullptr || !waits) return answer(peer, request);
        const auto until = Clock::now() + std::chrono::milliseconds(asked->wait_ms);
        copies += !waiting_.insert_or_assign({peer, request.id}, Waiting{request, until}).second;
    }
    void answer_those_that_wait() {
        for (auto at = waiting_.begin(); at != waiting_.end();) {
            const auto& [request, until] = at->second;
            if (Clock::now() < until && !is_told(std::get<protocol::ChangesRequest>(request.op))) {
                ++at;
                continue;
            }
            answer(at->first.first, request);
            at = waiting_.erase(at);
        }
    }
    bool is_told(const protocol::ChangesRequest& op) {
        const std::lock_guard lock(mutex_);
        return std::any_of(changes_.begin(), changes_.end(), [&](const ChangeSet& change) { return is_told(op, change); });
    }
    bool is_told(const protocol::ChangesRequest& op, const ChangeSet& change) const {
        const Bytes& key = change.events[0].kv.key;
        const bool matches = op.filter.kind == "prefix" ? key.starts_with(op.filter.spec) : key == op.filter.spec;
        return tells && matches && change.revision > op.from;
    }
    void answer(const Bytes& peer, const protocol::Request& request) {
        const std::lock_guard lock(mutex_);
        if (lose_copies && lost_sequence_ != 0 && request.ticket.sequence == lost_sequence_) return;
        protocol::Reply reply{request.id, {}, {}, protocol::StatusReply{}};
        std::visit([&](const auto& op) { take(op, reply); }, request.op);
        reply.revision = {revision_};
        if (const auto* txn = std::get_if<protocol::TxnRequest>(&request.op); txn != nullptr && lose_answers > 0) {
            lost_ = *txn;
            lost_sequence_ = request.ticket.sequence;
            return void(--lose_answers);
        }
        protocol::ReplyFrame replies;
        replies.add(reply);
        const Bytes octets = replies.take();
        zmq_send(router_, peer.data(), peer.size(), ZMQ_SNDMORE);
        zmq_send(router_, octets.data(), octets.size(), 0);
    }

    // ---- under the mutex ----
    void take(const protocol::LeaseGrantRequest& op, protocol::Reply& reply) {
        reply.result = protocol::LeaseGrantReply{{7}, op.ttl_s};
    }
    void take(const protocol::LeaseKeepAliveRequest&, protocol::Reply& reply) {
        reply.result = protocol::LeaseKeepAliveReply{{ended ? 0u : 5u}};
    }
    void take(const protocol::LeaseRevokeRequest&, protocol::Reply& reply) { reply.result = protocol::LeaseRevokeReply{}; }
    void take(const protocol::RangeRequest& op, protocol::Reply& reply) {
        ++ranges;
        reply.result = range(op.range);
    }
    void take(const protocol::ChangesRequest& op, protocol::Reply& reply) {
        ++asked_for_changes;
        if (changes != Code::ok) reply.error = {changes, "as told"};
        protocol::ChangesReply told{op.from, {revision_}, {}, false, 1};
        for (const ChangeSet& change : changes_) {
            if (is_told(op, change)) told.changes.push_back(change);
        }
        if (leaves_when_asked && keys_.erase(op.filter.spec) == 1) {
            told.to = {++revision_};
            told.changes = {{told.to, 0, "", "", {{EventType::erase, {op.filter.spec, "", {}, told.to, 0, {}}}}}};
        }
        reply.result = told;
    }
    void take(const protocol::DeleteRequest& op, protocol::Reply& reply) {
        if (refuse_deletes != Code::ok) {
            reply.error = {refuse_deletes, "as told"};
            return;
        }
        ++revision_;
        reply.result = erase(op);
    }
    void take(const protocol::TxnRequest& op, protocol::Reply& reply) {
        if (refuse_txns != Code::ok) {
            ++txns_refused;
            reply.error = {refuse_txns, "as told"};
            return;
        }
        ++revision_;
        reply.result = txn(op);
    }
    void take(const auto&, protocol::Reply& reply) { reply.error = {Code::unsupported, "not in this test"}; }

    protocol::RangeReply range(const KeyRange& keys) const {
        protocol::RangeReply found;
        for (const auto& [key, kv] : keys_) {
            if (keys.contains(key)) found.kvs.push_back(kv);
        }
        return found;
    }
    void put(const protocol::PutRequest& op) {
        KeyValue& kv = keys_[op.key];
        const Revision created = kv.version == 0 ? Revision{revision_} : kv.create_revision;
        kv = {op.key, op.value, created, {revision_}, kv.version + 1, op.lease};
        changes_.push_back({{revision_}, 0, "", "", {{EventType::put, kv}}});
    }
    protocol::DeleteReply erase(const protocol::DeleteRequest& op) {
        for (const auto& [key, kv] : keys_) {
            if (op.range.contains(key)) changes_.push_back({{revision_}, 0, "", "", {{EventType::erase, kv}}});
        }
        return {std::erase_if(keys_, [&](const auto& one) { return op.range.contains(one.first); }), {}};
    }
    // What places, consumers and jobs compare: that there is nothing in a range, a key's create or mod revision (0 = it is
    // not there), a value.
    bool holds(const protocol::Compare& compare) const {
        const auto found = range(compare.range).kvs;
        if (compare.target == protocol::Compare::Target::version) return found.empty();
        if (compare.target == protocol::Compare::Target::value) return found.size() == 1 && found[0].value == compare.value;
        if (found.empty()) return compare.number == 0;
        if (found.size() != 1) return false;
        if (compare.target == protocol::Compare::Target::mod) return found[0].mod_revision.value == compare.number;
        return found[0].create_revision.value == compare.number;
    }
    // Nobody's lease ends here, and nothing is given back.
    protocol::ClaimReply claim(const protocol::ClaimRequest& op) {
        protocol::ClaimReply claimed;
        for (const KeyValue& item : range(KeyRange::prefix(op.items)).kvs) {
            const Bytes key = op.claims + item.key.substr(op.items.size());
            if (keys_.contains(key) || claimed.items.size() == op.limit) continue;
            put({key, protocol::encode_claim({op.lease, 1, op.claimant, 1}), {}});
            claimed.items.push_back({item, 1});
        }
        return claimed;
    }
    protocol::TxnReply txn(const protocol::TxnRequest& op) {
        protocol::TxnReply done;
        done.succeeded =
            std::all_of(op.compares.begin(), op.compares.end(), [&](const auto& compare) { return holds(compare); });
        for (const auto& part : done.succeeded ? op.then_ops : op.else_ops) {
            if (const auto* one = std::get_if<protocol::RangeRequest>(&part.op))
                done.replies.push_back({range(one->range)});
            if (const auto* one = std::get_if<protocol::DeleteRequest>(&part.op)) done.replies.push_back({erase(*one)});
            if (const auto* one = std::get_if<protocol::TxnRequest>(&part.op)) done.replies.push_back({txn(*one)});
            if (const auto* one = std::get_if<protocol::ClaimRequest>(&part.op)) done.replies.push_back({claim(*one)});
            if (const auto* one = std::get_if<protocol::PutRequest>(&part.op)) {
                put(*one);
                done.replies.push_back({protocol::PutReply{}});
            }
        }
        return done;
    }

    const std::function<void(int number)> before_txn_;
    void* context_ = zmq_ctx_new();
    void* router_ = zmq_socket(context_, ZMQ_ROUTER);
    std::atomic<bool> stop_ = false;
    mutable std::mutex mutex_;
    std::map<Bytes, KeyValue> keys_;
    std::vector<ChangeSet> changes_;  // each of one key
    protocol::TxnRequest lost_;
    uint64_t lost_sequence_ = 0;
    uint64_t revision_ = 10;
    std::map<std::pair<Bytes, uint64_t>, Waiting> waiting_;  // the thread's; by who asks, and the request's number
    std::thread thread_;
};

}  // namespace belfry::test

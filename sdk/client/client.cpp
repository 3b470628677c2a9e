#include "sdk/client/client.hpp"

#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <iterator>
#include <mutex>

#include "sdk/base/labels.hpp"
#include "sdk/base/limits.hpp"
#include "sdk/client/client_impl.hpp"
#include "sdk/client/loop.hpp"
#include "sdk/client/security.hpp"
#include "sdk/protocol/codec.hpp"

namespace belfry {
namespace {

Status check_endpoints(const char* what, const std::vector<std::string>& endpoints) {
    for (const std::string& endpoint : endpoints) {
        const size_t scheme = endpoint.find("://");
        const bool known = endpoint.starts_with("tcp://") || endpoint.starts_with("ipc://");
        const bool has_port = !endpoint.starts_with("tcp://") || endpoint.rfind(':') > scheme;
        if (known && has_port && endpoint.size() > scheme + 3) continue;
        return Error{Code::invalid_argument,
                     std::string(what) + " '" + endpoint + "': write tcp://HOST:PORT or ipc:///path"};
    }
    return {};
}

std::string author_of_process() {
    char host[256] = "localhost";
    gethostname(host, sizeof host - 1);
    passwd entry{};
    passwd* found = nullptr;
    char space[4096];
    getpwuid_r(getuid(), &entry, space, sizeof space, &found);
    const std::string user = found != nullptr ? entry.pw_name : "uid" + std::to_string(getuid());
    return (user + "@" + host).substr(0, limits::author_bytes_max);
}

template <class Wanted>
Result<Wanted> take(Result<protocol::Reply>& reply) {
    if (!reply) return std::move(reply).error();
    if (auto* wanted = std::get_if<Wanted>(&reply->result)) return std::move(*wanted);
    return Error{Code::corrupt, "the hub answered with a result of another kind"};
}

}  // namespace

Client::Client(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
Client::~Client() { impl_->loop->stop(impl_->loop); }

Result<std::shared_ptr<Client>> Client::connect(ClientOptions options) {
    if (options.endpoints.empty()) return Error{Code::invalid_argument, "endpoint: none given"};
    if (options.feed_endpoints.empty() && options.endpoints == std::vector<std::string>{default_endpoint}) {
        options.feed_endpoints = {default_feed_endpoint};
    }
    if (!options.feed_endpoints.empty() && options.feed_endpoints.size() != options.endpoints.size()) {
        return Error{Code::invalid_argument, "feed endpoints: give one for each endpoint, in the same order, or none"};
    }
    if (Status status = check_endpoints("endpoint", options.endpoints); !status) return std::move(status).error();
    if (Status status = check_endpoints("feed endpoint", options.feed_endpoints); !status) return std::move(status).error();
    if (options.timeout.count() <= 0) return Error{Code::invalid_argument, "timeout must be above 0"};
    if (options.author.empty()) options.author = author_of_process();
    auto security = client::Security::of(options);
    if (!security) return std::move(security).error();
    auto loop = client::Loop::start(options, *std::move(security));
    if (!loop) return std::move(loop).error();
    auto impl = std::make_shared<Impl>(Impl{std::move(options), *std::move(loop)});
    return std::shared_ptr<Client>(new Client(std::move(impl)));
}

const ClientOptions& Client::options() const { return impl_->options; }

Status Client::send(protocol::RequestOp op, Completion completion, const WriteOptions& options) {
    protocol::Request request{
        0, impl_->options.author, options.comment, std::move(op), {}, options.dry_run, canonical_labels(options.labels)};
    if (Status status = protocol::validate(request); !status) return status;
    return impl_->loop->submit(std::move(request), std::move(completion));
}

std::future<Result<protocol::Reply>> Client::send(protocol::RequestOp op, const WriteOptions& options) {
    auto promise = std::make_shared<std::promise<Result<protocol::Reply>>>();
    auto future = promise->get_future();
    const Status status = send(
        std::move(op), [promise](Result<protocol::Reply> reply) { promise->set_value(std::move(reply)); }, options);
    if (!status) promise->set_value(status.error());
    return future;
}

Result<protocol::Reply> Client::call(protocol::RequestOp op, const WriteOptions& options) {
    if (impl_->loop->here()) {
        return Error{Code::invalid_argument, "a synchronous call inside a callback would wait for itself; use send()"};
    }
    struct Waiter {
        std::mutex mutex;
        std::condition_variable arrived;
        std::optional<Result<protocol::Reply>> reply;
    } waiter;
    Waiter* raw = &waiter;
    const Status status = send(
        std::move(op),
        [raw](Result<protocol::Reply> reply) {
            const std::lock_guard lock(raw->mutex);
            raw->reply.emplace(std::move(reply));
            raw->arrived.notify_one();
        },
        options);
    if (!status) return status.error();
    std::unique_lock lock(waiter.mutex);
    waiter.arrived.wait(lock, [&] { return waiter.reply.has_value(); });
    if (waiter.reply->ok() && (*waiter.reply)->error.code != Code::ok) return (*waiter.reply)->error;
    return std::move(*waiter.reply);
}

Result<PutResult> Client::put(BytesView key, BytesView value, const WriteOptions& options) {
    auto reply = call(protocol::PutRequest{Bytes(key), Bytes(value), options.lease, options.previous, options.content_type,
                                           options.sequential},
                      options);
    auto put = take<protocol::PutReply>(reply);
    if (!put) return std::move(put).error();
    return PutResult{reply->revision, std::move(put->previous), std::move(put->key)};
}

Result<KeyValue> Client::get(BytesView key) {
    protocol::RangeRequest request;
    request.range = KeyRange::one(key);
    auto reply = call(std::move(request));
    auto range = take<protocol::RangeReply>(reply);
    if (!range) return std::move(range).error();
    if (range->kvs.empty()) return Error{Code::not_found, "no such key '" + Bytes(key) + "'"};
    return std::move(range->kvs.front());
}

Result<RangeResult> Client::range(const protocol::RangeRequest& request) {
    auto reply = call(request);
    auto range = take<protocol::RangeReply>(reply);
    if (!range) return std::move(range).error();
    return RangeResult{reply->revision, std::move(range->kvs), range->count, range->more};
}

Result<DeleteResult> Client::erase(const KeyRange& range, const WriteOptions& options) {
    auto reply = call(protocol::DeleteRequest{range, options.previous}, options);
    auto erased = take<protocol::DeleteReply>(reply);
    if (!erased) return std::move(erased).error();
    return DeleteResult{reply->revision, erased->deleted, std::move(erased->previous)};
}

Result<TxnResult> Client::txn(protocol::TxnRequest request, const WriteOptions& options) {
    auto reply = call(std::move(request), options);
    auto txn = take<protocol::TxnReply>(reply);
    if (!txn) return std::move(txn).error();
    return TxnResult{reply->revision, txn->succeeded, std::move(txn->replies)};
}

Result<Revision> Client::compact(Revision revision) {
    auto reply = call(protocol::CompactRequest{revision});
    if (!reply) return std::move(reply).error();
    return reply->revision;
}

Result<protocol::HistoryReply> Client::history(const protocol::HistoryRequest& request) {
    auto reply = call(request);
    return take<protocol::HistoryReply>(reply);
}

Result<protocol::ChangesReply> Client::changes(const protocol::ChangesRequest& request) {
    auto reply = call(request);
    return take<protocol::ChangesReply>(reply);
}

Result<protocol::DigestReply> Client::digest(const protocol::DigestRequest& request) {
    auto reply = call(request);
    return take<protocol::DigestReply>(reply);
}

Result<protocol::StatusReply> Client::status() {
    auto reply = call(protocol::StatusRequest{});
    return take<protocol::StatusReply>(reply);
}

// ---- leases ----

Result<protocol::LeaseGrantReply> Client::grant_lease(std::chrono::seconds ttl, LeaseId lease) {
    auto reply = call(protocol::LeaseGrantRequest{lease, static_cast<uint64_t>(std::max<int64_t>(ttl.count(), 0))});
    return take<protocol::LeaseGrantReply>(reply);
}

Result<uint64_t> Client::revoke_lease(LeaseId lease) {
    for (uint64_t deleted = 0;;) {
        auto reply = call(protocol::LeaseRevokeRequest{lease});
        auto revoked = take<protocol::LeaseRevokeReply>(reply);
        // The hub goes on by itself with a lease that is ending, and may have been quicker.
        if (!revoked && revoked.error().code == Code::not_found && deleted > 0) return deleted;
        if (!revoked) return std::move(revoked).error();
        deleted += revoked->deleted;
        if (!revoked->more) return deleted;
    }
}

Result<std::vector<std::chrono::seconds>> Client::keep_alive(std::vector<LeaseId> leases) {
    const size_t asked = leases.size();
    auto reply = call(protocol::LeaseKeepAliveRequest{std::move(leases)});
    auto kept = take<protocol::LeaseKeepAliveReply>(reply);
    if (!kept) return std::move(kept).error();
    if (kept->ttl_s.size() != asked) return Error{Code::corrupt, "the hub answered about another number of leases"};
    std::vector<std::chrono::seconds> ttls;
    for (const uint64_t ttl_s : kept->ttl_s) ttls.emplace_back(ttl_s);
    return ttls;
}

Result<protocol::LeaseTimeToLiveReply> Client::lease_time_to_live(LeaseId lease, bool keys) {
    std::vector<Bytes> all;
    for (protocol::LeaseTimeToLiveRequest page{lease, keys, {}};;) {
        auto reply = call(page);
        auto part = take<protocol::LeaseTimeToLiveReply>(reply);
        if (!part) return std::move(part).error();
        const bool more = part->more && !part->keys.empty();
        std::move(part->keys.begin(), part->keys.end(), std::back_inserter(all));
        if (!more) return protocol::LeaseTimeToLiveReply{std::move(part->facts), std::move(all), false};
        page.after = all.back();
    }
}

Result<std::vector<protocol::LeaseFacts>> Client::leases() {
    std::vector<protocol::LeaseFacts> all;
    for (protocol::LeasesRequest page;;) {
        auto reply = call(page);
        auto part = take<protocol::LeasesReply>(reply);
        if (!part) return std::move(part).error();
        const bool more = part->more && !part->leases.empty();
        std::move(part->leases.begin(), part->leases.end(), std::back_inserter(all));
        if (!more) return all;
        page.after = all.back().lease;
    }
}

}  // namespace belfry

#include "sdk/client/client.hpp"

#include <pwd.h>
#include <unistd.h>

#include <condition_variable>
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
    auto reply = call(protocol::PutRequest{Bytes(key), Bytes(value), options.lease, options.previous, options.content_type},
                      options);
    auto put = take<protocol::PutReply>(reply);
    if (!put) return std::move(put).error();
    return PutResult{reply->revision, std::move(put->previous)};
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

}  // namespace belfry

#include "sdk/recipes/barrier.hpp"

#include "sdk/base/hash.hpp"
#include "sdk/base/random.hpp"
#include "sdk/recipes/place.hpp"

namespace belfry {

using protocol::Compare;

Barrier::Barrier(std::shared_ptr<Client> client, std::shared_ptr<const Lease> lease, Bytes name)
    : client_(std::move(client)), lease_(std::move(lease)), name_(std::move(name)) {}

// Nobody closes with this mark any more, so that the opening may be late.
Barrier::~Barrier() {
    if (lease_ && !release()) lease_->owe(key_of(name_) + " " + mark_, opening());
}

Status Barrier::hold() {
    if (const Status good = recipes::check_name(name_); !good) return good;
    const Bytes key = key_of(name_);
    // The same mark until it is settled what became of it: an answer that was lost is found again by it.
    if (mark_.empty()) mark_ = recipes::this_process() + " " + hex64(random_u64());
    protocol::TxnRequest txn;
    txn.compares = {{KeyRange::one(key), Compare::Target::version, Compare::Op::equal, 0, {}}};
    txn.then_ops.push_back({protocol::PutRequest{key, mark_, lease_ ? lease_->id() : LeaseId()}});
    protocol::RangeRequest whose;
    whose.range = KeyRange::one(key);
    txn.else_ops.push_back({whose});
    const auto done = client_->txn(std::move(txn));
    if (!done) return done.error();
    if (done->succeeded) return {};
    const auto* range = done->replies.empty() ? nullptr : std::get_if<protocol::RangeReply>(&done->replies[0].reply);
    if (range == nullptr || range->kvs.empty())
        return Error{Code::corrupt, "the hub answered without the key that is there"};
    const Bytes& value = range->kvs[0].value;
    if (value == mark_) return {};
    mark_.clear();
    return Error{Code::conflict, "'" + name_ + "' is closed already, by " + value};
}

Status Barrier::release() {
    if (mark_.empty()) return {};
    const auto done = client_->txn(opening());
    if (!done) return done.error();
    mark_.clear();
    return {};
}

// Of its own closing.
protocol::TxnRequest Barrier::opening() const {
    const KeyRange key = KeyRange::one(key_of(name_));
    return {{{key, Compare::Target::value, Compare::Op::equal, 0, mark_}}, {{protocol::DeleteRequest{key}}}, {}};
}

Status Barrier::wait(const std::shared_ptr<Client>& client, const Bytes& name, std::chrono::milliseconds timeout,
                     std::function<bool()> cancelled) {
    if (const Status good = recipes::check_name(name); !good) return good;
    const Bytes key = key_of(name);
    protocol::RangeRequest request;
    request.range = KeyRange::one(key);
    request.keys_only = true;
    Revision closed;  // the closing that is waited for: a later one is not
    const auto look = [&]() -> Result<std::optional<recipes::Awaited>> {
        const auto now = client->range(request);
        if (!now) return now.error();
        if (now->kvs.empty()) return std::optional<recipes::Awaited>();
        const Revision created = now->kvs[0].create_revision;
        if (closed.value == 0) closed = created;
        if (created != closed) return std::optional<recipes::Awaited>();
        return std::optional<recipes::Awaited>({key, now->revision});
    };
    const recipes::Waiting waiting(client, nullptr, name, "it was closed all the time");
    return waiting.until(look, recipes::Patience::of(timeout, std::move(cancelled)));
}

Result<bool> Barrier::open(Client& client, const Bytes& name) {
    if (const Status good = recipes::check_name(name); !good) return good.error();
    const auto erased = client.erase(KeyRange::one(key_of(name)));
    if (!erased) return erased.error();
    return erased->deleted > 0;
}

}  // namespace belfry

#include "sdk/recipes/place.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <future>
#include <thread>

#include "sdk/base/limits.hpp"
#include "sdk/base/random.hpp"

namespace belfry::recipes {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto cancel_poll = 50ms;
constexpr Clock::duration retry_pause = 200ms;
constexpr std::chrono::milliseconds patience_max = 24h * 365;  // what is longer is for ever, and clocks do not overflow
constexpr size_t lease_digits = 16;
constexpr size_t place_octets = lease_digits + 1 + 8 + 1 + 8;  // below NAME/

bool may_pass(Code code) {
    return code == Code::unavailable || code == Code::uncertain || code == Code::timeout || code == Code::busy;
}

std::string hex(uint64_t number, int digits) {
    std::array<char, 24> text{};
    std::snprintf(text.data(), text.size(), "%0*llx", digits, static_cast<unsigned long long>(number));
    return text.data();
}

Error place_gone(const Bytes& key) {
    return {Code::not_found, "the key '" + key + "' is gone: its lease has ended, or somebody deleted it"};
}

}  // namespace

Patience Patience::of(std::chrono::milliseconds timeout, std::function<bool()> cancelled) {
    return {Clock::now() + std::min(timeout, patience_max), std::move(cancelled)};
}

Place::Place(std::shared_ptr<Client> client, std::shared_ptr<const Lease> lease, Bytes name)
    : client_(std::move(client)),
      lease_(std::move(lease)),
      name_(std::move(name)),
      own_prefix_(name_ + "/" + hex(lease_->id().value, lease_digits) + "-" + hex(random_u64() & 0xffffffff, 8) + "-") {}

// ---- joining and leaving ----

Status Place::join(BytesView value, const Patience& patience) {
    if (const Status good = check_name(name_); !good) return good;
    key_ = own_prefix_ + hex(++times_joined_, 8);
    protocol::TxnRequest txn;
    txn.compares = {{KeyRange::one(key_), protocol::Compare::Target::version, protocol::Compare::Op::equal, 0, {}}};
    // A new key each time, so that a deletion or a put that went astray is not of this one; and what one of them may have
    // left in the line goes.
    if (perhaps_there_) txn.then_ops.push_back({protocol::DeleteRequest{{own_prefix_, key_}}});
    txn.then_ops.push_back({protocol::PutRequest{key_, Bytes(value), lease_->id()}});
    protocol::RangeRequest mine;
    mine.range = KeyRange::one(key_);
    mine.keys_only = true;
    txn.else_ops.push_back({mine});
    for (;;) {
        if (const Status go = may_go_on(patience); !go) return go;
        perhaps_there_ = true;
        const auto done = client_->txn(txn);
        if (done) return read_created(*done);
        // A ticket's `conflict` says that it was done and the answer is forgotten: the other branch tells.
        if (!may_pass(done.error().code) && done.error().code != Code::conflict) return done.error();
        pause(patience);
    }
}

Status Place::read_created(const TxnResult& done) {
    created_ = {};
    if (done.succeeded) {
        created_ = done.revision;
        return {};
    }
    // An earlier try has put it, and its answer was lost.
    const auto* range = done.replies.empty() ? nullptr : std::get_if<protocol::RangeReply>(&done.replies[0].reply);
    if (range == nullptr || range->kvs.empty())
        return Error{Code::corrupt, "the hub answered without the key that is there"};
    created_ = range->kvs.front().create_revision;
    return {};
}

Status Place::leave() {
    created_ = {};
    if (!perhaps_there_) return {};
    if (lease_->alive()) {
        const auto erased = client_->erase({own_prefix_, key_ + '\0'});
        if (!erased) return erased.error();
    }
    perhaps_there_ = false;
    return {};
}

// ---- waiting ----

Result<std::optional<KeyValue>> Place::ahead() {
    ++looks_;
    const auto line = read_line(*client_, name_, true, &seen_);
    if (!line) return line.error();
    std::optional<KeyValue> before;
    for (const KeyValue& place : *line) {
        if (place.key == key_ && place.create_revision == created_) return before;
        before = place;
    }
    if (!joined()) return before;
    return place_gone(key_);
}

Status Place::wait(const Patience& patience) {
    for (;;) {
        const auto other = ahead();
        if (const Status go = may_go_on(patience); !go) return go;
        if (other && !*other) return {};
        if (!other && !may_pass(other.error().code)) return other.error();
        if (!other) {
            pause(patience);
        } else if (const Status gone = outlast(**other, patience); !gone) {
            return gone;
        }
    }
}

// Until that key is not there any more. Whoever was ahead of it may still be: the line is to be looked at again.
Status Place::outlast(const KeyValue& other, const Patience& patience) {
    protocol::RangeRequest request;
    request.range = KeyRange::one(other.key);
    request.keys_only = true;
    for (;;) {
        if (const Status go = may_go_on(patience); !go) return go;
        if (const Status waited = await_change(other.key, patience); !waited) return waited;
        const auto now = client_->range(request);
        if (!now && !may_pass(now.error().code)) return now.error();
        if (!now) continue;
        if (now->kvs.empty() || now->kvs[0].create_revision != other.create_revision) return {};
        seen_ = now->revision;
    }
}

// Returns soon after a change of the key, and now and then without one.
Status Place::await_change(const Bytes& key, const Patience& patience) const {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(patience.until - Clock::now());
    const auto round =
        std::min({client_->options().timeout / 2, std::chrono::milliseconds(limits::stream_wait_ms_max), left});
    protocol::ChangesRequest request;
    request.filter = {"exact", key};
    request.from = seen_;
    request.wait_ms = static_cast<uint64_t>(std::max(round, 1ms).count());
    const auto asked = Clock::now();
    auto answer = client_->send(std::move(request));
    while (answer.wait_for(cancel_poll) != std::future_status::ready) {
        if (const Status go = may_go_on(patience); !go) return go;
    }
    const auto reply = answer.get();
    const Error error = reply ? reply->error : reply.error();
    if (error.code == Code::denied || error.code == Code::unsupported) return error;
    const auto* told = reply ? std::get_if<protocol::ChangesReply>(&reply->result) : nullptr;
    const bool changed = told != nullptr && !told->changes.empty();
    // That member is behind, is full, has no leader or has forgotten: the read tells, though it is not to be asked at once.
    if (!changed && Clock::now() - asked < round / 2) pause(patience);
    return {};
}

Status Place::may_go_on(const Patience& patience) const {
    if (!lease_->alive()) return Error{Code::not_found, "lease " + std::to_string(lease_->id().value) + " has ended"};
    if (patience.cancelled && patience.cancelled()) return Error{Code::timeout, "'" + name_ + "': given up"};
    if (Clock::now() < patience.until) return {};
    return Error{Code::timeout, "'" + name_ + "': somebody else was ahead all the time, or the hub did not answer"};
}

void Place::pause(const Patience& patience) const {
    const auto end = std::min(Clock::now() + retry_pause, patience.until);
    while (Clock::now() < end && may_go_on(patience))
        std::this_thread::sleep_for(std::min<Clock::duration>(cancel_poll, end - Clock::now()));
}

protocol::Compare Place::guard() const {
    return {KeyRange::one(key_), protocol::Compare::Target::create, protocol::Compare::Op::equal, created_.value, {}};
}

// ---- lines ----

Result<std::vector<KeyValue>> read_line(Client& client, const Bytes& name, bool keys_only, Revision* at) {
    protocol::RangeRequest request;
    request.range = KeyRange::prefix(name + "/");
    request.keys_only = keys_only;
    auto range = client.range(request);
    if (!range) return range.error();
    // What does not fit one answer might be the head.
    if (range->more) return Error{Code::too_large, "there are too many keys below '" + name + "/'"};
    if (at != nullptr) *at = range->revision;
    std::erase_if(range->kvs, [&](const KeyValue& kv) { return !is_place(name, kv.key); });
    std::sort(range->kvs.begin(), range->kvs.end(), goes_before);
    return std::move(range->kvs);
}

bool is_place(BytesView name, BytesView key) {
    if (key.size() != name.size() + 1 + place_octets || !key.starts_with(name) || key[name.size()] != '/') return false;
    const BytesView place = key.substr(name.size() + 1);
    return place.find_first_not_of("0123456789abcdef-") == BytesView::npos && place[lease_digits] == '-';
}

bool goes_before(const KeyValue& a, const KeyValue& b) {
    return std::tie(a.create_revision, a.key) < std::tie(b.create_revision, b.key);
}

Status check_name(BytesView name) {
    if (name.empty()) return Error{Code::invalid_argument, "the name is empty"};
    const size_t name_max = limits::key_bytes_max - 1 - place_octets;
    if (name.size() <= name_max) return {};
    return Error{Code::invalid_argument,
                 "a name of " + std::to_string(name.size()) + " octets; " + std::to_string(name_max) + " are the bound"};
}

std::string this_process() {
    std::array<char, 256> host{};
    if (::gethostname(host.data(), host.size() - 1) != 0) host = {"unknown"};
    return std::string(host.data()) + ":" + std::to_string(::getpid());
}

}  // namespace belfry::recipes

#include "sdk/recipes/place.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>

#include "sdk/base/limits.hpp"
#include "sdk/base/random.hpp"

namespace belfry::recipes {
namespace {

constexpr size_t lease_digits = 16;
constexpr size_t place_octets = lease_digits + 1 + 8 + 1 + 8;  // below NAME/

std::string hex(uint64_t number, int digits) {
    std::array<char, 24> text{};
    std::snprintf(text.data(), text.size(), "%0*llx", digits, static_cast<unsigned long long>(number));
    return text.data();
}

Error place_gone(const Bytes& key) {
    return {Code::not_found, "the key '" + key + "' is gone: its lease has ended, or somebody deleted it"};
}

}  // namespace

Place::Place(std::shared_ptr<Client> client, std::shared_ptr<const Lease> lease, Bytes name)
    : client_(std::move(client)),
      lease_(std::move(lease)),
      name_(std::move(name)),
      waiting_(client_, lease_, name_, "somebody else was ahead all the time"),
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
        if (const Status go = waiting_.may_go_on(patience); !go) return go;
        perhaps_there_ = true;
        const auto done = client_->txn(txn);
        if (done) return read_created(*done);
        // A ticket's `conflict` says that it was done and the answer is forgotten: the other branch tells.
        if (!may_pass(done.error().code) && done.error().code != Code::conflict) return done.error();
        waiting_.pause(patience);
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
        if (const Status go = waiting_.may_go_on(patience); !go) return go;
        if (other && !*other) return {};
        if (!other && !may_pass(other.error().code)) return other.error();
        if (!other) {
            waiting_.pause(patience);
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
    const auto look = [&]() -> Result<std::optional<Awaited>> {
        const auto now = client_->range(request);
        if (!now) return now.error();
        if (now->kvs.empty() || now->kvs[0].create_revision != other.create_revision) return std::optional<Awaited>();
        return std::optional<Awaited>({other.key, now->revision});
    };
    return waiting_.until(look, patience, Awaited{other.key, seen_});
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
    return line_of(name, std::move(range->kvs));
}

std::vector<KeyValue> line_of(BytesView name, std::vector<KeyValue> kvs) {
    std::erase_if(kvs, [&](const KeyValue& kv) { return !is_place(name, kv.key); });
    std::sort(kvs.begin(), kvs.end(), goes_before);
    return kvs;
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

#include "sdk/recipes/once.hpp"

#include <charconv>
#include <utility>

#include "sdk/base/hash.hpp"
#include "sdk/base/random.hpp"

namespace belfry {
namespace {

using protocol::Compare;
using recipes::Awaited;

Bytes worker_key(BytesView name) { return Bytes(name) + "/worker"; }
Bytes tries_key(BytesView name) { return Bytes(name) + "/tries"; }
Bytes result_key(BytesView name) { return Bytes(name) + "/result"; }

Compare is_missing(const Bytes& key) { return {KeyRange::one(key), Compare::Target::version, Compare::Op::equal, 0, {}}; }

Compare is_of(const Bytes& key, Compare::Target target, Revision revision) {
    return {KeyRange::one(key), target, Compare::Op::equal, revision.value, {}};
}

// What NAME/tries says.
struct Tries {
    uint64_t begun = 0;
    Error last;
};

template <class Number>
Number take_number(BytesView& text) {
    Number number{};
    const auto end = std::from_chars(text.data(), text.data() + text.size(), number).ptr;
    text.remove_prefix(static_cast<size_t>(end - text.data()));
    if (text.starts_with(' ')) text.remove_prefix(1);
    return number;
}

Tries parse_tries(BytesView text) {
    Tries tries;
    tries.begun = take_number<uint64_t>(text);
    tries.last.code = static_cast<Code>(take_number<int32_t>(text));
    tries.last.detail = text;
    if (tries.last.code == Code::ok) tries.last = {Code::uncertain, "who tried last is gone without a word"};
    return tries;
}

Bytes spelled(uint64_t begun, const Error& failed) {
    return std::to_string(begun) + " " + std::to_string(static_cast<int32_t>(failed.code)) + " " + failed.detail;
}

class Runner {
public:
    Runner(std::shared_ptr<Client> client, std::shared_ptr<const Lease> lease, Bytes name, const OnceWork& work,
           OnceOptions options)
        : client_(std::move(client)),
          lease_(std::move(lease)),
          name_(std::move(name)),
          work_(work),
          options_(std::move(options)),
          waiting_(client_, lease_, name_, "others were at it all the time"),
          mark_(recipes::this_process() + " " + hex64(random_u64())) {}

    Result<Bytes> run() {
        const auto patience = recipes::Patience::of(options_.timeout, options_.cancelled);
        for (;;) {
            const Status decided = waiting_.until([this] { return look(); }, patience);
            if (!decided || result_ || given_up_) give_back();
            if (!decided) return decided.error();
            if (result_) return *std::move(result_);
            if (given_up_) return *std::move(given_up_);
            auto own = take_turn();
            if (!own) {
                give_back();
                return own.error();
            }
            if (*own) return **std::move(own);
            if (patience.cancelled && patience.cancelled()) return Error{Code::timeout, "'" + name_ + "': given up"};
            waiting_.pause(patience);  // another one may have more luck
        }
    }

private:
    struct Standing {
        Revision revision;
        std::optional<KeyValue> worker, tries, result;
    };
    Result<Standing> read() const;
    Result<std::optional<Awaited>> look();
    Result<bool> begin(const std::optional<KeyValue>& tries, uint64_t number);
    void begun(uint64_t number, Revision token);
    Result<std::optional<Bytes>> take_turn();
    Result<bool> end_turn(protocol::TxnRequest txn);
    void give_back();

    const std::shared_ptr<Client> client_;
    const std::shared_ptr<const Lease> lease_;
    const Bytes name_;
    const OnceWork& work_;
    const OnceOptions options_;
    const recipes::Waiting waiting_;
    const Bytes mark_;
    bool perhaps_begun_ = false;
    OnceTurn turn_;
    std::optional<Bytes> result_;
    std::optional<Error> given_up_;  // its code is the work's: not one that may pass
};

// All at one revision.
Result<Runner::Standing> Runner::read() const {
    protocol::TxnRequest txn;
    for (const Bytes& key : {worker_key(name_), tries_key(name_), result_key(name_)}) {
        protocol::RangeRequest one;
        one.range = KeyRange::one(key);
        txn.then_ops.push_back({one});
    }
    const auto done = client_->txn(std::move(txn));
    if (!done) return done.error();
    Standing now{done->revision, {}, {}, {}};
    std::optional<KeyValue>* places[] = {&now.worker, &now.tries, &now.result};
    for (size_t i = 0; i < std::size(places) && i < done->replies.size(); ++i) {
        const auto* range = std::get_if<protocol::RangeReply>(&done->replies[i].reply);
        if (range != nullptr && !range->kvs.empty()) *places[i] = range->kvs[0];
    }
    return now;
}

// It is time when there is a result, or none to be hoped for, or this one is the worker. Who was too late to begin looks
// again at once: if the name was forgotten meanwhile, nobody is at it, and no change of the worker's key will tell of it.
Result<std::optional<Awaited>> Runner::look() {
    for (;;) {
        auto now = read();
        if (!now) return now.error();
        if (now->result) {
            result_ = std::move(now->result->value);
            return std::optional<Awaited>();
        }
        const Tries tries = parse_tries(now->tries ? BytesView(now->tries->value) : BytesView());
        if (now->worker && now->worker->value == mark_) {
            begun(tries.begun, now->worker->create_revision);  // an answer was lost
            return std::optional<Awaited>();
        }
        if (now->worker) return std::optional<Awaited>({worker_key(name_), now->revision});
        if (tries.begun >= options_.tries_max) {
            given_up_ = Error{tries.last.code, "'" + name_ + "': tried " + std::to_string(tries.begun) +
                                                   " times, the last time: " + tries.last.detail};
            return std::optional<Awaited>();
        }
        const auto own = begin(now->tries, tries.begun + 1);
        if (!own) return own.error();
        if (*own) return std::optional<Awaited>();
    }
}

// False: another one was quicker, or the name was forgotten.
Result<bool> Runner::begin(const std::optional<KeyValue>& tries, uint64_t number) {
    if (!lease_->alive()) return recipes::lease_ended(*lease_);
    const Bytes counted = tries_key(name_);
    protocol::TxnRequest txn;
    txn.compares = {is_missing(worker_key(name_)), is_missing(result_key(name_)),
                    tries ? is_of(counted, Compare::Target::mod, tries->mod_revision) : is_missing(counted)};
    txn.then_ops.push_back({protocol::PutRequest{worker_key(name_), mark_, lease_->id()}});
    txn.then_ops.push_back({protocol::PutRequest{counted, std::to_string(number), {}}});
    const bool perhaps_before = std::exchange(perhaps_begun_, true);
    const auto done = client_->txn(std::move(txn));
    if (!done) return done.error();
    perhaps_begun_ = done->succeeded || perhaps_before;
    if (done->succeeded) begun(number, done->revision);
    return done->succeeded;
}

void Runner::begun(uint64_t number, Revision token) {
    const Bytes key = worker_key(name_);
    turn_ = {number, token, is_of(key, Compare::Target::create, token), key};
}

// None: it failed, or was too late. An error: nobody knows what became of it.
Result<std::optional<Bytes>> Runner::take_turn() {
    Result<Bytes> done = work_(turn_);
    if (done && done->size() > once_result_bytes_max) {
        done = Error{Code::too_large, "a result of " + std::to_string(done->size()) + " octets; " +
                                          std::to_string(once_result_bytes_max) + " are the bound"};
    }
    protocol::TxnRequest txn;
    if (done) {
        txn.then_ops.push_back({protocol::PutRequest{result_key(name_), *done, {}}});
        txn.then_ops.push_back({protocol::DeleteRequest{KeyRange::one(tries_key(name_))}});
    } else {
        txn.then_ops.push_back({protocol::PutRequest{tries_key(name_), spelled(turn_.number, done.error()), {}}});
    }
    const auto ended = end_turn(std::move(txn));
    if (!ended) return ended.error();
    if (done && *ended) return std::optional(*std::move(done));
    return std::optional<Bytes>();
}

// False: it was not this one's turn any more. Asked for as long as the lease lives.
Result<bool> Runner::end_turn(protocol::TxnRequest txn) {
    txn.compares = {turn_.guard};
    txn.then_ops.push_back({protocol::DeleteRequest{KeyRange::one(turn_.key)}});
    const auto patience = recipes::Patience::of(std::chrono::hours(24 * 365));
    for (;;) {
        const auto done = client_->txn(txn);
        if (done) {
            perhaps_begun_ = false;
            return done->succeeded;
        }
        if (!may_pass(done.error().code)) return done.error();
        if (const Status go = waiting_.may_go_on(patience); !go) return go.error();
        waiting_.pause(patience);
    }
}

// What was begun and not heard of: nobody should have to wait until the lease ends. One that is late, and comes when the
// name has been forgotten, is not done after this: the client has written something else (docs/protocol.md, "Sessions").
void Runner::give_back() {
    if (!perhaps_begun_) return;
    const Bytes key = worker_key(name_);
    protocol::TxnRequest txn;
    txn.compares = {{KeyRange::one(key), Compare::Target::value, Compare::Op::equal, 0, mark_}};
    txn.then_ops.push_back({protocol::DeleteRequest{KeyRange::one(key)}});
    if (!client_->txn(txn)) lease_->owe(key + " " + mark_, std::move(txn));
}

}  // namespace

Result<Bytes> run_once(std::shared_ptr<Client> client, std::shared_ptr<const Lease> lease, Bytes name, const OnceWork& work,
                       OnceOptions options) {
    if (const Status good = recipes::check_name(name); !good) return good.error();
    return Runner(std::move(client), std::move(lease), std::move(name), work, std::move(options)).run();
}

Result<Bytes> once_result(Client& client, const Bytes& name) {
    auto kv = client.get(result_key(name));
    if (!kv) return std::move(kv).error();
    return std::move(kv->value);
}

Status forget_once(Client& client, const Bytes& name) {
    if (const Status good = recipes::check_name(name); !good) return good;
    protocol::TxnRequest txn;
    for (const Bytes& key : {worker_key(name), tries_key(name), result_key(name)})
        txn.then_ops.push_back({protocol::DeleteRequest{KeyRange::one(key)}});
    const auto done = client.txn(std::move(txn));
    if (!done) return done.error();
    return {};
}

}  // namespace belfry

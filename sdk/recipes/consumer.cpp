#include <algorithm>

#include "sdk/base/limits.hpp"
#include "sdk/base/random.hpp"
#include "sdk/protocol/claim.hpp"
#include "sdk/recipes/place.hpp"
#include "sdk/recipes/queue.hpp"
#include "sdk/recipes/queue_keys.hpp"

namespace belfry {
namespace {

using namespace recipes;
using namespace std::chrono_literals;
using protocol::Compare;
using protocol::TxnRequest;
using Clock = std::chrono::steady_clock;

constexpr Clock::duration look_again_after = 30s;  // though nothing was told of: a hint may be wrong

Compare missing(const Bytes& key) { return {KeyRange::one(key), Compare::Target::version, Compare::Op::equal, 0, {}}; }

Error not_held(size_t lost, size_t of) {
    return {Code::conflict, std::to_string(lost) + " of " + std::to_string(of) +
                                " items are not held any more: their lease has ended, or they were acknowledged"};
}

}  // namespace

Consumer::Consumer(std::shared_ptr<Client> client, std::shared_ptr<const Lease> lease, Bytes name, ConsumerOptions options)
    : client_(std::move(client)),
      lease_(std::move(lease)),
      name_(std::move(name)),
      options_(std::move(options)),
      waiting_(client_, lease_, name_, "there was nothing to take"),
      claimant_(random_u64()),
      own_key_(users_of(name_) + std::to_string(lease_->id().value) + "-" + std::to_string(claimant_)) {}

Consumer::~Consumer() { leave(); }

Compare Consumer::guard(const QueueItem& item) const {
    return {KeyRange::one(claims_of(name_) + item.id), Compare::Target::mod, Compare::Op::equal, item.since.value, {}};
}

// ---- taking ----

Result<std::vector<QueueItem>> Consumer::take(size_t most, std::chrono::milliseconds timeout) {
    if (Status good = check_queue_name(name_); !good) return good.error();
    if (most == 0) return Error{Code::invalid_argument, "take: of no items"};
    const Patience patience = Patience::of(timeout, options_.cancelled);
    for (;;) {
        if (const Status go = waiting_.may_go_on(patience); !go) return go.error();
        auto items = perhaps_more_held_ ? recover() : claim(most);
        if (!items && !may_pass(items.error().code) && items.error().code != Code::conflict) return items.error();
        if (!items) {
            waiting_.pause(patience);
            continue;
        }
        if (Items usable = without_worn_out(*std::move(items)); !usable.empty()) return usable;
        if (perhaps_more_held_) continue;
        if (const Status come = await_something(patience); !come) return come.error();
    }
}

// The user's key is there as long as the lease: when it goes, others hear that what this one held is free.
TxnRequest Consumer::claim_next(size_t most) const {
    TxnRequest announce;
    announce.compares = {missing(own_key_)};
    announce.then_ops = {{protocol::PutRequest{own_key_, this_process(), lease_->id()}}};
    protocol::RangeRequest closed;
    closed.range = KeyRange::one(closed_key_of(name_));
    const uint64_t limit = std::min<uint64_t>(most, limits::claim_items_max);
    TxnRequest txn;
    txn.compares = {missing(closed_key_of(name_))};
    txn.then_ops = {{std::move(announce)},
                    {protocol::ClaimRequest{items_of(name_), claims_of(name_), lease_->id(), claimant_, limit}}};
    txn.else_ops = {{closed}};
    return txn;
}

Result<std::vector<QueueItem>> Consumer::claim(size_t most) {
    const auto done = client_->txn(claim_next(most));
    if (done) return read_claim(done->revision, {done->succeeded, done->replies});
    // A ticket's `conflict` says that it was done and that the answer is forgotten.
    perhaps_more_held_ = done.error().code == Code::conflict || may_pass(done.error().code);
    return done.error();
}

Result<std::vector<QueueItem>> Consumer::read_claim(Revision at, const protocol::TxnReply& reply) {
    seen_ = at;
    Items items;
    for (const protocol::TxnOpReply& one : reply.replies) {
        const auto* range = std::get_if<protocol::RangeReply>(&one.reply);
        if (range != nullptr && !range->kvs.empty()) (void)open_if_complete(*client_, name_, range->kvs[0]);
        const auto* claimed = std::get_if<protocol::ClaimReply>(&one.reply);
        if (claimed == nullptr) continue;
        is_full_ = claimed->more && claimed->items.empty();
        for (const protocol::ClaimedItem& got : claimed->items) {
            QueueItem item{got.item.key.substr(items_of(name_).size()), got.item.value, got.item.content_type, got.attempts,
                           at};
            held_[item.id] = {at, got.attempts};
            items.push_back(std::move(item));
        }
    }
    return items;
}

// What it holds without having been told, as the hub has it.
Result<std::vector<QueueItem>> Consumer::recover() {
    protocol::RangeRequest all;
    all.range = KeyRange::prefix(claims_of(name_));
    const auto claims = client_->range(all);
    if (!claims) return claims.error();
    Items items;
    for (const KeyValue& kv : claims->kvs) {
        const auto mark = protocol::decode_claim(kv.value);
        const Bytes id = kv.key.substr(claims_of(name_).size());
        if (!mark || mark->lease != lease_->id() || mark->claimant != claimant_ || held_.count(id) > 0) continue;
        const auto item = client_->get(items_of(name_) + id);
        if (!item && item.error().code == Code::not_found) continue;
        if (!item) return item.error();
        held_[id] = {kv.mod_revision, mark->attempts};
        items.push_back({id, item->value, item->content_type, mark->attempts, kv.mod_revision});
    }
    perhaps_more_held_ = false;
    return items;
}

// One that cannot be buried now goes back when the lease ends, and is met again.
std::vector<QueueItem> Consumer::without_worn_out(Items items) {
    if (options_.attempts_max == 0) return items;
    std::erase_if(items, [this](const QueueItem& item) {
        if (item.attempts <= options_.attempts_max) return false;
        (void)bury(item);
        return true;
    });
    return items;
}

// ---- done with them ----

void Consumer::add_removal(const Bytes& id, TxnRequest& txn) const {
    txn.then_ops.push_back({protocol::DeleteRequest{KeyRange::one(items_of(name_) + id)}});
    txn.then_ops.push_back({protocol::DeleteRequest{KeyRange::one(claims_of(name_) + id)}});
}

Status Consumer::acknowledge(std::span<const QueueItem> items, std::vector<protocol::TxnOp> also) {
    TxnRequest txn;
    for (const QueueItem& item : items) {
        txn.compares.push_back(guard(item));
        add_removal(item.id, txn);
    }
    const bool alone = also.empty();
    for (protocol::TxnOp& op : also) txn.then_ops.push_back(std::move(op));
    const auto done = client_->txn(std::move(txn));
    if (!done) return done.error();
    if (!done->succeeded) return alone && items.size() > 1 ? acknowledge_singly(items) : not_held(1, items.size());
    for (const QueueItem& item : items) held_.erase(item.id);
    return {};
}

Status Consumer::acknowledge_singly(std::span<const QueueItem> items) {
    size_t lost = 0;
    for (const QueueItem& item : items) {
        TxnRequest txn;
        add_removal(item.id, txn);
        const Status done = change_one(std::move(txn), item);
        if (!done && done.error().code != Code::conflict) return done;
        if (!done) ++lost;
    }
    return lost == 0 ? Status() : not_held(lost, items.size());
}

Result<std::vector<QueueItem>> Consumer::acknowledge_and_take(std::span<const QueueItem> items, size_t most,
                                                              std::chrono::milliseconds timeout) {
    if (most == 0) return Error{Code::invalid_argument, "take: of no items"};
    TxnRequest txn;
    for (const QueueItem& item : items) {
        txn.compares.push_back(guard(item));
        add_removal(item.id, txn);
    }
    txn.then_ops.push_back({claim_next(most)});
    const auto done = client_->txn(std::move(txn));
    if (!done) {
        perhaps_more_held_ = done.error().code == Code::conflict || may_pass(done.error().code);
        return done.error();
    }
    if (!done->succeeded) {
        if (Status acknowledged = acknowledge(items); !acknowledged) return acknowledged.error();
        return take(most, timeout);
    }
    for (const QueueItem& item : items) held_.erase(item.id);
    const auto* claimed = std::get_if<protocol::TxnReply>(&done->replies.back().reply);
    if (claimed == nullptr) return Error{Code::corrupt, "the hub answered without what was claimed"};
    auto next = read_claim(done->revision, *claimed);
    if (Items usable = without_worn_out(*std::move(next)); !usable.empty()) return usable;
    return take(most, timeout);
}

Status Consumer::change_one(TxnRequest txn, const QueueItem& item) {
    txn.compares.push_back(guard(item));
    const auto done = client_->txn(std::move(txn));
    if (!done) return done.error();
    held_.erase(item.id);
    return done->succeeded ? Status() : not_held(1, 1);
}

protocol::TxnOp Consumer::return_of(const Bytes& id, const Held& held) const {
    const Bytes key = claims_of(name_) + id;
    return {protocol::PutRequest{key, protocol::encode_claim({{}, 0, claimant_, held.attempts}), {}}};
}

Status Consumer::give_back(const QueueItem& item) {
    TxnRequest txn;
    txn.then_ops.push_back(return_of(item.id, {item.since, item.attempts}));
    return change_one(std::move(txn), item);
}

Status Consumer::bury(const QueueItem& item) {
    TxnRequest txn;
    txn.then_ops.push_back({protocol::PutRequest{dead_of(name_) + item.id, item.value, {}, false, item.content_type}});
    add_removal(item.id, txn);
    return change_one(std::move(txn), item);
}

// Everything it may hold goes back, what it was not told of too: when its key goes, the others look.
void Consumer::leave() {
    if (!lease_->alive()) return;
    if (perhaps_more_held_) (void)recover();
    while (!held_.empty()) {
        TxnRequest txn;
        for (size_t some = 0; some < limits::claim_items_max && !held_.empty(); ++some) {
            const auto& [id, held] = *held_.begin();
            TxnRequest one;
            one.compares = {guard({id, {}, {}, held.attempts, held.since})};
            one.then_ops = {return_of(id, held)};
            txn.then_ops.push_back({std::move(one)});
            held_.erase(held_.begin());
        }
        if (!client_->txn(std::move(txn))) return;
    }
    if (seen_.value > 0) (void)client_->erase(KeyRange::one(own_key_));
}

// ---- waiting ----

// Returns when it should look again. What the hub tells is a hint; claiming decides.
Status Consumer::await_something(const Patience& patience) {
    const auto look_at = Clock::now() + look_again_after;
    while (Clock::now() < look_at) {
        if (const Status go = waiting_.may_go_on(patience); !go) return go;
        const auto told = waiting_.hear({"prefix", name_ + "/"}, seen_, patience);
        if (!told) return told.error();
        if (!*told) return {};
        seen_ = std::max(seen_, (*told)->to);
        const auto worth = [this](const ChangeSet& change) { return is_worth_a_look(change); };
        if (std::any_of((*told)->changes.begin(), (*told)->changes.end(), worth)) return {};
    }
    return {};
}

// Something came, was given back or let go by somebody who has gone; or room was made where as many are held as may be.
bool Consumer::is_worth_a_look(const ChangeSet& change) const {
    if (is_full_) return true;
    const Bytes items = items_of(name_), claims = claims_of(name_), users = users_of(name_);
    const auto erases = [&change](const Bytes& key) {
        return std::any_of(change.events.begin(), change.events.end(),
                           [&key](const Event& event) { return event.type == EventType::erase && event.kv.key == key; });
    };
    return std::any_of(change.events.begin(), change.events.end(), [&](const Event& event) {
        const Bytes& key = event.kv.key;
        if (event.type == EventType::erase) {
            const bool let_go = key.starts_with(claims) && !erases(items + key.substr(claims.size()));
            return let_go || key.starts_with(users) || key == closed_key_of(name_);
        }
        if (!key.starts_with(claims)) return key.starts_with(items) || key == closed_key_of(name_);
        const auto mark = protocol::decode_claim(event.kv.value);
        return !mark || mark->lease.value == 0;
    });
}

}  // namespace belfry

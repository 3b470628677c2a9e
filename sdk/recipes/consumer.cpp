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

constexpr size_t removal_ops = 3;                  // of one item: removal_of()
constexpr size_t claim_ops = 6;                    // of claim_next(), in a transaction
constexpr Clock::duration look_again_after = 30s;  // though nothing was told of: a hint may be wrong

Compare missing(const Bytes& key) { return {KeyRange::one(key), Compare::Target::version, Compare::Op::equal, 0, {}}; }

Error not_held(size_t lost, size_t of) {
    return {Code::conflict, std::to_string(lost) + " of " + std::to_string(of) +
                                " items are not held any more: their lease has ended, or they were acknowledged"};
}

void append(std::vector<protocol::TxnOp> ops, TxnRequest& txn) {
    for (protocol::TxnOp& op : ops) txn.then_ops.push_back(std::move(op));
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
    bool asked = false;            // once at least, however little time there is
    std::optional<Error> trouble;  // of the last time that it asked
    for (;;) {
        const Status go = waiting_.may_go_on(patience);
        const bool given_up = !lease_->alive() || (patience.cancelled && patience.cancelled());
        if (!go && trouble && !given_up) return *trouble;
        if (!go && (asked || given_up)) return go.error();
        const bool announces = must_announce_;
        asked = asked || !announces;
        auto items = announces ? announce() : claim(most);
        if (!items && !may_pass(items.error().code) && items.error().code != Code::conflict) return items.error();
        if (!items) {
            trouble = items.error();
            waiting_.pause(patience);
            continue;
        }
        trouble.reset();
        const bool some = !items->empty();
        if (Items usable = without_worn_out(*std::move(items)); !usable.empty()) return usable;
        // Behind those that are worn out others may stand.
        if (announces || some || must_announce_) continue;
        if (const Status come = await_something(patience); !come) return come.error();
    }
}

// The user's key is there as long as the lease: when it goes, others hear that what this one held is free. Its revision is
// in each claim: once it is put anew, a claim that was sent before and is late is not done.
TxnRequest Consumer::claim_next(size_t most) const {
    const uint64_t limit = std::min<uint64_t>(most, limits::claim_items_max);
    TxnRequest txn;
    txn.compares = {missing(closed_key_of(name_)),
                    {KeyRange::one(own_key_), Compare::Target::mod, Compare::Op::equal, announced_.value, {}}};
    txn.then_ops = {{protocol::ClaimRequest{items_of(name_), claims_of(name_), lease_->id(), claimant_, limit}}};
    txn.else_ops = {{one_of(closed_key_of(name_))}, {one_of(own_key_)}};
    return txn;
}

Result<std::vector<QueueItem>> Consumer::claim(size_t most) {
    const auto done = client_->txn(claim_next(most));
    if (done) return read_claim(done->revision, {done->succeeded, done->replies});
    // A ticket's `conflict` says that it was done and that the answer is forgotten.
    must_announce_ = done.error().code == Code::conflict || may_pass(done.error().code);
    return done.error();
}

Result<std::vector<QueueItem>> Consumer::read_claim(Revision at, const protocol::TxnReply& reply) {
    seen_ = at;
    Items items;
    for (const protocol::TxnOpReply& one : reply.replies) {
        if (const auto* range = std::get_if<protocol::RangeReply>(&one.reply)) {
            const KeyValue* found = range->kvs.empty() ? nullptr : &range->kvs[0];
            if (found != nullptr && found->key == closed_key_of(name_)) (void)open_if_complete(*client_, name_, *found);
        }
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
    if (!reply.succeeded) must_announce_ = !is_announced(reply);
    return items;
}

// Of a claim that was not done: is the queue closed, or is its own key not the one that it put?
bool Consumer::is_announced(const protocol::TxnReply& reply) const {
    return std::any_of(reply.replies.begin(), reply.replies.end(), [this](const protocol::TxnOpReply& one) {
        const auto* range = std::get_if<protocol::RangeReply>(&one.reply);
        return range != nullptr && !range->kvs.empty() && range->kvs[0].key == own_key_ &&
               range->kvs[0].mod_revision == announced_;
    });
}

// Puts its key; and what it holds without having been told, as the hub has it then.
Result<std::vector<QueueItem>> Consumer::announce() {
    TxnRequest txn;
    txn.then_ops = {{protocol::PutRequest{own_key_, this_process(), lease_->id()}}, {all_of(claims_of(name_))}};
    const auto done = client_->txn(std::move(txn));
    if (!done) return done.error();
    const auto* claims = done->replies.size() == 2 ? std::get_if<protocol::RangeReply>(&done->replies[1].reply) : nullptr;
    if (claims == nullptr) return Error{Code::corrupt, "the hub answered without the claims"};
    Items items;
    for (const KeyValue& kv : claims->kvs) {
        const auto mark = protocol::decode_claim(kv.value);
        const Bytes id = kv.key.substr(claims_of(name_).size());
        if (!mark || mark->lease != lease_->id() || mark->claimant != claimant_) continue;
        if (const auto known = held_.find(id); known != held_.end() && known->second.since == kv.mod_revision) continue;
        const auto item = client_->get(items_of(name_) + id);
        if (!item && item.error().code == Code::not_found) continue;
        if (!item) return item.error();
        items.push_back({id, item->value, item->content_type, mark->attempts, kv.mod_revision});
    }
    for (const QueueItem& item : items) held_[item.id] = {item.since, item.attempts};
    announced_ = done->revision;
    must_announce_ = false;
    return items;
}

// One that can never be buried goes back when the lease ends, and is met again.
std::vector<QueueItem> Consumer::without_worn_out(Items items) {
    Items usable;
    for (QueueItem& item : items) {
        const bool worn_out = options_.attempts_max != 0 && item.attempts > options_.attempts_max;
        (worn_out ? worn_out_ : usable).push_back(std::move(item));
    }
    std::erase_if(worn_out_, [this](const QueueItem& item) {
        const Status buried = bury(item);
        return buried || !may_pass(buried.error().code);
    });
    return usable;
}

// ---- done with them ----

TxnRequest Consumer::removal_of(std::span<const QueueItem> items) const {
    TxnRequest txn;
    for (const QueueItem& item : items) {
        txn.compares.push_back(guard(item));
        txn.then_ops.push_back({protocol::DeleteRequest{KeyRange::one(items_of(name_) + item.id)}});
        txn.then_ops.push_back({protocol::DeleteRequest{KeyRange::one(claims_of(name_) + item.id)}});
    }
    return txn;
}

void Consumer::forget(std::span<const QueueItem> items) {
    for (const QueueItem& item : items) {
        const auto known = held_.find(item.id);
        if (known != held_.end() && known->second.since == item.since) held_.erase(known);
    }
}

Status Consumer::acknowledge(std::span<const QueueItem> items, std::vector<protocol::TxnOp> also) {
    if (items.empty() && also.empty()) return {};
    const bool alone = also.empty();
    TxnRequest txn = removal_of(items);
    append(std::move(also), txn);
    const auto done = client_->txn(std::move(txn));
    if (!done) return done.error();
    if (!done->succeeded && alone && items.size() > 1) return acknowledge_singly(items);
    if (done->succeeded || items.size() == 1) forget(items);
    return done->succeeded ? Status() : not_held(1, items.size());
}

Status Consumer::acknowledge_singly(std::span<const QueueItem> items) {
    size_t lost = 0;
    for (const QueueItem& item : items) {
        const Status done = acknowledge(std::span(&item, 1));
        if (!done && done.error().code != Code::conflict) return done;
        if (!done) ++lost;
    }
    return lost == 0 ? Status() : not_held(lost, items.size());
}

Result<std::vector<QueueItem>> Consumer::acknowledge_and_take(std::span<const QueueItem> items, size_t most,
                                                              std::chrono::milliseconds timeout) {
    if (Status good = check_queue_name(name_); !good) return good.error();
    if (most == 0) return Error{Code::invalid_argument, "take: of no items"};
    // Who has not put its key claims nothing: nobody would be told when its lease ends.
    if (must_announce_ || items.size() * removal_ops + claim_ops > limits::txn_ops_max) {
        if (Status acknowledged = acknowledge(items); !acknowledged) return acknowledged.error();
        return take(most, timeout);
    }
    TxnRequest txn = removal_of(items);
    txn.then_ops.push_back({claim_next(most)});
    const auto done = client_->txn(std::move(txn));
    if (!done) {
        must_announce_ = must_announce_ || done.error().code == Code::conflict || may_pass(done.error().code);
        return done.error();
    }
    if (!done->succeeded) {
        if (Status acknowledged = acknowledge(items); !acknowledged) return acknowledged.error();
        return take(most, timeout);
    }
    forget(items);
    const auto* claimed = std::get_if<protocol::TxnReply>(&done->replies.back().reply);
    if (claimed == nullptr) return Error{Code::corrupt, "the hub answered without what was claimed"};
    auto next = read_claim(done->revision, *claimed);
    if (Items usable = without_worn_out(*std::move(next)); !usable.empty()) return usable;
    return take(most, timeout);
}

Status Consumer::change_one(TxnRequest txn, const QueueItem& item) {
    const auto done = client_->txn(std::move(txn));
    if (!done) return done.error();
    forget(std::span(&item, 1));
    return done->succeeded ? Status() : not_held(1, 1);
}

protocol::TxnOp Consumer::return_of(const Bytes& id, const Held& held) const {
    const Bytes key = claims_of(name_) + id;
    return {protocol::PutRequest{key, protocol::encode_claim({{}, 0, claimant_, held.attempts}), {}}};
}

Status Consumer::give_back(const QueueItem& item, std::vector<protocol::TxnOp> also) {
    TxnRequest txn;
    txn.compares = {guard(item)};
    txn.then_ops.push_back(return_of(item.id, {item.since, item.attempts}));
    append(std::move(also), txn);
    return change_one(std::move(txn), item);
}

Status Consumer::bury(const QueueItem& item) {
    TxnRequest txn = removal_of(std::span(&item, 1));
    txn.then_ops.push_back({protocol::PutRequest{dead_of(name_) + item.id, item.value, {}, false, item.content_type}});
    return change_one(std::move(txn), item);
}

// Everything it may hold goes back, what it was not told of too: when its key goes, the others look.
void Consumer::leave() {
    if (!lease_->alive()) return;
    if (seen_.value == 0 && announced_.value == 0) return;
    if (must_announce_ && announced_.value > 0) (void)announce();
    for (bool is_answered = true;;) {
        const bool is_last = held_.size() < limits::claim_items_max;
        TxnRequest txn = return_some();
        if (is_last) txn.then_ops.push_back({protocol::DeleteRequest{KeyRange::one(own_key_)}});
        is_answered = is_answered && client_->txn(txn).ok();
        if (!is_answered) lease_->owe(own_key_ + " " + std::to_string(held_.size()), std::move(txn));
        if (is_last) return;
    }
}

// As many of those that it holds as one transaction takes; each only if it is still held, so that it may be late.
TxnRequest Consumer::return_some() {
    TxnRequest txn;
    for (size_t some = 0; some < limits::claim_items_max && !held_.empty(); ++some) {
        const auto& [id, held] = *held_.begin();
        TxnRequest one;
        one.compares = {guard({id, {}, {}, held.attempts, held.since})};
        one.then_ops = {return_of(id, held)};
        txn.then_ops.push_back({std::move(one)});
        held_.erase(held_.begin());
    }
    return txn;
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

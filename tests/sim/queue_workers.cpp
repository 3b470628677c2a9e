#include "tests/sim/queue_workers.hpp"

#include <algorithm>
#include <utility>

namespace belfry::sim {

namespace {

using protocol::Compare;
using protocol::DeleteRequest;
using protocol::PutRequest;
using protocol::RangeRequest;
using protocol::TxnRequest;

constexpr uint64_t look_again_ms = 30'000;  // though nothing was told of
constexpr uint64_t items_at_once_max = 4;
constexpr uint64_t claimants_per_worker = 1000;

Compare missing(const Bytes& key) { return {KeyRange::one(key), Compare::Target::version, Compare::Op::equal, 0, {}}; }

RangeRequest get(const KeyRange& range) {
    RangeRequest request;
    request.range = range;
    return request;
}

}  // namespace

QueueWorker::QueueWorker(RecipeParts parts, QueueChecks& checks, RecipeClient client, QueuePlants plants)
    : world_(parts.world), ledger_(parts.ledger), checks_(checks), process_(parts, std::move(client)), plants_(plants) {
    process_.on_begin = [this] { begin(); };
}

void QueueWorker::start() { process_.begin(world_.random.below(1000)); }

void QueueWorker::calm_down() {
    calm_ = true;
    process_.go_on();
}

void QueueWorker::begin() {
    claimant_ = process_.number() * claimants_per_worker + process_.life();
    own_key_ = QueueKeys::users + std::to_string(process_.lease().value) + "-" + std::to_string(claimant_);
    held_.clear();
    must_announce_ = true;
    seen_ = {};
    act();
}

void QueueWorker::act() {
    if (!process_.alive()) return process_.begin_soon();
    if (find_worn_out() != held_.end()) return bury_soon();
    if (!held_.empty()) return work();
    if (must_announce_) return announce();
    if (!stopped_) claim();
}

void QueueWorker::txn(TxnRequest txn, std::optional<Compare> guard, bool claims, Take take) {
    const Bytes comment = process_.next_comment();
    Ledger::Write write{process_.name(), comment, {}, std::move(guard), ledger_.newest(), {}, claims};
    process_.ask(std::move(txn), comment,
                 [this, write = std::move(write), take = std::move(take), claims](const auto& reply) {
                     if (reply) ledger_.answered(write, *reply);
                     if (reply && claims) checks_.answered_claim(write.comment, *reply);
                     const auto* const done = reply ? std::get_if<protocol::TxnReply>(&reply->result) : nullptr;
                     if (reply && reply->error.code == Code::ok && done != nullptr) return take(*done, reply->revision);
                     const Code code = code_of(reply);
                     if (claims && (may_pass(code) || code == Code::conflict)) must_announce_ = true;
                     process_.after(process_.pause_ms(), [this] { act(); });
                 });
}

// ---- taking ----

// Once its own key is put anew, a claim that was sent before and is late is not done.
TxnRequest QueueWorker::claim_next() const {
    const uint64_t limit = 1 + claimant_ % items_at_once_max;
    TxnRequest txn;
    txn.compares = {missing(QueueKeys::closed)};
    if (!plants_.claim_late) {
        const uint64_t announced = announced_.value;
        txn.compares.push_back({KeyRange::one(own_key_), Compare::Target::mod, Compare::Op::equal, announced, {}});
    }
    txn.then_ops = {{protocol::ClaimRequest{QueueKeys::items, QueueKeys::claims, process_.lease(), claimant_, limit}}};
    txn.else_ops = {{get(KeyRange::one(QueueKeys::closed))}, {get(KeyRange::one(own_key_))}};
    return txn;
}

void QueueWorker::claim() {
    txn(claim_next(), std::nullopt, true, [this](const protocol::TxnReply& reply, Revision at) { read_claim(reply, at); });
}

void QueueWorker::read_claim(const protocol::TxnReply& reply, Revision at) {
    seen_ = at;
    for (const protocol::TxnOpReply& one : reply.replies) {
        const auto* const claimed = std::get_if<protocol::ClaimReply>(&one.reply);
        if (claimed == nullptr) continue;
        for (const protocol::ClaimedItem& got : claimed->items)
            held_[got.item.key.substr(Bytes(QueueKeys::items).size())] = {got.item.value, got.attempts, at};
    }
    if (!reply.succeeded) must_announce_ = !is_announced(reply);
    if (!held_.empty()) return act();
    if (must_announce_) return announce();
    if (const KeyValue* const closed = closed_in(reply)) {
        open_if_complete(
            [this](auto op, Hear hear) { process_.ask(std::move(op), process_.next_comment(), std::move(hear)); }, *closed);
    }
    checks_.idle(process_.name(), process_.lease(), claimant_);
    wait(world_.now() + look_again_ms);
}

// Of a claim that was not done: is the queue closed, or is its own key not the one that it put?
bool QueueWorker::is_announced(const protocol::TxnReply& reply) const {
    return std::any_of(reply.replies.begin(), reply.replies.end(), [this](const protocol::TxnOpReply& one) {
        const auto* const range = std::get_if<protocol::RangeReply>(&one.reply);
        return range != nullptr && !range->kvs.empty() && range->kvs[0].key == own_key_ &&
               range->kvs[0].mod_revision == announced_;
    });
}

// Puts its key; and what it holds without having been told: the claims and the items at that revision.
void QueueWorker::announce() {
    TxnRequest all;
    all.then_ops = {{PutRequest{own_key_, process_.name(), process_.lease()}},
                    {get(KeyRange::prefix(QueueKeys::claims))},
                    {get(KeyRange::prefix(QueueKeys::items))}};
    txn(std::move(all), std::nullopt, false, [this](const protocol::TxnReply& reply, Revision at) {
        std::map<Bytes, Bytes> values;
        for (const KeyValue& kv : std::get<protocol::RangeReply>(reply.replies.at(2).reply).kvs)
            values[kv.key.substr(Bytes(QueueKeys::items).size())] = kv.value;
        for (const KeyValue& kv : std::get<protocol::RangeReply>(reply.replies.at(1).reply).kvs) {
            const auto mark = protocol::decode_claim(kv.value);
            const Bytes rest = kv.key.substr(Bytes(QueueKeys::claims).size());
            if (!mark || mark->lease != process_.lease() || mark->claimant != claimant_ || !values.contains(rest)) continue;
            held_.try_emplace(rest, Held{values[rest], mark->attempts, kv.mod_revision});
        }
        announced_ = at;
        must_announce_ = false;
        act();
    });
}

// ---- waiting ----

void QueueWorker::wait(uint64_t until_ms) {
    if (!process_.alive() || world_.now() >= until_ms) return act();
    const Revision since = plants_.wait_from_now ? checks_.newest() : seen_;
    process_.await({"prefix", QueueKeys::all}, since, [this, until_ms](const protocol::ChangesReply* told) {
        if (told == nullptr) return act();
        seen_ = std::max(seen_, told->to);
        const auto worth = [this](const ChangeSet& change) { return is_worth_a_look(change); };
        if (std::any_of(told->changes.begin(), told->changes.end(), worth)) return act();
        wait(until_ms);
    });
}

bool QueueWorker::is_worth_a_look(const ChangeSet& change) const {
    const auto erases = [&change](const Bytes& key) {
        return std::any_of(change.events.begin(), change.events.end(),
                           [&key](const Event& event) { return event.type == EventType::erase && event.kv.key == key; });
    };
    return std::any_of(change.events.begin(), change.events.end(), [&](const Event& event) {
        const Bytes& key = event.kv.key;
        const bool of_claim = key.starts_with(QueueKeys::claims);
        if (event.type == EventType::erase) {
            const bool let_go = of_claim && !erases(QueueKeys::items + key.substr(Bytes(QueueKeys::claims).size()));
            return let_go || key.starts_with(QueueKeys::users) || key == QueueKeys::closed;
        }
        if (!of_claim) return key.starts_with(QueueKeys::items) || key == QueueKeys::closed;
        const auto mark = protocol::decode_claim(event.kv.value);
        return !mark || mark->lease == LeaseId{};
    });
}

// ---- tried too often ----

QueueWorker::Items::const_iterator QueueWorker::find_worn_out() const {
    const uint64_t most = plants_.bury_early ? QueueKeys::attempts_max - 1 : QueueKeys::attempts_max;
    return std::find_if(held_.begin(), held_.end(), [most](const auto& one) { return one.second.attempts > most; });
}

// Now and then it is stopped just before.
void QueueWorker::bury_soon() {
    if (!calm_ && world_.random.chance(15))
        process_.stop_until(world_.now() + process_.lease_ms() + world_.random.below(2000));
    process_.after(world_.random.below(50), [this] { bury(); });
}

void QueueWorker::bury() {
    const auto found = find_worn_out();
    if (found == held_.end()) return act();
    const auto& [rest, held] = *found;
    TxnRequest txn;
    if (!plants_.bury_unguarded) txn.compares = {guard(rest, held)};
    txn.then_ops = {{DeleteRequest{KeyRange::one(QueueKeys::items + rest)}},
                    {DeleteRequest{KeyRange::one(QueueKeys::claims + rest)}},
                    {PutRequest{QueueKeys::dead + rest, held.value, {}}}};
    const auto only = txn.compares.empty() ? std::nullopt : std::optional(txn.compares[0]);
    this->txn(std::move(txn), only, false, [this, rest = rest](const protocol::TxnReply&, Revision) {
        held_.erase(rest);
        act();
    });
}

// ---- done with them ----

void QueueWorker::work() {
    process_.after(world_.random.below(calm_ ? 50 : 400), [this] { finish(); });
}

// One that was stopped goes on as if nothing had been.
void QueueWorker::finish() {
    World& world = world_;
    const uint64_t dice = world.random.below(100);
    if (calm_) return acknowledge(SIZE_MAX, !stopped_ && dice < 30);
    if (dice < 4) return process_.begin(world.random.below(3000));
    if (dice < 8) return process_.revoke();
    if (dice < 15) process_.stop_until(world.now() + process_.lease_ms() + world.random.below(2000));
    if (dice < 25) return give_back(dice < 20);
    process_.after(0, [this, dice] { acknowledge(dice < 45 ? 1 : SIZE_MAX, dice >= 75); });
}

Compare QueueWorker::guard(const Bytes& rest, const Held& held) const {
    return {KeyRange::one(QueueKeys::claims + rest), Compare::Target::mod, Compare::Op::equal, held.since.value, {}};
}

// Of some, one that is not held any more is enough for all to be refused; then one by one.
void QueueWorker::acknowledge(size_t most, bool claims) {
    claims = claims && !must_announce_;
    TxnRequest txn;
    std::vector<Bytes> rests;
    for (const auto& [rest, held] : held_) {
        if (rests.size() == most) break;
        if (!plants_.acknowledge_unguarded) txn.compares.push_back(guard(rest, held));
        txn.then_ops.push_back({DeleteRequest{KeyRange::one(QueueKeys::items + rest)}});
        txn.then_ops.push_back({DeleteRequest{KeyRange::one(QueueKeys::claims + rest)}});
        txn.then_ops.push_back({PutRequest{QueueKeys::results + held.value, process_.name(), {}}});
        rests.push_back(rest);
    }
    if (claims) txn.then_ops.push_back({claim_next()});
    std::optional<Compare> only;
    if (rests.size() == 1 && !txn.compares.empty()) only = txn.compares[0];
    this->txn(std::move(txn), std::move(only), claims, [this, rests](const protocol::TxnReply& reply, Revision at) {
        if (!reply.succeeded && rests.size() > 1) return acknowledge(1, false);
        for (const Bytes& rest : rests) held_.erase(rest);
        const auto* const next = reply.succeeded ? std::get_if<protocol::TxnReply>(&reply.replies.back().reply) : nullptr;
        if (next != nullptr) return read_claim(*next, at);
        act();
    });
}

// The first of them; and perhaps takes others, in the same transaction.
void QueueWorker::give_back(bool claims) {
    const auto [rest, held] = *held_.begin();
    TxnRequest txn;
    txn.compares = {guard(rest, held)};
    txn.then_ops = {{PutRequest{QueueKeys::claims + rest, protocol::encode_claim({{}, 0, claimant_, held.attempts}), {}}}};
    if (claims) txn.then_ops.push_back({claim_next()});
    const Compare only = txn.compares[0];
    this->txn(std::move(txn), only, claims, [this, rest = rest](const protocol::TxnReply& reply, Revision at) {
        held_.erase(rest);
        const auto* const next = reply.succeeded ? std::get_if<protocol::TxnReply>(&reply.replies.back().reply) : nullptr;
        if (next != nullptr) return read_claim(*next, at);
        act();
    });
}

}  // namespace belfry::sim

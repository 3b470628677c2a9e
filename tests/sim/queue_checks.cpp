#include "tests/sim/queue_checks.hpp"

#include <algorithm>
#include <charconv>
#include <string>

namespace belfry::sim {

namespace {

constexpr uint64_t queue_quick_ms = 2000;  // some round trips, and a worker that is still at its last item

Error wrong_item(const Bytes& rest, const std::string& what) {
    return {Code::corrupt, "queue: item " + rest + ": " + what};
}

// What follows the prefix, if the key is below it.
std::optional<Bytes> below(const Bytes& prefix, const Bytes& key) {
    return key.starts_with(prefix) ? std::optional(key.substr(prefix.size())) : std::nullopt;
}

bool has(const ChangeSet& change, EventType type, const Bytes& key) {
    return std::any_of(change.events.begin(), change.events.end(),
                       [&](const Event& event) { return event.type == type && event.kv.key == key; });
}

const protocol::ClaimReply* find_claim(const protocol::TxnReply& reply) {
    for (const protocol::TxnOpReply& one : reply.replies) {
        if (const auto* claim = std::get_if<protocol::ClaimReply>(&one.reply)) return claim;
        const auto* const nested = std::get_if<protocol::TxnReply>(&one.reply);
        const auto* const found = nested != nullptr ? find_claim(*nested) : nullptr;
        if (found != nullptr) return found;
    }
    return nullptr;
}

bool same(const protocol::ClaimReply& a, const protocol::ClaimReply& b) {
    const auto same_item = [](const protocol::ClaimedItem& x, const protocol::ClaimedItem& y) {
        return x.item == y.item && x.attempts == y.attempts;
    };
    return a.more == b.more && a.held == b.held &&
           std::equal(a.items.begin(), a.items.end(), b.items.begin(), b.items.end(), same_item);
}

}  // namespace

bool QueueChecks::is_held(const Claim& claim) const {
    const LeaseLives::Life* const life = truth_.leases().living(claim.mark.lease);
    return life != nullptr && life->grant == claim.mark.grant;
}

// Erased items first: their claims go in the same change, and what is claimed in it was looked for after that.
Status QueueChecks::on_change(const ChangeSet& change) {
    Status good;
    for (const Event& event : change.events) {
        const auto item = below(QueueKeys::items, event.kv.key);
        if (good && item && event.type == EventType::erase) good = on_erased_item(change, *item);
        const auto dead = below(QueueKeys::dead, event.kv.key);
        const auto orphan = dead ? orphans_.find(*dead) : orphans_.end();
        if (good && orphan != orphans_.end()) good = on_buried_item(change, *dead, orphan->second);
    }
    for (const Event& event : change.events) {
        const Bytes& key = event.kv.key;
        if (!good || !key.starts_with(QueueKeys::all)) continue;
        const auto claim = below(QueueKeys::claims, key);
        const auto result = below(QueueKeys::results, key);
        const auto dead = below(QueueKeys::dead, key);
        const bool is_put = event.type == EventType::put;
        if (key == QueueKeys::closed) {
            good = on_closed(event);
        } else if (is_put && below(QueueKeys::items, key)) {
            good = on_item(event.kv);
        } else if (is_put && claim) {
            good = on_claim(change, event.kv);
        } else if (claim && items_.contains(*claim)) {
            good = wrong_item(*claim, "its claim is erased, and it is there");
        } else if (claim) {
            orphans_.erase(*claim);
        } else if (result && (!is_put || event.kv.version != 1)) {
            good = wrong_item(*result, "its result is written twice");
        } else if (dead) {
            good = on_dead_letter(change, event, *dead);
        }
    }
    return good ? check_order(change) : good;
}

Status QueueChecks::on_item(const KeyValue& kv) {
    const Bytes rest = *below(QueueKeys::items, kv.key);
    if (kv.version != 1) return wrong_item(rest, "is pushed over another one");
    Bytes& last = last_push_[rest.substr(0, rest.find('/'))];
    if (rest <= last) return wrong_item(rest, "is pushed in front of " + last);
    last = rest;
    items_[rest] = {kv.value, {}, quick_ ? std::optional(world_.now()) : std::nullopt};
    if (closed_) closed_->most = std::max(closed_->most, items_.size());
    ++pushed_;
    return {};
}

Status QueueChecks::on_claim(const ChangeSet& change, const KeyValue& kv) {
    const Bytes rest = *below(QueueKeys::claims, kv.key);
    const auto mark = protocol::decode_claim(kv.value);
    const bool is_orphan = mark && mark->lease == LeaseId{} && orphans_.contains(rest);
    auto& items = is_orphan ? orphans_ : items_;
    const auto item = items.find(rest);
    if (!mark || item == items.end()) return wrong_item(rest, "is handed out, and is not there");
    auto& claim = item->second.claim;
    if (mark->lease == LeaseId{}) {
        if (!claim || claim->author != change.author || claim->mark.claimant != mark->claimant)
            return wrong_item(rest, "is given back by " + change.author + ", who does not hold it");
        if (claim->mark.attempts != mark->attempts) return wrong_item(rest, "is given back with other attempts");
        claim->mark.lease = {};
        return {};
    }
    const uint64_t attempts = claim ? claim->mark.attempts : 0;
    if (closed_) return wrong_item(rest, "is handed out of a closed queue");
    if (claim && is_held(*claim))
        return wrong_item(rest, "is handed out to " + change.author + ", and " + claim->author + " holds it");
    if (mark->attempts != attempts + 1)
        return wrong_item(rest, "attempt " + std::to_string(mark->attempts) + " follows " + std::to_string(attempts));
    claim = Claim{*mark, change.author};
    if (!is_held(*claim)) return wrong_item(rest, "is handed out to a lease that does not live");
    const auto since_ms = item->second.quick_since_ms;
    if (since_ms && world_.now() > *since_ms + queue_quick_ms)
        return wrong_item(rest, "was there at " + std::to_string(*since_ms) + " ms, and nobody came for it");
    item->second.quick_since_ms.reset();
    ++handed_out_;
    return {};
}

Status QueueChecks::on_erased_item(const ChangeSet& change, const Bytes& rest) {
    const auto item = items_.find(rest);
    if (item == items_.end()) return wrong_item(rest, "is acknowledged twice");
    const auto& claim = item->second.claim;
    if (change.author == eraser_) {
        if (claim) orphans_.insert(*item);
        items_.erase(item);
        return {};
    }
    if (!claim || claim->mark.lease == LeaseId{} || claim->author != change.author)
        return wrong_item(rest, "is acknowledged by " + change.author + ", who does not hold it");
    if (!has(change, EventType::erase, QueueKeys::claims + rest))
        return wrong_item(rest, "is acknowledged, and its claim stays");
    if (has(change, EventType::put, QueueKeys::dead + rest)) {
        const Status good = on_buried_item(change, rest, item->second);
        items_.erase(item);
        return good;
    }
    if (!has(change, EventType::put, QueueKeys::results + item->second.value))
        return wrong_item(rest, "is acknowledged without its result");
    items_.erase(item);
    ++acknowledged_;
    return {};
}

// Or one that was erased by hand while somebody held it.
Status QueueChecks::on_buried_item(const ChangeSet& change, const Bytes& rest, const Item& item) {
    if (item.claim->author != change.author) return wrong_item(rest, "is buried by " + change.author);
    if (item.claim->mark.attempts <= QueueKeys::attempts_max)
        return wrong_item(rest, "is buried after " + std::to_string(item.claim->mark.attempts) + " attempts");
    if (has(change, EventType::put, QueueKeys::results + item.value))
        return wrong_item(rest, "is buried, and has a result");
    dead_[rest] = item.value;
    ++buried_;
    return {};
}

// Its item went before in the same change; when the letter goes, what it holds has come as another item.
Status QueueChecks::on_dead_letter(const ChangeSet& change, const Event& event, const Bytes& rest) {
    const auto letter = dead_.find(rest);
    if (letter == dead_.end()) return wrong_item(rest, "has a dead letter, and was not buried");
    if (event.type == EventType::put) {
        const bool right = event.kv.version == 1 && event.kv.value == letter->second;
        return right ? Status() : wrong_item(rest, "its dead letter is not what was pushed");
    }
    const auto revives = [&](const Event& one) {
        return one.type == EventType::put && below(QueueKeys::items, one.kv.key) && one.kv.value == letter->second;
    };
    if (std::none_of(change.events.begin(), change.events.end(), revives))
        return wrong_item(rest, "its dead letter is gone, and it was not pushed anew");
    dead_.erase(letter);
    return {};
}

Status QueueChecks::on_closed(const Event& event) {
    if (event.type == EventType::put) {
        Closed closed{0, items_.size()};
        std::from_chars(event.kv.value.data(), event.kv.value.data() + event.kv.value.size(), closed.until_items);
        closed_ = closed;
        return {};
    }
    const bool complete = by_hand_ || (closed_ && closed_->most >= closed_->until_items);
    closed_.reset();
    return complete ? Status() : Status(Error{Code::corrupt, "queue: it opens before it is complete"});
}

// Of what was free before this change, and is behind nothing that it hands out.
Status QueueChecks::check_order(const ChangeSet& change) const {
    const std::string* last = nullptr;
    for (const auto& [rest, item] : items_) {
        const bool now = has(change, EventType::put, QueueKeys::claims + rest);
        if (now && item.claim->mark.lease != LeaseId{}) last = &rest;
    }
    if (last == nullptr) return {};
    for (const auto& [rest, item] : items_) {
        if (rest >= *last) break;
        const bool free = !item.claim || !is_held(*item.claim);
        if (free && !has(change, EventType::put, QueueKeys::claims + rest))
            return wrong_item(rest, "is passed over for " + *last);
    }
    return {};
}

void QueueChecks::answered_claim(const Bytes& comment, const protocol::Reply& reply) {
    const auto* const txn = std::get_if<protocol::TxnReply>(&reply.result);
    if (reply.error.code != Code::ok || txn == nullptr) return;
    const auto* const told = find_claim(*txn);
    const auto* const made = truth_.claimed_by(comment);
    const bool agreed = told == nullptr ? made == nullptr : made != nullptr && same(*told, *made);
    if (!agreed) world_.fail("claim " + comment + " was answered otherwise than the log says");
}

void QueueChecks::answered_push(const protocol::Reply& reply) {
    const auto* const txn = std::get_if<protocol::TxnReply>(&reply.result);
    if (reply.error.code != Code::ok || txn == nullptr || reply.revision > truth_.revision()) return;
    for (const protocol::TxnOpReply& one : txn->replies) {
        const auto* const put = std::get_if<protocol::PutReply>(&one.reply);
        if (put == nullptr || has(truth_.history().at(reply.revision), EventType::put, put->key)) continue;
        world_.fail("a push was answered with the key " + put->key + ", which it has not put");
    }
}

void QueueChecks::idle(const Bytes& worker, LeaseId lease, uint64_t claimant) {
    for (const auto& [rest, item] : items_) {
        if (!item.claim || item.claim->mark.lease != lease || item.claim->mark.claimant != claimant) continue;
        world_.fail("queue: " + worker + " holds item " + rest + " and does not know it");
    }
}

void QueueChecks::check_end() const {
    if (!orphans_.empty())
        world_.fail("queue: item " + orphans_.begin()->first + " was erased by hand, and its claim is left");
    if (items_.empty()) return;
    const auto& [rest, item] = *items_.begin();
    world_.fail("queue: " + std::to_string(items_.size()) + " items are left, the first is " + rest +
                (item.claim ? ", handed out last to " + item.claim->author : ", never handed out"));
}

}  // namespace belfry::sim

#include "tests/sim/queue_pusher.hpp"

#include <algorithm>
#include <charconv>
#include <memory>
#include <utility>

namespace belfry::sim {

namespace {

using protocol::Compare;
using protocol::DeleteRequest;
using protocol::PutRequest;
using protocol::RangeRequest;
using protocol::TxnRequest;

constexpr uint64_t erased_from_last = 4;  // items: older ones are done with by now
constexpr LeaseId no_lease{77'777};       // far above those that there are

}  // namespace

const KeyValue* closed_in(const protocol::TxnReply& reply) {
    for (const protocol::TxnOpReply& one : reply.replies) {
        const auto* const range = std::get_if<protocol::RangeReply>(&one.reply);
        if (range != nullptr && !range->kvs.empty() && range->kvs[0].key == QueueKeys::closed) return &range->kvs[0];
    }
    return nullptr;
}

void open_if_complete(const Ask& ask, const KeyValue& closed) {
    uint64_t wanted = 0;
    std::from_chars(closed.value.data(), closed.value.data() + closed.value.size(), wanted);
    RangeRequest count;
    count.range = KeyRange::prefix(QueueKeys::items);
    count.count_only = true;
    ask(count, [ask, closed, wanted](const Result<protocol::Reply>& reply) {
        const auto* const items = reply ? std::get_if<protocol::RangeReply>(&reply->result) : nullptr;
        if (items == nullptr || items->count < wanted) return;
        TxnRequest txn;
        const uint64_t as_it_was = closed.mod_revision.value;
        txn.compares = {{KeyRange::one(closed.key), Compare::Target::mod, Compare::Op::equal, as_it_was, {}}};
        txn.then_ops = {{DeleteRequest{KeyRange::one(closed.key)}}};
        ask(std::move(txn), [](const auto&) {});
    });
}

void QueuePusher::start() {
    world_.after(world_.random.below(500), [this] {
        if (stopped_) return;
        start();
        act();
    });
}

void QueuePusher::act() {
    const uint64_t dice = world_.random.below(100);
    if (dice < 4) return close();
    if (dice < 12 && !keys_.empty()) return erase_one();
    if (dice < 20) return revive_one();
    // Others work slowly: what is there is not to grow for ever.
    if (checks_.waiting() < 20) push(1 + dice % 3, false);
}

// Now and then with a put that is refused: then nothing is pushed, and no number used.
void QueuePusher::push(uint64_t items, bool insist) {
    TxnRequest txn;
    for (uint64_t i = 0; i < items; ++i) {
        const Bytes value = name_ + "-" + std::to_string(++values_);
        const Bytes priority = insist || value.back() > '2' ? "5/" : "3/";
        txn.then_ops.push_back({PutRequest{QueueKeys::items + priority, value, {}, false, {}, true}});
    }
    if (!insist && world_.random.chance(8)) {
        txn.then_ops.push_back({PutRequest{"q/receipt", name_, no_lease}});
    }
    RangeRequest closed_key;
    closed_key.range = KeyRange::one(QueueKeys::closed);
    txn.then_ops.push_back({closed_key});
    write(std::move(txn), false, [this, insist](const Result<protocol::Reply>& reply) {
        const auto* const done = reply ? std::get_if<protocol::TxnReply>(&reply->result) : nullptr;
        const KeyValue* const closed = done != nullptr ? closed_in(*done) : nullptr;
        if (done != nullptr) checks_.answered_push(*reply);
        for (size_t i = 0; done != nullptr && i < done->replies.size(); ++i) {
            const auto* const put = std::get_if<protocol::PutReply>(&done->replies[i].reply);
            if (put != nullptr) keys_.push_back(put->key);
        }
        if (closed != nullptr)
            open_if_complete([this](auto op, Hear hear) { send_({std::move(op), next_comment()}, hear); }, *closed);
        if (insist && done == nullptr && reply && reply->error.code != Code::uncertain) push(1, true);
    });
}

void QueuePusher::insist() { push(1, true); }

// Its claim, if it has one, stays: the hub is to see that it is nobody's.
void QueuePusher::erase_one() {
    const size_t back = world_.random.below(std::min<uint64_t>(keys_.size(), erased_from_last));
    write(DeleteRequest{KeyRange::one(keys_[keys_.size() - 1 - back])}, true, [](const auto&) {});
}

void QueuePusher::revive_one() {
    RangeRequest letters;
    letters.range = KeyRange::prefix(QueueKeys::dead);
    letters.limit = 1;
    send_({letters, next_comment()}, [this](const Result<protocol::Reply>& reply) {
        const auto* const found = reply ? std::get_if<protocol::RangeReply>(&reply->result) : nullptr;
        if (found == nullptr || found->kvs.empty() || stopped_) return;
        const KeyValue& letter = found->kvs[0];
        TxnRequest txn;
        const uint64_t as_it_was = letter.mod_revision.value;
        txn.compares = {{KeyRange::one(letter.key), Compare::Target::mod, Compare::Op::equal, as_it_was, {}}};
        const Bytes priority = letter.key.substr(Bytes(QueueKeys::dead).size(), 2);
        txn.then_ops = {{PutRequest{QueueKeys::items + priority, letter.value, {}, false, {}, true}},
                        {DeleteRequest{KeyRange::one(letter.key)}}};
        write(std::move(txn), true, [this](const Result<protocol::Reply>& done) {
            if (done) checks_.answered_push(*done);
        });
    });
}

void QueuePusher::stop() {
    stopped_ = true;
    checks_.open_by_hand();
    open();
}

void QueuePusher::close() {
    const Bytes until = std::to_string(checks_.waiting() + 1 + world_.random.below(4));
    write(PutRequest{QueueKeys::closed, until, {}}, false, [this](const auto&) {
        if (stopped_) open();  // it may have come after the opening
    });
}

void QueuePusher::open() {
    write(DeleteRequest{KeyRange::one(QueueKeys::closed)}, true, [this](const Result<protocol::Reply>& reply) {
        if (reply && reply->error.code == Code::ok) return;
        world_.after(200, [this] { open(); });
    });
}

void QueuePusher::write(protocol::RequestOp op, bool may_change_nothing, Answered answered) {
    const Bytes comment = next_comment();
    Ledger::Write write{name_, comment, {}, std::nullopt, ledger_.newest(), {}, may_change_nothing};
    send_({std::move(op), comment}, [this, write = std::move(write), answered = std::move(answered),
                                     heard = std::make_shared<bool>(false)](const Result<protocol::Reply>& reply) {
        if (std::exchange(*heard, true)) return;
        if (reply) ledger_.answered(write, *reply);
        answered(reply);
    });
}

}  // namespace belfry::sim

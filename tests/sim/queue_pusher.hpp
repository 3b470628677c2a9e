// Whoever pushes to a queue, step by step as sdk/recipes/queue.hpp does it, closes it now and then, and opens it; and
// erases an item by hand, whether somebody holds it or not, or pushes what is in a dead letter anew.
#pragma once

#include "tests/sim/call.hpp"
#include "tests/sim/ledger.hpp"
#include "tests/sim/queue_checks.hpp"

namespace belfry::sim {

using Hear = std::function<void(const Result<protocol::Reply>& reply)>;
using Ask = std::function<void(protocol::RequestOp op, Hear hear)>;

// The closing that a claim or a push was told of; NULL = the queue is open.
const KeyValue* closed_in(const protocol::TxnReply& reply);
// Whoever sees that it is complete opens it, if it is still closed as it was.
void open_if_complete(const Ask& ask, const KeyValue& closed);

class QueuePusher {
public:
    QueuePusher(World& world, Ledger& ledger, QueueChecks& checks, Send send, Bytes name)
        : world_(world), ledger_(ledger), checks_(checks), send_(std::move(send)), name_(std::move(name)) {
        checks_.let_erase(name_);
    }
    void start();
    // Pushes nothing more by itself, and sees to it that the queue is open.
    void stop();
    // One item, however often it takes.
    void insist();

private:
    void act();
    void push(uint64_t items, bool insist);
    void erase_one();
    void revive_one();
    void close();
    void open();
    using Answered = std::function<void(const Result<protocol::Reply>&)>;
    void write(protocol::RequestOp op, bool may_change_nothing, Answered answered);
    Bytes next_comment() { return name_ + "#" + std::to_string(++calls_); }

    World& world_;
    Ledger& ledger_;
    QueueChecks& checks_;
    Send send_;
    Bytes name_;
    std::vector<Bytes> keys_;  // of its items, as it was told
    uint64_t calls_ = 0, values_ = 0;
    bool stopped_ = false;
};

}  // namespace belfry::sim

// Those who hold leases: are granted one or two, put keys with them, say now and then that they are alive, and fall silent
// for good or revoke them; then they begin anew. The promises and the ledger judge what they hear.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tests/sim/call.hpp"
#include "tests/sim/lease_promises.hpp"

namespace belfry::sim {

class LeaseHolder {
public:
    // `own_number`: of its leases; 0 = the hub chooses.
    LeaseHolder(World& world, Ledger& ledger, LeasePromises& promises, Send send, Bytes name, LeaseId own_number);
    void start();
    // Begins nothing more, and falls silent; or `keeps_on` with what it holds.
    void stop(bool keeps_on);
    // About all it ever held: when all is quiet.
    void ask_finally(const Send& send);
    size_t unanswered() const { return unanswered_; }

private:
    struct Held {
        uint64_t life = 0;
        LeaseId id;
        uint64_t ttl_s = 0;
        uint64_t silent_at_ms = UINT64_MAX;
    };
    void act();
    void keep_alive();
    void grant();
    void granted(uint64_t life, const protocol::LeaseGrantRequest& request, LeaseId id);
    void put(const Held& held);
    void let_go_of_key();
    void ask(const Held& held);
    void revoke(const Held& held);
    void drop(uint64_t life);
    Held& some_held() { return held_[world_.random.below(held_.size())]; }
    Bytes some_key();
    Bytes next_comment() { return name_ + "#" + std::to_string(++calls_); }

    World& world_;
    Ledger& ledger_;
    LeasePromises& promises_;
    Send send_;
    Bytes name_;
    LeaseId own_number_;
    uint64_t act_ms_max_, sign_ms_max_;  // how long it does nothing, and gives no sign of life
    std::vector<Held> held_;
    std::vector<Held> lives_;  // all it ever had
    uint64_t calls_ = 0;
    size_t unanswered_ = 0;
    bool granting_ = false;
    bool stopped_ = false, keeps_on_ = false;
};

}  // namespace belfry::sim

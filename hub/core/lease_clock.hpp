// When each lease would end if nobody kept it alive, by this member's monotonic clock. Every member has one, so that the
// next leader knows what the last one knew (lease_keeper.hpp); only the leader acts on it. No clock of the wall's is asked
// and none is compared with another member's: what members tell each other is how much time is left.
//
// Lives in memory alone. A process that starts gives every lease its whole time.
#pragma once

#include <queue>
#include <unordered_map>
#include <vector>

#include "hub/core/member_message.hpp"
#include "hub/log/entry.hpp"
#include "hub/model/leases.hpp"

namespace belfry::hub::core {

class LeaseClock {
public:
    // `leases` outlives the clock: those of the state applied here.
    explicit LeaseClock(const model::Leases& leases) : leases_(leases) {}

    // The state is there, or another one: leases that are new to the clock get their whole time.
    void load(uint64_t now_ms);
    // Was granted by an entry that was applied here; its time begins, unless the clock knows it.
    void granted(LeaseId id, uint64_t now_ms);
    // Its time begins anew. False: it has ended, or its end is proposed. `lease`: what there is of that number.
    bool renew(LeaseId id, const model::Lease& lease, uint64_t now_ms);
    // Another member knows that so much is left. Another number: of another lease, nothing happens.
    void learn(const LeaseTime& time, uint64_t now_ms);

    // 0 = it is ending or there is none.
    uint64_t remaining_ms(LeaseId id, uint64_t now_ms) const;
    // By number, those after this one.
    std::vector<LeaseTime> page(LeaseId after, size_t most, uint64_t now_ms) const;
    // For how long this memory has missed nothing that it was told.
    uint64_t age_ms(uint64_t now_ms) const { return now_ms - since_ms_; }

    // ---- the leader's ----
    // From now on take_due() finds what ends. Leases that live longer than `certain_ms`, or have a number above
    // `known_number`, may have been kept alive without anybody remembering: they get their whole time.
    void begin(uint64_t certain_ms, uint64_t known_number, uint64_t now_ms);
    // The office is lost.
    void end();
    // Leases that end now, those longest over first; their end is to be proposed, and until proposal_ended() none of them
    // can be kept alive: what is in the log may still be applied. REQUIRES: no earlier proposal is under way.
    log::LeaseExpiry take_due(size_t most, uint64_t now_ms);
    void proposal_ended(uint64_t now_ms);
    // It was revoked, and some of its keys are left.
    void end_soon(LeaseId id, uint64_t now_ms);
    uint64_t wake_at_ms() const;

private:
    struct Time {
        uint64_t number = 0;  // model::Lease::number
        uint64_t deadline_ms = 0;
        bool is_proposed = false;
    };
    struct Look {  // at a lease, which by then is over unless it was kept alive
        uint64_t at_ms = 0;
        LeaseId id;
        uint64_t number = 0;
        friend bool operator>(const Look& a, const Look& b) { return a.at_ms > b.at_ms; }
    };
    // NULL: there is no such lease, or another one.
    Time* time_of(LeaseId id, const model::Lease* lease);
    void look_at(LeaseId id, const model::Lease& lease, const Time& time, uint64_t now_ms);
    void forget_ended(uint64_t now_ms);

    const model::Leases& leases_;
    std::unordered_map<uint64_t, Time> times_;  // by LeaseId
    uint64_t since_ms_ = 0;
    bool loaded_ = false;
    bool expires_ = false;
    // One for each lease, and some for what has ended; being kept alive moves none.
    std::priority_queue<Look, std::vector<Look>, std::greater<>> looks_;
    std::vector<LeaseId> proposed_;
};

}  // namespace belfry::hub::core

// What holders of leases are told, held against the lives of leases in the log:
//   granted, kept alive   no key of the lease is taken by expiry until it was sent + the time to live, by the simulator's
//   own
//                         time: whatever leads, dies, or has a wrong clock
//   it has ended          so it has, in the log; or its time was over, and its end is on the way
//   told about            it has its whole promise left, and just the keys that are bound to it at the revision named
//   revoked               by this request and no other, with as many keys as it says
//   refused               never in the log
// and, at the end, that no lease outlives its last sign of life by more than is allowed.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "tests/sim/ledger.hpp"
#include "tests/sim/truth.hpp"
#include "tests/sim/world.hpp"

namespace belfry::sim {

class LeasePromises {
public:
    using Life = LeaseLives::Life;
    LeasePromises(World& world, const Truth& truth, const Ledger& ledger) : world_(world), truth_(truth), ledger_(ledger) {}

    struct Question {  // about a life, or a word to keep it alive
        uint64_t life = 0;
        uint64_t sent_ms = 0;
        uint64_t promised_ms = 0;  // promised_until() when it was sent
        Revision floor = {};
        bool keys = false;
    };
    Question question(uint64_t life, bool keys = false);
    // A sign of life, whether it arrives or not.
    Question sign_of_life(uint64_t life);

    // The number of the life; 0 = refused, or nobody knows.
    uint64_t answered_grant(const protocol::LeaseGrantRequest& request, const Bytes& comment, uint64_t sent_ms,
                            const protocol::Reply& reply);
    // False: it has ended.
    bool answered_keep_alive(const Question& asked, uint64_t ttl_s);
    void answered_time_to_live(const Question& asked, const protocol::Reply& reply);
    void answered_revoke(uint64_t life, const Bytes& comment, const protocol::Reply& reply);
    void put_refused(uint64_t life);
    void answered_list(const protocol::Reply& reply);

    // From now on no lease may expire too early.
    void watch();
    // `quiet_ms`: since when nothing goes wrong and one member leads.
    void check_end(uint64_t quiet_ms);
    uint64_t promised_until(uint64_t life) const;
    uint64_t kept_alive() const { return kept_alive_; }

private:
    const Life& at(uint64_t life) const { return truth_.leases().at(life); }
    void check(const Life& life);
    void promise(const Life& life, uint64_t sent_ms);
    void check_ended(const Question& asked, const std::string& what);
    void check_facts(const Question& asked, const protocol::LeaseTimeToLiveReply& told, Revision revision);
    void fail(const Life& life, const std::string& what);

    World& world_;
    const Truth& truth_;
    const Ledger& ledger_;
    std::map<uint64_t, uint64_t> promised_;    // by life: until when
    std::map<uint64_t, uint64_t> last_signs_;  // by life: sent
    std::vector<uint64_t> watched_;            // lives that had not ended
    uint64_t known_ = 0;                       // lives
    std::vector<Bytes> refused_;               // comments of grants and revokes
    uint64_t kept_alive_ = 0;
};

}  // namespace belfry::sim

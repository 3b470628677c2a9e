// The thread behind a Registration. Private to sdk/discovery.
//
// One loop: what the hub has is compared with what is wanted, and made so. The first registration, a change, a lease that
// was lost, a key that was deleted and an answer that did not come are all this one difference.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "sdk/client/lease.hpp"
#include "sdk/discovery/health_record.hpp"
#include "sdk/discovery/registration.hpp"

namespace belfry {

class Registration::Impl : public std::enable_shared_from_this<Registration::Impl> {
public:
    using Clock = HealthRecord::Clock;

    // REQUIRES: an instance that is good, and at most limits::instance_checks_max checks.
    Impl(std::shared_ptr<Client> client, std::shared_ptr<Checker> checker, Bytes prefix, Instance instance,
         RegistrationOptions options);

    // ---- any thread ----
    Status start();  // `busy` or `invalid_argument`: the checks
    Status stop();
    void beat();
    void report(Health health, BytesView note);
    Status change(const std::function<void(Instance&)>& alter);
    Status sync(std::chrono::milliseconds timeout, bool ends_by_refusal) const;
    Instance instance() const;
    RegistrationState state() const;
    uint64_t times_registered() const;

private:
    struct Wanted {
        Instance instance;
        bool withdrawn;
        Clock::time_point changes_at;
    };
    Wanted wanted(Clock::time_point now) const;  // under the mutex
    bool is_settled(Clock::time_point now) const;

    // ---- its own thread ----
    void run();
    void make_so(const Instance& instance);
    Status grant();
    Status put(const Instance& instance);
    Result<std::optional<KeyValue>> look() const;
    bool is_own(const KeyValue& kv) const;
    void drop_lease();
    Status take_along();
    protocol::TxnRequest putting(Bytes value, Revision modified) const;
    void enter(RegistrationState state, const Error& reason);
    void failed(const Error& error);

    const std::shared_ptr<Client> client_;
    const std::shared_ptr<Checker> checker_;
    const Bytes key_;
    const RegistrationOptions options_;
    std::vector<uint64_t> checks_;
    std::thread thread_;

    // its own thread
    std::unique_ptr<Lease> lease_;
    std::deque<LeaseId> own_leases_;  // the newest last
    bool perhaps_put_ = false;        // with lease_
    bool perhaps_left_ = false;       // its key, with one before that
    unsigned failures_ = 0;           // in a row
    Clock::time_point try_at_;
    Clock::time_point look_at_;

    mutable std::mutex mutex_;
    mutable std::condition_variable moved_;
    Instance base_;  // without health and note
    mutable HealthRecord record_;
    std::optional<Instance> written_;  // what the hub has, as far as it said
    std::optional<Error> lost_;        // the lease
    Error problem_;                    // the last answer that was none
    RegistrationState state_ = RegistrationState::registering;
    uint64_t times_registered_ = 0;
    bool stopping_ = false;
};

}  // namespace belfry

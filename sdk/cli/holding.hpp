// What the commands that hold something by a lease have in common: `lock`, `semaphore` and `elect`.
#pragma once

#include <mutex>
#include <optional>

#include "sdk/cli/command.hpp"
#include "sdk/client/lease.hpp"

namespace belfry::cli {

inline constexpr std::chrono::milliseconds lease_ttl_default{10'000};
inline constexpr std::chrono::milliseconds wait_default = std::chrono::hours(24 * 365);  // for ever

// The word of a Lease's on_lost, for a thread that waits.
class LossNotice {
public:
    LossNotice();
    ~LossNotice();
    LossNotice(const LossNotice&) = delete;
    LossNotice& operator=(const LossNotice&) = delete;

    void tell(const Error& reason);       // any thread
    std::optional<Error> reason() const;  // none: nothing is lost. Any thread
    int file() const { return file_; }    // can be read when something is lost; -1: the system had none left

private:
    const int file_;
    mutable std::mutex mutex_;
    std::optional<Error> reason_;
};

// Of --ttl; `invalid_argument`: it is none.
Result<std::chrono::seconds> lease_ttl(const Context& context);

// A lease that is told of to `loss`, on a client whose timeout suits it. REQUIRES: `loss` outlives it.
struct HeldLease {
    std::shared_ptr<Client> client;
    std::shared_ptr<const Lease> lease;
};
Result<HeldLease> hold_lease(const Context& context, std::chrono::seconds ttl, LossNotice& loss);

// Until a stop signal, or until something is lost, or nobody reads the output any more.
void hold(const Context& context, const LossNotice& loss);

}  // namespace belfry::cli

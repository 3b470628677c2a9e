// What the commands that hold something by a lease have in common: `lock`, `semaphore`, `elect`, `barrier`, `once`,
// `queue take` and `job work`.
#pragma once

#include <functional>
#include <mutex>
#include <optional>

#include "sdk/cli/child_process.hpp"
#include "sdk/cli/command.hpp"
#include "sdk/client/lease.hpp"

namespace belfry::cli {

inline constexpr size_t command_words_max = 4096;  // behind `--`: longer lines than a shell gives
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

// A lease, and a client whose timeout suits it.
struct HeldLease {
    std::shared_ptr<Client> client;
    std::shared_ptr<const Lease> lease;
};
using HeldWork = std::function<Exit(Context& context, const HeldLease& held, const LossNotice& loss)>;

// Does `work` under a lease of --ttl that is told of to its `loss`; from now on stop signals only set an answer
// (stop_signal.hpp). The work's exit code, unless --ttl is none, or there is no lease: those it says itself.
// With --follow a lease that is lost is followed by another one, under which `work` is done again, and a hub that is away
// for long is waited for; until a stop signal (`ok`), or until nobody reads the output.
Exit under_lease(Context& context, const HeldWork& work);

// The exit code of a command that runs while something is held; a stop signal is handed on to it as SIGTERM. None: it was
// lost, and the command got SIGTERM; `lost` is told, and when this returns it has ended, by SIGKILL if it took 5 s.
std::optional<int> run_while_held(ChildProcess& child, const LossNotice& loss,
                                  const std::function<void(const Error& reason)>& lost);

// Until a stop signal, or until something is lost, or nobody reads the output any more.
void hold(const Context& context, const LossNotice& loss);

}  // namespace belfry::cli

#include "sdk/cli/holding.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <thread>

#include "sdk/cli/stop_signal.hpp"

namespace belfry::cli {

using namespace std::chrono_literals;

namespace {

constexpr int polls_between_leases = 10;  // of signal_poll each: between one that is lost and the next one

// REQUIRES: `loss` outlives it.
Result<HeldLease> hold_lease(const Context& context, std::chrono::seconds ttl, LossNotice& loss) {
    // Half the time to live at most: otherwise one member that is silent costs all of it.
    const auto timeout = std::min<std::chrono::milliseconds>(context.settings.timeout, std::chrono::milliseconds(ttl) / 2);
    auto client = context.connect(context.settings.endpoints, timeout);
    if (!client) return client.error();
    LeaseOptions options;
    options.ttl = ttl;
    options.on_lost = [&loss](const Error& reason) { loss.tell(reason); };
    auto lease = Lease::grant(*client, std::move(options));
    if (!lease) return lease.error();
    return HeldLease{std::move(*client), std::move(*lease)};
}

}  // namespace

LossNotice::LossNotice() : file_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

LossNotice::~LossNotice() {
    if (file_ >= 0) ::close(file_);
}

void LossNotice::tell(const Error& reason) {
    const std::lock_guard lock(mutex_);
    reason_ = reason;
    ::eventfd_write(file_, 1);
}

std::optional<Error> LossNotice::reason() const {
    const std::lock_guard lock(mutex_);
    return reason_;
}

Result<std::chrono::seconds> lease_ttl(const Context& context) {
    const auto ttl = context.arguments.duration("ttl", lease_ttl_default);
    if (ttl >= 1s && ttl % 1s == 0ms) return std::chrono::duration_cast<std::chrono::seconds>(ttl);
    return Error{Code::invalid_argument, "--ttl: whole seconds, 1 at least"};
}

Exit under_lease(Context& context, const HeldWork& work) {
    const auto ttl = lease_ttl(context);
    if (!ttl) return context.misuse(ttl.error().detail);
    const bool follows = context.has("follow");
    catch_stop_signals();
    for (;;) {
        LossNotice loss;
        const auto held = hold_lease(context, *ttl, loss);
        const Exit exit = held ? work(context, *held, loss) : context.fail(held.error());
        if (!follows) return exit;
        const bool again = held ? !held->lease->alive() : exit == Exit::unavailable || exit == Exit::uncertain;
        for (int polls = 0; polls < polls_between_leases && again && !stop_requested(); ++polls)
            std::this_thread::sleep_for(signal_poll);
        if (stop_requested()) return Exit::ok;
        if (!again || !context.out) return exit;
    }
}

std::optional<int> run_while_held(ChildProcess& child, const LossNotice& loss,
                                  const std::function<void(const Error& reason)>& lost) {
    for (bool told = false;;) {
        if (const auto code = child.wait(signal_poll, loss.file())) return code;
        if (const auto reason = loss.reason()) {
            child.signal(SIGTERM);  // before anything that may wait for whoever reads what is said
            lost(*reason);
            child.end();
            return {};
        }
        if (stop_requested() && !std::exchange(told, true)) child.signal(SIGTERM);
    }
}

void hold(const Context& context, const LossNotice& loss) {
    pollfd wake{loss.file(), POLLIN, 0};
    while (!stop_requested() && !loss.reason() && context.is_read())
        ::poll(&wake, 1, static_cast<int>(signal_poll.count()));
}

}  // namespace belfry::cli

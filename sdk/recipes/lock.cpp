#include "sdk/recipes/lock.hpp"

namespace belfry {

Lock::Lock(std::shared_ptr<Client> client, std::shared_ptr<const Lease> lease, Bytes name, LockOptions options)
    : options_(std::move(options)), place_(std::move(client), std::move(lease), std::move(name)) {}

Lock::~Lock() { (void)unlock(); }

Status Lock::lock(std::chrono::milliseconds timeout) {
    if (locked_) return Error{Code::conflict, "'" + place_.name() + "': locked already, by this object"};
    const auto patience = recipes::Patience::of(timeout, options_.cancelled);
    Status taken = place_.join(options_.value, patience);
    if (taken) taken = place_.wait(patience);
    locked_ = taken.ok();
    if (!taken) (void)place_.leave();
    return taken;
}

Result<bool> Lock::try_lock() {
    if (locked_) return Error{Code::conflict, "'" + place_.name() + "': locked already, by this object"};
    if (const Status good = recipes::check_name(place_.name()); !good) return good.error();
    const auto other = place_.ahead();
    if (!other) return other.error();
    if (*other) return false;  // nobody is disturbed by one who only asks
    const auto patience = recipes::Patience::of(place_.client().options().timeout);
    Status joined = place_.join(options_.value, patience);
    Result<std::optional<KeyValue>> ahead = joined ? place_.ahead() : Result<std::optional<KeyValue>>(joined.error());
    locked_ = ahead && !*ahead && place_.lease().alive();
    if (locked_) return true;
    (void)place_.leave();
    if (!ahead) return ahead.error();
    return false;
}

Status Lock::unlock() {
    locked_ = false;
    return place_.leave();
}

}  // namespace belfry

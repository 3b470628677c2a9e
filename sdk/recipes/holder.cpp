#include "sdk/recipes/holder.hpp"

namespace belfry::recipes {

Holder::Holder(std::shared_ptr<Client> client, std::shared_ptr<const Lease> lease, Bytes name, Order order,
               HolderOptions options)
    : options_(std::move(options)), place_(std::move(client), std::move(lease), std::move(name), order) {}

Holder::~Holder() { (void)give_back(); }

Error Holder::held_already() const { return {Code::conflict, "'" + place_.name() + "': held already, by this object"}; }

Status Holder::take(std::chrono::milliseconds timeout) {
    if (held_) return held_already();
    if (timeout <= std::chrono::milliseconds(0)) return take_at_once();
    const auto patience = Patience::of(timeout, options_.cancelled);
    Status taken = place_.join(options_.value, patience);
    if (taken) taken = place_.wait(patience);
    held_ = taken.ok();
    if (!taken) (void)place_.leave();
    return taken;
}

// Nobody has to pass over a place that only asks.
Status Holder::take_at_once() {
    const auto taken = attempt(Patience::of(place_.client().options().timeout, options_.cancelled));
    if (!taken && !may_pass(taken.error().code)) return taken.error();
    const std::string why = taken ? "somebody else is ahead" : to_string(taken.error());
    return taken && *taken ? Status() : Error{Code::timeout, "'" + place_.name() + "': " + why};
}

Result<bool> Holder::try_take() { return attempt(Patience::of(place_.client().options().timeout)); }

Result<bool> Holder::attempt(const Patience& patience) {
    if (held_) return held_already();
    if (const Status good = place_.check(); !good) return good.error();
    if (!place_.lease().alive()) return lease_ended(place_.lease());
    // What an earlier give_back() has perhaps left in the line would be taken for somebody else.
    if (const Status left = place_.leave(); !left) return left.error();
    const auto others = place_.ahead();
    if (!others) return others.error();
    if (*others) return false;  // nobody is disturbed by one who only asks
    const Status joined = place_.join(options_.value, patience);
    const Result<bool> first = joined ? place_.try_wait(patience) : Result<bool>(joined.error());
    held_ = first && *first && place_.lease().alive();
    if (held_) return true;
    (void)place_.leave();
    if (!first) return first.error();
    return false;
}

Status Holder::give_back() {
    held_ = false;
    return place_.leave();
}

}  // namespace belfry::recipes

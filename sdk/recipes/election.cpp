#include "sdk/recipes/election.hpp"

#include <map>

namespace belfry {
namespace {

Leader leader_of(const KeyValue& head) { return {head.value, head.create_revision, head.key, head.lease}; }

// The line as the deliveries add up to it.
class Line {
public:
    explicit Line(Bytes name) : name_(std::move(name)) {}

    void apply(const KeyChange& change) {
        if (!recipes::is_place(name_, change.key)) return;
        if (const auto known = created_.find(change.key); known != created_.end()) {
            places_.erase({known->second, change.key});
            created_.erase(known);
        }
        if (!change.after) return;
        created_[change.key] = change.after->create_revision;
        places_[{change.after->create_revision, change.key}] = *change.after;
    }
    std::optional<Leader> head() const {
        if (places_.empty() || recipes::is_shared(places_.begin()->second.key)) return {};
        return leader_of(places_.begin()->second);
    }

private:
    const Bytes name_;
    std::map<Bytes, Revision> created_;
    std::map<std::pair<Revision, Bytes>, KeyValue> places_;  // in the order of the line
};

}  // namespace

Election::Election(std::shared_ptr<Client> client, std::shared_ptr<const Lease> lease, Bytes name,
                   std::function<bool()> cancelled)
    : cancelled_(std::move(cancelled)), place_(std::move(client), std::move(lease), std::move(name)) {}

Election::~Election() { (void)resign(); }

Status Election::campaign(BytesView value, std::chrono::milliseconds timeout) {
    if (elected_) return Error{Code::conflict, "'" + place_.name() + "': elected already, by this object"};
    const auto patience = recipes::Patience::of(timeout, cancelled_);
    Status won = place_.join(value, patience);
    if (won) won = place_.wait(patience);
    elected_ = won.ok();
    if (!won) (void)place_.leave();
    return won;
}

Status Election::proclaim(BytesView value) {
    const Error not_leader{Code::conflict, "'" + place_.name() + "': not the leader, or not any more"};
    if (!leads()) return not_leader;
    protocol::TxnRequest txn;
    txn.compares = {guard()};
    txn.then_ops.push_back({protocol::PutRequest{key(), Bytes(value), place_.lease().id()}});
    const auto done = place_.client().txn(std::move(txn));
    if (!done) return done.error();
    if (!done->succeeded) return not_leader;
    return {};
}

Status Election::resign() {
    elected_ = false;
    return place_.leave();
}

Result<Leader> Election::leader(Client& client, const Bytes& name) {
    const auto line = recipes::read_line(client, name, false);
    if (!line) return line.error();
    if (line->empty() || recipes::is_shared(line->front().key))
        return Error{Code::not_found, "'" + name + "': nobody leads"};
    return leader_of(line->front());
}

Result<std::unique_ptr<ElectionObserver>> ElectionObserver::open(std::shared_ptr<Client> client, Bytes name,
                                                                 Callback on_change) {
    if (const Status good = recipes::check_name(name); !good) return good.error();
    SubscriptionOptions options;
    options.filter = {"prefix", name + "/"};
    options.on_change = [line = Line(name), told = false, last = std::optional<Leader>(),
                         call = std::move(on_change)](const Delivery& delivery) mutable {
        for (const KeyChange& change : delivery.changes) line.apply(change);
        auto now = line.head();
        if (std::exchange(told, true) && now == last) return;
        last = std::move(now);
        call(last);
    };
    auto subscription = Subscription::open(std::move(client), std::move(options));
    if (!subscription) return subscription.error();
    return std::unique_ptr<ElectionObserver>(new ElectionObserver(*std::move(subscription)));
}

}  // namespace belfry

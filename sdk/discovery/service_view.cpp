#include "sdk/discovery/service_view.hpp"

#include <condition_variable>
#include <mutex>

namespace belfry {

using namespace std::chrono_literals;

constexpr std::chrono::milliseconds refusal_poll = 50ms;

// What the deliveries add up to.
class ServiceView::State {
public:
    explicit State(ServiceViewOptions options) : options_(std::move(options)), table_(options_.find, options_.prefix) {}

    // The client's I/O thread.
    void take(const Delivery& delivery) {
        const std::vector<InstanceChange> list = table_.apply(delivery);
        const bool first = publish(delivery.revision, !list.empty());
        if (options_.on_change && (first || !list.empty())) options_.on_change(list);
    }

    // Any thread.
    std::shared_ptr<const Instances> instances() const {
        const std::lock_guard lock(mutex_);
        return instances_;
    }
    Revision revision() const {
        const std::lock_guard lock(mutex_);
        return revision_;
    }
    size_t unreadable() const {
        const std::lock_guard lock(mutex_);
        return unreadable_;
    }
    bool wait_begun(std::chrono::milliseconds timeout) const {
        std::unique_lock lock(mutex_);
        return moved_.wait_for(lock, timeout, [&] { return begun_; });
    }

private:
    // True: for the first time.
    bool publish(Revision revision, bool changed) {
        std::shared_ptr<Instances> next;
        if (changed) next = std::make_shared<Instances>(table_.all());
        const std::lock_guard lock(mutex_);
        if (next) instances_ = std::move(next);
        revision_ = revision;
        unreadable_ = table_.unreadable();
        moved_.notify_all();
        return !std::exchange(begun_, true);
    }

    const ServiceViewOptions options_;

    // The client's I/O thread.
    InstanceTable table_;

    mutable std::mutex mutex_;
    mutable std::condition_variable moved_;
    std::shared_ptr<const Instances> instances_ = std::make_shared<const Instances>();
    Revision revision_;
    size_t unreadable_ = 0;
    bool begun_ = false;
};

ServiceView::ServiceView(std::shared_ptr<State> state, std::shared_ptr<Subscription> subscription)
    : state_(std::move(state)), subscription_(std::move(subscription)) {}

ServiceView::~ServiceView() = default;

Result<std::unique_ptr<ServiceView>> ServiceView::open(std::shared_ptr<Client> client, std::string_view service,
                                                       ServiceViewOptions options) {
    if (const Status good = check_service_name("service", service); !good) return good.error();
    SubscriptionOptions subscribed;
    subscribed.filter = {"prefix", service_prefix(service, options.prefix)};
    subscribed.private_stream = options.private_stream;
    subscribed.keep_view = false;
    auto state = std::make_shared<State>(std::move(options));
    subscribed.on_change = [state](const Delivery& delivery) { state->take(delivery); };
    auto subscription = Subscription::open(std::move(client), std::move(subscribed));
    if (!subscription) return subscription.error();
    return std::unique_ptr<ServiceView>(new ServiceView(std::move(state), *std::move(subscription)));
}

std::shared_ptr<const ServiceView::Instances> ServiceView::instances() const { return state_->instances(); }
Revision ServiceView::revision() const { return state_->revision(); }
std::chrono::milliseconds ServiceView::staleness() const { return subscription_->staleness(); }
size_t ServiceView::unreadable() const { return state_->unreadable(); }
std::optional<Error> ServiceView::refused() const { return subscription_->refused(); }

bool ServiceView::wait_current(std::chrono::milliseconds timeout) const {
    const auto end = std::chrono::steady_clock::now() + timeout;
    for (;;) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
        if (state_->wait_begun(std::clamp(left, 0ms, refusal_poll))) return true;
        if (left <= 0ms || refused()) return false;
    }
}

}  // namespace belfry

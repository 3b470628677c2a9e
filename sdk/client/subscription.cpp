#include "sdk/client/subscription.hpp"

#include <algorithm>
#include <charconv>

#include "sdk/base/units.hpp"
#include "sdk/client/client_impl.hpp"
#include "sdk/client/subscription_impl.hpp"
#include "sdk/protocol/codec.hpp"

namespace belfry {
namespace {

template <class Number>
std::optional<Number> parse(std::string_view text) {
    if (text.starts_with('+')) text.remove_prefix(1);
    Number number{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return number;
}

}  // namespace

Subscription::Subscription(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

Subscription::~Subscription() {
    const auto loop = impl_->loop;
    loop->run([this] { impl_->close(); });
}

Result<std::shared_ptr<Subscription>> Subscription::open(std::shared_ptr<Client> client, SubscriptionOptions options) {
    const protocol::Request asked{0, {}, {}, protocol::ChannelRequest{options.filter}};
    if (Status status = protocol::validate(asked); !status) return std::move(status).error();
    if (options.filter.kind == "author" || options.filter.kind == "label") options.of_changes = true;
    if (options.of_changes && options.keep_view) {
        return Error{Code::invalid_argument, "filter '" + options.filter.kind +
                                                 "' selects change sets, there is nothing to view: set keep_view = false"};
    }
    const auto loop = client->impl_->loop;
    auto impl = std::make_shared<Impl>(std::move(client), loop, std::move(options));
    std::shared_ptr<Subscription> subscription(new Subscription(impl));
    loop->post([impl] { impl->start(); });
    return subscription;
}

std::shared_ptr<const View> Subscription::view() const {
    const std::lock_guard lock(impl_->mutex);
    return impl_->view;
}

std::optional<Bytes> Subscription::get(BytesView key) const {
    const auto now = view();
    const KeyValue* kv = now->find(key);
    if (kv == nullptr) return std::nullopt;
    return kv->value;
}

std::string Subscription::get_string(BytesView key, std::string_view fallback) const {
    auto value = get(key);
    return value ? *std::move(value) : std::string(fallback);
}

int64_t Subscription::get_int(BytesView key, int64_t fallback) const {
    const auto value = get(key);
    return value ? parse<int64_t>(*value).value_or(fallback) : fallback;
}

double Subscription::get_double(BytesView key, double fallback) const {
    const auto value = get(key);
    return value ? parse<double>(*value).value_or(fallback) : fallback;
}

bool Subscription::get_bool(BytesView key, bool fallback) const {
    const auto value = get(key);
    if (!value) return fallback;
    for (const char* word : {"true", "yes", "on", "1"}) {
        if (*value == word) return true;
    }
    for (const char* word : {"false", "no", "off", "0"}) {
        if (*value == word) return false;
    }
    return fallback;
}

std::chrono::milliseconds Subscription::get_duration(BytesView key, std::chrono::milliseconds fallback) const {
    const auto value = get(key);
    const auto duration = value ? parse_duration(*value) : std::nullopt;
    return duration ? std::chrono::duration_cast<std::chrono::milliseconds>(*duration) : fallback;
}

void Subscription::bind(Bytes key, std::function<void(const KeyChange&)> callback) {
    impl_->loop->run([&] { impl_->bind(std::move(key), std::move(callback)); });
}

std::chrono::milliseconds Subscription::staleness() const {
    const std::lock_guard lock(impl_->mutex);
    if (impl_->proved_ms == 0) return std::chrono::milliseconds::max();
    return std::chrono::milliseconds(client::steady_ms() - impl_->proved_ms);
}

bool Subscription::wait_revision(Revision revision, std::chrono::milliseconds timeout) const {
    std::unique_lock lock(impl_->mutex);
    ++impl_->waiters;
    const auto reached = [&] { return impl_->complete && *impl_->complete >= revision; };
    impl_->advanced.wait_for(lock, timeout, [&] { return reached() || impl_->refused; });
    --impl_->waiters;
    return reached();
}

bool Subscription::wait_current(std::chrono::milliseconds timeout) const { return wait_revision({}, timeout); }

std::optional<Error> Subscription::refused() const {
    const std::lock_guard lock(impl_->mutex);
    return impl_->refused;
}

SubscriptionFigures Subscription::figures() const {
    const std::lock_guard lock(impl_->mutex);
    return impl_->figures;
}

}  // namespace belfry

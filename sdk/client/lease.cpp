#include "sdk/client/lease.hpp"

#include <algorithm>
#include <future>
#include <map>
#include <mutex>

#include "sdk/base/may_pass.hpp"
#include "sdk/client/client_impl.hpp"

namespace belfry {
namespace {

using namespace std::chrono_literals;
using Clock = Lease::Clock;

constexpr int keep_alives_per_ttl = 3;
constexpr int company_part = 10;  // of the time between two of them: so much earlier it goes along with another lease's
constexpr int margin_part = 50;   // of the time to live: for clocks that go apart, and for a thread to wake up
constexpr int retry_part = 60;    // likewise: after an answer that a later one may change
constexpr std::chrono::milliseconds retry_pause_min = 50ms;
constexpr std::chrono::milliseconds retry_pause_max = 5s;
constexpr std::chrono::milliseconds farewell_max = 1s;

Error too_late(LeaseId id, const Error& last) {
    std::string detail = "lease " + std::to_string(id.value) + " was not kept alive in time";
    if (last.code != Code::ok) detail += "; the last answer: " + to_string(last);
    return {Code::timeout, std::move(detail)};
}

// When the loop's clock (client::steady_ms) is past it.
uint64_t loop_ms(Clock::time_point when) {
    return static_cast<uint64_t>(std::chrono::ceil<std::chrono::milliseconds>(when.time_since_epoch()).count()) + 1;
}

}  // namespace

// The loop's side of a Lease: a timer that has keep-alives sent, for this one and all that are due soon.
class Lease::Impl : public client::Participant, public client::KeepAlives::Holder {
public:
    Impl(std::shared_ptr<Client> the_client, LeaseOptions the_options, LeaseId the_id, Clock::time_point sent)
        : client(std::move(the_client)),
          loop(client->impl_->loop),
          id(the_id),
          options_(std::move(the_options)),
          next_(sent + period()),
          expires_(sent + options_.ttl) {}

    // ---- loop thread ----
    void start();
    bool on_readable(uint64_t) override { return false; }
    void on_timer(uint64_t) override;
    void on_lost(size_t, uint64_t) override {}  // what is on its way is sent again by the link
    uint64_t wake_at_ms() const override;
    LeaseId lease() const override { return id; }
    Clock::time_point on_sent(Clock::time_point now) override;
    void on_answer(const Result<std::chrono::seconds>& ttl, Clock::time_point sent, Clock::time_point now) override;
    void close();

    // ---- any thread ----
    // True: it was held, and is so no more.
    bool let_go(bool ends);
    bool alive() const;
    Clock::time_point expires_at() const;
    std::chrono::seconds ttl() const { return options_.ttl; }
    void say_farewell();
    void owe(Bytes name, protocol::TxnRequest write);

    const std::shared_ptr<Client> client;
    const std::shared_ptr<client::Loop> loop;
    const LeaseId id;

private:
    std::chrono::milliseconds ttl_ms() const { return options_.ttl; }
    std::chrono::milliseconds period() const { return ttl_ms() / keep_alives_per_ttl; }
    std::chrono::milliseconds company() const { return period() / company_part; }
    client::KeepAlives& keep_alives() { return client->impl_->keep_alives; }
    // From then on it counts as lost. Under the mutex.
    Clock::time_point end() const { return expires_ - ttl_ms() / margin_part; }
    void lose(const Error& reason);
    void pay();
    void owe_again(const Bytes& name, const protocol::TxnRequest& write);
    bool may_owe() const { return held_ && owed_.size() < lease_owes_max; }  // under the mutex

    const LeaseOptions options_;

    // loop thread
    bool closed_ = false;
    Clock::time_point next_;  // keep-alive
    Error last_;              // answer that was none

    mutable std::mutex mutex_;
    Clock::time_point expires_;
    bool held_ = true;
    bool ended_ = false;
    std::map<Bytes, protocol::TxnRequest> owed_;  // by name; empty unless it is held
};

// ---- loop thread ----

void Lease::Impl::start() {
    if (closed_) return;
    loop->add(std::shared_ptr<client::Participant>(shared_from_this(), this));
    keep_alives().set(*this, next_ - company());
}

uint64_t Lease::Impl::wake_at_ms() const {
    if (closed_) return UINT64_MAX;
    const std::lock_guard lock(mutex_);
    return loop_ms(std::min(next_, end()));
}

void Lease::Impl::on_timer(uint64_t) {
    if (closed_) return;
    const Clock::time_point now = Clock::now();
    if (!alive()) return lose(too_late(id, last_));
    if (now >= next_) keep_alives().send(*loop, now);
}

// Whether or not the last one has its answer: what was lost on the way costs a third of the time, not all of it.
Clock::time_point Lease::Impl::on_sent(Clock::time_point now) {
    next_ = now + period();
    return next_ - company();
}

void Lease::Impl::on_answer(const Result<std::chrono::seconds>& ttl, Clock::time_point sent, Clock::time_point now) {
    if (closed_) return;
    if (ttl && *ttl == 0s) {
        return lose({Code::not_found, "lease " + std::to_string(id.value) + " has ended: it was revoked, or expired"});
    }
    last_ = ttl ? Error{} : ttl.error();
    bool in_time = false;
    {
        const std::lock_guard lock(mutex_);
        in_time = Clock::now() < end();  // otherwise alive() has said no already, perhaps
        if (ttl && in_time) expires_ = std::max(expires_, sent + *ttl);
    }
    if (!in_time) return lose(too_late(id, last_));
    if (may_pass(last_.code)) {
        next_ = std::min(next_, now + std::clamp(ttl_ms() / retry_part, retry_pause_min, retry_pause_max));
        keep_alives().set(*this, next_);
    }
    if (ttl) pay();
    loop->touch(*this);
}

// The hub answers: what it did not answer before has a chance now.
void Lease::Impl::pay() {
    std::map<Bytes, protocol::TxnRequest> due;
    {
        const std::lock_guard lock(mutex_);
        due.swap(owed_);
    }
    for (const auto& [name, write] : due) {
        const std::weak_ptr<Impl> weak = std::static_pointer_cast<Impl>(shared_from_this());
        loop->request(write, [weak, name = name, write = write](const Result<protocol::Reply>& reply) {
            const auto self = weak.lock();
            if (self && may_pass(reply ? reply->error.code : reply.error().code)) self->owe_again(name, write);
        });
    }
}

// What is owed under its name meanwhile is newer.
void Lease::Impl::owe_again(const Bytes& name, const protocol::TxnRequest& write) {
    const std::lock_guard lock(mutex_);
    if (may_owe()) owed_.try_emplace(name, write);
}

void Lease::Impl::lose(const Error& reason) {
    close();
    if (let_go(true) && options_.on_lost) options_.on_lost(reason);
}

void Lease::Impl::close() {
    if (std::exchange(closed_, true)) return;
    keep_alives().remove(*this);
    loop->remove(participant_id);
}

// ---- any thread ----

bool Lease::Impl::let_go(bool ends) {
    const std::lock_guard lock(mutex_);
    ended_ = ended_ || ends;
    owed_.clear();
    return std::exchange(held_, false);
}

bool Lease::Impl::alive() const {
    const std::lock_guard lock(mutex_);
    return !ended_ && Clock::now() < end();
}

Clock::time_point Lease::Impl::expires_at() const {
    const std::lock_guard lock(mutex_);
    return expires_;
}

void Lease::Impl::owe(Bytes name, protocol::TxnRequest write) {
    const std::lock_guard lock(mutex_);
    if (may_owe() || owed_.contains(name)) owed_.insert_or_assign(std::move(name), std::move(write));
}

void Lease::Impl::say_farewell() {
    auto said = std::make_shared<std::promise<void>>();
    auto heard = said->get_future();
    const Status sent = client->send(protocol::LeaseRevokeRequest{id}, [said](const auto&) { said->set_value(); });
    if (sent && !loop->here()) heard.wait_for(std::min(client->options().timeout, farewell_max));
}

// ---- Lease ----

Lease::Lease(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

Result<std::unique_ptr<Lease>> Lease::grant(std::shared_ptr<Client> client, LeaseOptions options) {
    const Clock::time_point sent = Clock::now();
    const auto granted = client->grant_lease(options.ttl, options.id);
    if (!granted) return granted.error();
    auto impl = std::make_shared<Impl>(std::move(client), std::move(options), granted->lease, sent);
    if (!impl->alive()) return too_late(granted->lease, {});
    impl->loop->post([impl] { impl->start(); });
    return std::unique_ptr<Lease>(new Lease(std::move(impl)));
}

Lease::~Lease() {
    if (!impl_) return;
    const bool alive = impl_->alive();
    const bool held = impl_->let_go(true);
    impl_->loop->run([this] { impl_->close(); });
    if (held && alive) impl_->say_farewell();  // one that is over may have a namesake by now
}

LeaseId Lease::id() const { return impl_->id; }
std::chrono::seconds Lease::ttl() const { return impl_->ttl(); }
bool Lease::alive() const { return impl_->alive(); }
Clock::time_point Lease::expires_at() const { return impl_->expires_at(); }

Result<uint64_t> Lease::revoke() {
    const bool alive = impl_->alive();
    impl_->let_go(true);
    impl_->loop->run([this] { impl_->close(); });
    if (!alive) return Error{Code::not_found, "lease " + std::to_string(impl_->id.value) + " has ended already"};
    return impl_->client->revoke_lease(impl_->id);
}

void Lease::owe(Bytes name, protocol::TxnRequest write) const { impl_->owe(std::move(name), std::move(write)); }

void Lease::release() {
    impl_->let_go(false);
    impl_->loop->run([this] { impl_->close(); });
}

}  // namespace belfry

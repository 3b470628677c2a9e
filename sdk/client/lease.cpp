#include "sdk/client/lease.hpp"

#include <algorithm>
#include <future>
#include <mutex>

#include "sdk/client/client_impl.hpp"

namespace belfry {
namespace {

using namespace std::chrono_literals;
using Clock = Lease::Clock;

constexpr int keep_alives_per_ttl = 3;
constexpr int margin_part = 50;  // of the time to live: for clocks that go apart, and for a thread to wake up
constexpr int retry_part = 60;   // likewise: after an answer that a later one may change
constexpr std::chrono::milliseconds retry_pause_min = 50ms;
constexpr std::chrono::milliseconds retry_pause_max = 5s;
constexpr std::chrono::milliseconds farewell_max = 1s;

bool may_pass(Code code) {
    return code == Code::unavailable || code == Code::uncertain || code == Code::timeout || code == Code::busy;
}

Error too_late(LeaseId id, const Error& last) {
    std::string detail = "lease " + std::to_string(id.value) + " was not kept alive in time";
    if (last.code != Code::ok) detail += "; the last answer: " + to_string(last);
    return {Code::timeout, std::move(detail)};
}

// What the one lease that was asked for has for a time to live.
Result<std::chrono::seconds> ttl_of(const Result<protocol::Reply>& reply) {
    if (!reply) return reply.error();
    if (reply->error.code != Code::ok) return reply->error;
    const auto* kept = std::get_if<protocol::LeaseKeepAliveReply>(&reply->result);
    if (kept != nullptr && kept->ttl_s.size() == 1) return std::chrono::seconds(kept->ttl_s.front());
    return Error{Code::corrupt, "the hub answered with a result of another kind"};
}

// When the loop's clock (client::steady_ms) is past it.
uint64_t loop_ms(Clock::time_point when) {
    return static_cast<uint64_t>(std::chrono::ceil<std::chrono::milliseconds>(when.time_since_epoch()).count()) + 1;
}

}  // namespace

// The loop's side of a Lease: a timer that sends keep-alives, each with the moment of its sending.
class Lease::Impl : public client::Participant, public std::enable_shared_from_this<Lease::Impl> {
public:
    Impl(std::shared_ptr<Client> the_client, std::shared_ptr<client::Loop> the_loop, LeaseOptions the_options,
         LeaseId the_id, Clock::time_point sent)
        : client(std::move(the_client)),
          loop(std::move(the_loop)),
          id(the_id),
          options_(std::move(the_options)),
          next_(sent + ttl_ms() / keep_alives_per_ttl),
          expires_(sent + options_.ttl) {}

    // ---- loop thread ----
    void start() {
        if (!closed_) loop->add(shared_from_this());
    }
    bool on_readable(uint64_t) override { return false; }
    void on_timer(uint64_t) override;
    void on_lost(size_t, uint64_t) override {}  // what is on its way is sent again by the link
    uint64_t wake_at_ms() const override;
    void close();

    // ---- any thread ----
    // True: it was held, and is so no more.
    bool let_go(bool ends);
    bool alive() const;
    Clock::time_point expires_at() const;
    std::chrono::seconds ttl() const { return options_.ttl; }
    void say_farewell();

    const std::shared_ptr<Client> client;
    const std::shared_ptr<client::Loop> loop;
    const LeaseId id;

private:
    std::chrono::milliseconds ttl_ms() const { return options_.ttl; }
    // From then on it counts as lost. Under the mutex.
    Clock::time_point end() const { return expires_ - ttl_ms() / margin_part; }
    void take(const Result<protocol::Reply>& reply, Clock::time_point sent);
    void lose(const Error& reason);

    const LeaseOptions options_;

    // loop thread
    bool closed_ = false;
    Clock::time_point next_;  // keep-alive
    Error last_;              // answer that was none

    mutable std::mutex mutex_;
    Clock::time_point expires_;
    bool held_ = true;
    bool ended_ = false;
};

// ---- loop thread ----

uint64_t Lease::Impl::wake_at_ms() const {
    if (closed_) return UINT64_MAX;
    const std::lock_guard lock(mutex_);
    return loop_ms(std::min(next_, end()));
}

void Lease::Impl::on_timer(uint64_t) {
    if (closed_) return;
    const Clock::time_point now = Clock::now();
    if (!alive()) return lose(too_late(id, last_));
    if (now < next_) return;
    // Whether or not the last one has its answer: what was lost on the way costs a third of the time, not all of it.
    next_ = now + ttl_ms() / keep_alives_per_ttl;
    loop->request(protocol::LeaseKeepAliveRequest{{id}}, [weak = weak_from_this(), now](Result<protocol::Reply> reply) {
        if (const auto self = weak.lock()) self->take(reply, now);
    });
}

void Lease::Impl::take(const Result<protocol::Reply>& reply, Clock::time_point sent) {
    if (closed_) return;
    const auto ttl = ttl_of(reply);
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
        next_ = std::min(next_, Clock::now() + std::clamp(ttl_ms() / retry_part, retry_pause_min, retry_pause_max));
    }
    loop->touch(*this);
}

void Lease::Impl::lose(const Error& reason) {
    close();
    if (let_go(true) && options_.on_lost) options_.on_lost(reason);
}

void Lease::Impl::close() {
    if (std::exchange(closed_, true)) return;
    loop->remove(participant_id);
}

// ---- any thread ----

bool Lease::Impl::let_go(bool ends) {
    const std::lock_guard lock(mutex_);
    ended_ = ended_ || ends;
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
    const auto loop = client->impl_->loop;
    auto impl = std::make_shared<Impl>(std::move(client), loop, std::move(options), granted->lease, sent);
    if (!impl->alive()) return too_late(granted->lease, {});
    loop->post([impl] { impl->start(); });
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

void Lease::release() {
    impl_->let_go(false);
    impl_->loop->run([this] { impl_->close(); });
}

}  // namespace belfry

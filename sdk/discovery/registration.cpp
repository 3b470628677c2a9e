#include <algorithm>
#include <array>

#include "sdk/discovery/registration_impl.hpp"

#include "sdk/base/may_pass.hpp"

namespace belfry {
namespace {

using namespace std::chrono_literals;

constexpr std::array state_words = {"registering", "registered", "withdrawn", "displaced"};
constexpr auto retry_pause_min = 100ms;
constexpr unsigned doublings_max = 4;  // of it: 1.6 s, so that it is registered soon after a partition has ended
constexpr int races_max = 8;           // for one key, in a row: then somebody else is after it
// A key that is bound to an older one than these was not written for as many times to live, and is gone.
constexpr size_t own_leases_max = 4;

// A note that changes with each check is no reason to write.
bool is_same_but_for_note(Instance left, const Instance& right) {
    left.note = right.note;
    return left == right;
}

HealthRecord::Options record_options(const RegistrationOptions& options) {
    const auto withdraw_after = options.withdraw_after > 0ms ? options.withdraw_after : options.beat_ttl;
    return {options.checks.size(), options.beat_ttl, withdraw_after};
}

}  // namespace

std::string_view to_string(RegistrationState state) { return state_words.at(static_cast<size_t>(state)); }

Registration::Impl::Impl(std::shared_ptr<Client> client, std::shared_ptr<Checker> checker, Bytes prefix, Instance instance,
                         RegistrationOptions options)
    : client_(std::move(client)),
      checker_(std::move(checker)),
      key_(instance_key(instance.service, instance.id, prefix)),
      options_(std::move(options)),
      base_(std::move(instance)),
      record_(record_options(options_), Clock::now()) {
    record_.report(base_.health, base_.note);
    base_.created = base_.changed = {};
}

// ---- any thread ----

Status Registration::Impl::start() {
    for (size_t place = 0; place < options_.checks.size(); ++place) {
        const auto added =
            checker_->add(options_.checks[place], [weak = weak_from_this(), place](Health health, const std::string& note) {
                const auto self = weak.lock();
                if (!self) return;
                const std::lock_guard lock(self->mutex_);
                self->record_.take(place, health, note);
                self->moved_.notify_all();
            });
        if (!added) return added.error();
        checks_.push_back(*added);
    }
    thread_ = std::thread([this] { run(); });
    return {};
}

Status Registration::Impl::stop() {
    for (const uint64_t check : checks_) checker_->remove(check);
    checks_.clear();
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
        moved_.notify_all();
    }
    if (thread_.joinable()) thread_.join();
    if (lease_ && !lease_->alive()) drop_lease();
    Status taken = std::exchange(perhaps_left_, false) ? take_along() : Status();
    const auto lease = std::move(lease_);
    if (!lease || !lease->alive()) return taken;
    const auto revoked = lease->revoke();
    if (!revoked) return revoked.error();
    return taken;
}

void Registration::Impl::beat() {
    const std::lock_guard lock(mutex_);
    record_.beat(Clock::now());
    moved_.notify_all();
}

void Registration::Impl::report(Health health, BytesView note) {
    const std::lock_guard lock(mutex_);
    record_.beat(Clock::now());
    record_.report(health, note_of(note));
    moved_.notify_all();
}

Status Registration::Impl::change(const std::function<void(Instance&)>& alter) {
    const std::lock_guard lock(mutex_);
    Instance altered = base_;
    alter(altered);
    if (const Status good = check_instance(altered); !good) return good;
    base_ = std::move(altered);
    moved_.notify_all();
    return {};
}

Status Registration::Impl::sync(std::chrono::milliseconds timeout, bool ends_by_refusal) const {
    std::unique_lock lock(mutex_);
    const auto refused = [&] { return ends_by_refusal && problem_.code != Code::ok && !may_pass(problem_.code); };
    const auto displaced = [&] { return state_ == RegistrationState::displaced; };
    const auto withdrawn = [&] { return state_ == RegistrationState::withdrawn && wanted(Clock::now()).withdrawn; };
    const auto settled = [&] { return is_settled(Clock::now()); };
    moved_.wait_for(lock, timeout, [&] { return settled() || displaced() || withdrawn() || refused(); });
    if (settled()) return {};
    if (withdrawn()) return Error{Code::unavailable, "'" + key_ + "' is withdrawn: it is critical"};
    if (problem_.code != Code::ok) return problem_;
    return Error{Code::timeout, "'" + key_ + "': the hub did not answer in time"};
}

Instance Registration::Impl::instance() const {
    const std::lock_guard lock(mutex_);
    return wanted(Clock::now()).instance;
}

RegistrationState Registration::Impl::state() const {
    const std::lock_guard lock(mutex_);
    return state_;
}

uint64_t Registration::Impl::times_registered() const {
    const std::lock_guard lock(mutex_);
    return times_registered_;
}

Registration::Impl::Wanted Registration::Impl::wanted(Clock::time_point now) const {
    const auto standing = record_.at(now);
    Wanted all{base_, standing.withdrawn, standing.changes_at};
    all.instance.health = standing.health;
    all.instance.note = standing.note;
    return all;
}

bool Registration::Impl::is_settled(Clock::time_point now) const {
    return state_ == RegistrationState::registered && !lost_ && written_ &&
           is_same_but_for_note(*written_, wanted(now).instance);
}

// ---- its own thread ----

void Registration::Impl::run() {
    std::unique_lock lock(mutex_);
    while (!stopping_) {
        const auto now = Clock::now();
        const Wanted want = wanted(now);
        if (state_ == RegistrationState::displaced) {
            moved_.wait(lock);
        } else if (lost_) {
            const Error reason = *std::exchange(lost_, {});
            lock.unlock();
            drop_lease();
            enter(RegistrationState::registering, reason);
            lock.lock();
        } else if (want.withdrawn && state_ != RegistrationState::withdrawn) {
            lock.unlock();
            drop_lease();
            enter(RegistrationState::withdrawn, {Code::unavailable, want.instance.note});
            lock.lock();
        } else if (want.withdrawn) {
            moved_.wait(lock);
        } else if (state_ == RegistrationState::withdrawn) {
            lock.unlock();
            enter(RegistrationState::registering, {});
            lock.lock();
        } else if (now >= try_at_ && (!is_settled(now) || now >= look_at_)) {
            lock.unlock();
            make_so(want.instance);
            lock.lock();
        } else {
            const auto due = is_settled(now) ? std::max(look_at_, try_at_) : try_at_;
            moved_.wait_until(lock, std::min(want.changes_at, due));
        }
    }
}

// One try.
void Registration::Impl::make_so(const Instance& instance) {
    Status done = lease_ ? Status() : grant();
    if (done) done = put(instance);
    if (!done) return failed(done.error());
    failures_ = 0;
    perhaps_left_ = false;
    look_at_ = Clock::now() + options_.look_interval;
    bool was_registered = false;
    {
        const std::lock_guard lock(mutex_);
        written_ = instance;
        problem_ = {};
        was_registered = state_ == RegistrationState::registered;
        if (!was_registered) ++times_registered_;
        moved_.notify_all();
    }
    if (!was_registered) enter(RegistrationState::registered, {});
}

void Registration::Impl::failed(const Error& error) {
    try_at_ = Clock::now() + retry_pause_min * (1 << std::min(failures_++, doublings_max));
    bool is_news = false;
    {
        const std::lock_guard lock(mutex_);
        is_news = state_ == RegistrationState::registering && problem_.code != error.code;
        problem_ = error;
        moved_.notify_all();
    }
    if (error.code == Code::conflict) {
        drop_lease();
        return enter(RegistrationState::displaced, error);
    }
    if (error.code == Code::not_found) {  // the lease has ended, and its own thread does not know it yet
        drop_lease();
        return enter(RegistrationState::registering, error);
    }
    if (is_news) enter(RegistrationState::registering, error);
}

Status Registration::Impl::grant() {
    LeaseOptions lease;
    lease.ttl = options_.ttl;
    lease.on_lost = [weak = weak_from_this()](const Error& reason) {
        const auto self = weak.lock();
        if (!self) return;
        const std::lock_guard lock(self->mutex_);
        self->lost_ = reason;
        self->moved_.notify_all();
    };
    auto granted = Lease::grant(client_, std::move(lease));
    if (!granted) return granted.error();
    lease_ = *std::move(granted);
    own_leases_.push_back(lease_->id());
    if (own_leases_.size() > own_leases_max) own_leases_.pop_front();
    return {};
}

// What is there decides, so that an answer that was lost costs one more look.
Status Registration::Impl::put(const Instance& instance) {
    const auto value = encode_instance(instance);
    if (!value) return value.error();
    for (int race = 0; race < races_max; ++race) {
        const auto there = look();
        if (!there) return there.error();
        const std::optional<KeyValue>& kv = *there;
        if (kv && kv->value == *value && kv->lease == lease_->id()) return {};
        // No other thread writes it.
        if (kv && times_registered_ > 0 && !is_own(*kv)) {
            return Error{Code::conflict,
                         "'" + key_ + "' is registered by somebody else now; give each instance its own id"};
        }
        perhaps_put_ = true;
        const auto done = client_->txn(putting(*value, kv ? kv->mod_revision : Revision()));
        if (!done) return done.error();
        if (done->succeeded) return {};
    }
    return Error{Code::busy, "'" + key_ + "' is written by others all the time; give each instance its own id"};
}

// With the lease that there is, if the key is as it was seen; `modified` 0: if there is none.
protocol::TxnRequest Registration::Impl::putting(Bytes value, Revision modified) const {
    protocol::TxnRequest txn;
    txn.compares = {
        {KeyRange::one(key_), protocol::Compare::Target::mod, protocol::Compare::Op::equal, modified.value, {}}};
    protocol::PutRequest own{key_, std::move(value), lease_->id()};
    own.content_type = Bytes(instance_content_type);
    txn.then_ops.push_back({std::move(own)});
    return txn;
}

Result<std::optional<KeyValue>> Registration::Impl::look() const {
    protocol::RangeRequest request;
    request.range = KeyRange::one(key_);
    auto range = client_->range(request);
    if (!range) return range.error();
    if (range->kvs.empty()) return std::optional<KeyValue>();
    return std::optional(std::move(range->kvs.front()));
}

bool Registration::Impl::is_own(const KeyValue& kv) const {
    return std::find(own_leases_.begin(), own_leases_.end(), kv.lease) != own_leases_.end();
}

// Its key goes with it, if it is alive; if it was lost, the hub may give it all its time once more.
void Registration::Impl::drop_lease() {
    lease_.reset();
    perhaps_left_ = std::exchange(perhaps_put_, false) || perhaps_left_;
    const std::lock_guard lock(mutex_);
    written_.reset();
    lost_.reset();
}

// A key that is there with a lease that was lost goes with one that can be ended.
Status Registration::Impl::take_along() {
    const auto there = look();
    if (!there) return there.error();
    const std::optional<KeyValue>& kv = *there;
    if (!kv || !is_own(*kv) || (lease_ && kv->lease == lease_->id())) return {};
    if (Status granted = lease_ ? Status() : grant(); !granted) return granted;
    const auto done = client_->txn(putting(kv->value, kv->mod_revision));  // refused: it has gone, or is another one's now
    if (!done) return done.error();
    return {};
}

void Registration::Impl::enter(RegistrationState state, const Error& reason) {
    {
        const std::lock_guard lock(mutex_);
        state_ = state;
        moved_.notify_all();
    }
    if (options_.on_state) options_.on_state(state, reason);
}

// ---- Registration ----

Registration::Registration(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
Registration::~Registration() { (void)impl_->stop(); }

void Registration::beat() { impl_->beat(); }
void Registration::report(Health health, BytesView note) { impl_->report(health, note); }

Status Registration::set_weight(uint32_t weight) {
    return impl_->change([&](Instance& instance) { instance.weight = weight; });
}

Status Registration::set_labels(std::map<std::string, std::string> labels) {
    return impl_->change([&](Instance& instance) { instance.labels = std::move(labels); });
}

Status Registration::sync(std::chrono::milliseconds timeout) const { return impl_->sync(timeout, false); }
Status Registration::deregister() { return impl_->stop(); }
Instance Registration::instance() const { return impl_->instance(); }
RegistrationState Registration::state() const { return impl_->state(); }
uint64_t Registration::times_registered() const { return impl_->times_registered(); }

}  // namespace belfry

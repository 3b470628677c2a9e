#include "tests/sim/leased_process.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <memory>
#include <utility>

namespace belfry::sim {

namespace {

constexpr uint64_t hint_bytes = 16 * 1024;  // of changes in one answer
constexpr uint64_t wait_ms_max = 2500;      // for changes
constexpr uint64_t process_ttl_s_min = 2, process_ttl_s_max = 5;
constexpr uint64_t alive_permille = 980;                                 // of its time a lease is believed in
constexpr uint64_t clock_permille_min = 985, clock_permille_max = 1015;  // within the 2 % that leases allow

}  // namespace

Bytes hex(uint64_t number, int digits) {
    std::array<char, 24> text{};
    std::snprintf(text.data(), text.size(), "%0*llx", digits, static_cast<unsigned long long>(number));
    return text.data();
}

LeasedProcess::LeasedProcess(RecipeParts parts, RecipeClient client)
    : parts_(parts),
      client_(std::move(client)),
      number_(parts.world.random.between(1, 0x7fff)),
      clock_permille_(parts.world.random.between(clock_permille_min, clock_permille_max)) {}

void LeasedProcess::run(uint64_t life, const std::function<void()>& action) {
    if (life != life_) return;
    if (parts_.world.now() >= stopped_until_ms_) return action();
    parts_.world.at(stopped_until_ms_, [this, life, action] { run(life, action); });
}

void LeasedProcess::after(uint64_t delay_ms, std::function<void()> action) {
    parts_.world.after(delay_ms, [this, life = life_, action = std::move(action)] { run(life, action); });
}

void LeasedProcess::ask(protocol::RequestOp op, const Bytes& comment, Take take) {
    const auto once = [this, life = life_, heard = std::make_shared<bool>(false),
                       take = std::move(take)](const Result<protocol::Reply>& reply) {
        if (*heard) return;
        run(life, [heard, take, reply] {
            if (!std::exchange(*heard, true)) take(reply);
        });
    };
    client_.send({std::move(op), comment}, once);
    parts_.world.after(client_.timeout_ms, [once] { once(Error{Code::timeout, "no answer"}); });
}

void LeasedProcess::write(protocol::RequestOp op, std::optional<protocol::Compare> guard, Take take) {
    const Bytes comment = next_comment();
    Ledger::Write write{client_.name, comment, {}, guard, parts_.ledger.newest(), {}, !guard};
    ask(std::move(op), comment, [this, write = std::move(write), take = std::move(take)](const auto& reply) {
        if (reply) parts_.ledger.answered(write, *reply);
        take(reply);
    });
}

void LeasedProcess::insist(const protocol::TxnRequest& txn, std::optional<protocol::Compare> guard, TakeTxn take) {
    if (!alive()) return begin_soon();
    write(txn, guard, [this, txn, guard, take](const Result<protocol::Reply>& reply) {
        const auto* const done = reply ? std::get_if<protocol::TxnReply>(&reply->result) : nullptr;
        const Code code = code_of(reply);
        if (code == Code::ok && done != nullptr) return take(*done, reply->revision);
        if (!may_pass(code) && code != Code::conflict) return begin_soon();
        after(pause_ms(), [this, txn, guard, take] { insist(txn, guard, take); });
    });
}

void LeasedProcess::read(const KeyRange& range, std::function<void()> again, TakeRange take) {
    if (!alive()) return begin_soon();
    protocol::RangeRequest request;
    request.range = range;
    ask(std::move(request), {}, [this, again = std::move(again), take = std::move(take)](const auto& reply) {
        const auto* const found = reply ? std::get_if<protocol::RangeReply>(&reply->result) : nullptr;
        if (found != nullptr && reply->error.code == Code::ok) return take(*found, reply->revision);
        after(pause_ms(), again);
    });
}

// A member that answers at once without anything is not asked again at once.
void LeasedProcess::await(protocol::FilterSpec filter, Revision seen, TakeChanges take) {
    protocol::ChangesRequest request;
    request.filter = std::move(filter);
    request.from = seen;
    request.limit_bytes = hint_bytes;
    const uint64_t wait_ms = std::min(client_.timeout_ms / 2, wait_ms_max);
    request.wait_ms = wait_ms;
    ask(std::move(request), {}, [this, take = std::move(take), asked_ms = parts_.world.now(), wait_ms](const auto& reply) {
        const auto* const found = reply ? std::get_if<protocol::ChangesReply>(&reply->result) : nullptr;
        const bool changed = found != nullptr && !found->changes.empty();
        const bool soon = !changed && parts_.world.now() - asked_ms < wait_ms / 2;
        const auto told = found != nullptr ? std::optional(*found) : std::nullopt;
        after(soon ? pause_ms() : 0, [take, told] { take(told ? &*told : nullptr); });
    });
}

void LeasedProcess::stay(bool calm, std::function<void()> then) {
    Random& random = parts_.world.random;
    const uint64_t dice = calm ? 100 : random.below(100);
    if (dice < 4) return begin(random.below(3000));
    if (dice < 8) return revoke();
    if (dice < 14) stop_until(parts_.world.now() + lease_ms() + random.below(2000));
    after(random.below(calm ? 20 : 200), std::move(then));
}

void LeasedProcess::begin(uint64_t pause_ms) {
    ++life_;
    has_lease_ = false;
    owed_.clear();
    stopped_until_ms_ = 0;
    after(pause_ms, [this] { grant(client_.own_number); });
}

void LeasedProcess::vanish() {
    ++life_;
    has_lease_ = false;
}

// With the number of the last one if that can be had, by some after another try: what it left is not this one's.
void LeasedProcess::grant(LeaseId number) {
    const protocol::LeaseGrantRequest request{number, parts_.world.random.between(process_ttl_s_min, process_ttl_s_max)};
    const Bytes comment = next_comment();
    ask(request, comment, [this, request, comment, sent_ms = parts_.world.now()](const Result<protocol::Reply>& reply) {
        promised_life_ = reply ? parts_.promises.answered_grant(request, comment, sent_ms, *reply) : 0;
        if (promised_life_ == 0) {
            const LeaseId next = parts_.world.random.chance(70) ? client_.own_number : LeaseId();
            return after(parts_.world.random.between(50, 300), [this, next] { grant(next); });
        }
        lease_ = std::get<protocol::LeaseGrantReply>(reply->result).lease;
        ttl_s_ = request.ttl_s;
        alive_since_ms_ = sent_ms;
        has_lease_ = true;
        parts_.world.trace([&] { return client_.name + " lives again, with lease " + std::to_string(lease_.value); });
        keep_alive();
        on_begin();
    });
}

bool LeasedProcess::alive() const {
    const uint64_t own_ms = (parts_.world.now() - alive_since_ms_) * clock_permille_ / 1000;
    return has_lease_ && own_ms < lease_ms() * alive_permille / 1000;
}

void LeasedProcess::keep_alive() {
    after(lease_ms() / 3, [this] {
        if (!alive()) return;
        keep_alive();
        const auto asked = parts_.promises.sign_of_life(promised_life_);
        ask(protocol::LeaseKeepAliveRequest{{lease_}}, {}, [this, asked](const Result<protocol::Reply>& reply) {
            const auto* const told = reply ? std::get_if<protocol::LeaseKeepAliveReply>(&reply->result) : nullptr;
            if (told == nullptr || reply->error.code != Code::ok) return;
            if (!parts_.promises.answered_keep_alive(asked, told->ttl_s.at(0))) {
                has_lease_ = false;
            } else {
                alive_since_ms_ = std::max(alive_since_ms_, asked.sent_ms);
                pay();
            }
        });
    });
}

void LeasedProcess::pay() {
    for (const protocol::RequestOp& op : std::exchange(owed_, {})) {
        write(op, std::nullopt, [this, op](const Result<protocol::Reply>& reply) {
            if (may_pass(code_of(reply))) owe(op);
        });
    }
}

void LeasedProcess::revoke() {
    end_lease([this](bool) { begin(parts_.world.random.below(500)); });
}

void LeasedProcess::end_lease(std::function<void(bool is_gone)> then) {
    const Bytes comment = next_comment();
    has_lease_ = false;
    ask(protocol::LeaseRevokeRequest{lease_}, comment,
        [this, comment, then = std::move(then)](const Result<protocol::Reply>& reply) {
            if (reply) parts_.promises.answered_revoke(promised_life_, comment, *reply);
            then(reply && reply->error.code == Code::ok);
        });
}

}  // namespace belfry::sim

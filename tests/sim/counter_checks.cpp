#include "tests/sim/counter_checks.hpp"

#include <charconv>
#include <string>

namespace belfry::sim {

namespace {

Error wrong_count(const std::string& what) { return {Code::corrupt, "counter: " + what}; }

}  // namespace

std::optional<int64_t> counter_number(const KeyValue* kv) {
    if (kv == nullptr) return 0;
    int64_t number = 0;
    const char* const end = kv->value.data() + kv->value.size();
    const auto parsed = std::from_chars(kv->value.data(), end, number);
    return parsed.ec == std::errc() && parsed.ptr == end ? std::optional(number) : std::nullopt;
}

Result<int64_t> counter_next(const CounterCall& call, int64_t standing) {
    int64_t sum = 0;
    switch (call.kind) {
        case CounterCall::Kind::add:
            if (__builtin_add_overflow(standing, call.number, &sum)) return Error{Code::invalid_argument, "overflow"};
            return sum;
        case CounterCall::Kind::compare_and_set:
            if (standing != call.expected) return Error{Code::conflict, "another number"};
            return call.number;
        case CounterCall::Kind::set:
        case CounterCall::Kind::spoil: break;
    }
    return call.number;
}

Status CounterChecks::on_change(const ChangeSet& change) {
    for (const Event& event : change.events) {
        if (event.kv.key != CounterKeys::number) continue;
        const auto call = call_of_.find(change.comment);
        if (call == call_of_.end()) return wrong_count(change.author + " changes it, and no call of his does");
        if (Status good = on_event(event, calls_[call->second]); !good)
            return wrong_count(what(call->second) + good.error().detail);
        close_before(call->second);
    }
    return {};
}

Status CounterChecks::on_event(const Event& event, Told& told) {
    if (told.made) return wrong_count("done twice");
    if (told.outcome == Outcome::refused)
        return wrong_count("done though it was refused, or given up before another write");
    const bool is_put = event.type == EventType::put;
    const auto before = standing_;
    standing_ = counter_number(is_put ? &event.kv : nullptr);
    told.made = standing_.value_or(0);
    const bool is_whatever = told.call.kind == CounterCall::Kind::set || told.call.kind == CounterCall::Kind::spoil;
    if (told.call.kind == CounterCall::Kind::spoil) return {};
    if (!is_whatever && !before) return wrong_count("done with what was no number");
    const auto next = counter_next(told.call, before.value_or(0));
    if (!next) return wrong_count("done with " + std::to_string(*before));
    if (standing_ != *next) return wrong_count("has made " + event.kv.value + ", not " + std::to_string(*next));
    if (told.call.kind == CounterCall::Kind::add) ++adds_;
    return {};
}

// What this client did not hear of before this write is not done any more.
void CounterChecks::close_before(size_t call) {
    if (!calls_[call].ordered) return;
    for (size_t i = 0; i < call; ++i) {
        Told& one = calls_[i];
        const bool is_over = one.user == calls_[call].user && one.outcome == Outcome::uncertain && !one.made;
        if (is_over) one.outcome = Outcome::refused;
    }
}

size_t CounterChecks::begins(const Bytes& user, const CounterCall& call, bool ordered) {
    calls_.push_back({user, call, ordered});
    return calls_.size() - 1;
}

void CounterChecks::answered_ok(size_t call, int64_t number) {
    Told& told = calls_[call];
    told.outcome = Outcome::ok;
    if (!told.made) return world_.fail("counter: " + what(call) + "ok, and not done");
    if (*told.made != number)
        world_.fail("counter: " + what(call) + "ok with " + std::to_string(number) + ", and made " +
                    std::to_string(*told.made));
}

void CounterChecks::answered(size_t call, Code code) {
    Told& told = calls_[call];
    const bool is_open = code == Code::uncertain || code == Code::timeout;
    told.outcome = is_open ? Outcome::uncertain : Outcome::refused;
    if (!is_open && told.made) world_.fail("counter: " + what(call) + "refused, and done");
}

std::string CounterChecks::what(size_t call) const {
    static constexpr const char* names[] = {"add ", "set ", "compare_and_set ", "spoil "};
    const Told& told = calls_[call];
    return told.user + "'s " + names[static_cast<size_t>(told.call.kind)] + std::to_string(told.call.number) + ": ";
}

}  // namespace belfry::sim

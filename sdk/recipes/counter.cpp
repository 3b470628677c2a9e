#include "sdk/recipes/counter.hpp"

#include <algorithm>
#include <charconv>
#include <limits>
#include <thread>

#include "sdk/base/random.hpp"

namespace belfry {
namespace {

using protocol::Compare;

// With pauses of 128 ms in the mean some seconds: whoever has not had his turn by then meets far too many others.
constexpr int tries_max = 64;
constexpr uint64_t pause_us_min = 500;  // about a write of another one
constexpr uint64_t pause_us_max = 256'000;
constexpr int doublings_max = 9;
static_assert(pause_us_min << doublings_max == pause_us_max);

// A random part of a time that doubles, so that those who met do not meet again.
void pause(int tries) {
    const uint64_t bound_us = pause_us_min << std::min(tries, doublings_max);
    std::this_thread::sleep_for(std::chrono::microseconds(random_u64() % bound_us));
}

bool overflows(int64_t number, int64_t amount) {
    if (amount > 0) return number > std::numeric_limits<int64_t>::max() - amount;
    return number < std::numeric_limits<int64_t>::min() - amount;
}

}  // namespace

Result<Counter::Standing> Counter::read() const {
    protocol::RangeRequest request;
    request.range = KeyRange::one(key_);
    const auto range = client_->range(request);
    if (!range) return range.error();
    if (range->kvs.empty()) return Standing{};
    const KeyValue& kv = range->kvs[0];
    Standing now{0, kv.mod_revision, kv.lease};
    const char* const end = kv.value.data() + kv.value.size();
    const auto parsed = std::from_chars(kv.value.data(), end, now.number);
    if (parsed.ec == std::errc() && parsed.ptr == end) return now;
    return Error{Code::invalid_argument, "'" + key_ + "' holds no whole number of 64 bits"};
}

Result<int64_t> Counter::get() const {
    const auto now = read();
    if (!now) return now.error();
    return now->number;
}

Result<int64_t> Counter::change(const std::function<Result<int64_t>(int64_t)>& next) const {
    for (int tries = 0; tries < tries_max; ++tries) {
        const auto now = read();
        if (!now) return now.error();
        const auto number = next(now->number);
        if (!number) return number.error();
        protocol::TxnRequest txn;
        txn.compares = {{KeyRange::one(key_), Compare::Target::mod, Compare::Op::equal, now->mod.value, {}}};
        txn.then_ops.push_back({protocol::PutRequest{key_, std::to_string(*number), now->lease}});
        const auto done = client_->txn(std::move(txn));
        if (!done) return done.error();
        if (done->succeeded) return *number;
        pause(tries);
    }
    return Error{Code::busy,
                 "'" + key_ + "': others were quicker " + std::to_string(tries_max) + " times; not done, try later"};
}

Result<int64_t> Counter::add(int64_t amount) const {
    return change([&](int64_t number) -> Result<int64_t> {
        if (!overflows(number, amount)) return number + amount;
        return Error{Code::invalid_argument, "'" + key_ + "' is " + std::to_string(number) + "; with " +
                                                 std::to_string(amount) + " more it would overflow 64 bits"};
    });
}

Status Counter::set(int64_t number) const {
    const auto done = client_->put(key_, std::to_string(number));
    if (!done) return done.error();
    return {};
}

Status Counter::compare_and_set(int64_t expected, int64_t number) const {
    const auto done = change([&](int64_t now) -> Result<int64_t> {
        if (now == expected) return number;
        return Error{Code::conflict, "'" + key_ + "' is " + std::to_string(now) + ", not " + std::to_string(expected)};
    });
    if (!done) return done.error();
    return {};
}

}  // namespace belfry

#include "hub/core/waiting_reads.hpp"

#include <algorithm>

#include "hub/base/assert.hpp"
#include "hub/base/limits.hpp"

namespace belfry::hub::core {

bool WaitingReads::full() const { return count() >= limits::waiting_reads_max; }

void WaitingReads::add(WaitingRead read) {
    BELFRY_ASSERT(!full());
    lowest_ = std::min(lowest_, read.min_revision);
    reads_.push_back(std::move(read));
}

template <class Predicate>
std::vector<WaitingRead> WaitingReads::take(Predicate predicate) {
    std::vector<WaitingRead> taken;
    std::vector<WaitingRead> kept;
    for (WaitingRead& read : reads_) (predicate(read) ? taken : kept).push_back(std::move(read));
    reads_ = std::move(kept);
    lowest_ = Revision{UINT64_MAX};
    for (const WaitingRead& read : reads_) lowest_ = std::min(lowest_, read.min_revision);
    return taken;
}

void WaitingReads::reach(Revision revision) {
    if (lowest_ > revision) return;
    for (WaitingRead& read : take([&](const WaitingRead& read) { return read.min_revision <= revision; })) {
        ready_.push_back(std::move(read));
    }
}

WaitingRead WaitingReads::take_ready() {
    WaitingRead ready = std::move(ready_.front());
    ready_.pop_front();
    return ready;
}

std::vector<WaitingRead> WaitingReads::take_late(uint64_t now_ms) {
    std::vector<WaitingRead> late;
    if (next_deadline_ms() <= now_ms) late = take([&](const WaitingRead& read) { return read.deadline_ms <= now_ms; });
    while (!ready_.empty() && ready_.front().deadline_ms <= now_ms) late.push_back(take_ready());
    return late;
}

void WaitingReads::forget(uint64_t connection) {
    const auto is_of = [&](const WaitingRead& read) { return read.request.connection == connection; };
    std::erase_if(ready_, is_of);
    if (!reads_.empty()) take(is_of);
}

// All wait equally long, so the oldest is the first to be late.
uint64_t WaitingReads::next_deadline_ms() const { return reads_.empty() ? UINT64_MAX : reads_.front().deadline_ms; }

}  // namespace belfry::hub::core

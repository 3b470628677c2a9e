// How much one round of the core takes on: raft, and with it heartbeats, has its turn between rounds only. What can wait is
// put off to the next round, which comes at once. But one piece is done even if the round is full, so that nothing waits
// for ever; the kinds of work take turns at that.
//
// It counts keys (Keyspace::looked_at()) and octets of answers, no time: the core has no clock of its own.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace belfry::hub::core {

class Round {
public:
    enum class Work : uint8_t { entries, writes, gated_reads, waiting_reads, streams };

    Round(uint64_t keys_max, size_t reply_bytes_max) : keys_max_(keys_max), reply_bytes_max_(reply_bytes_max) {}

    bool is_full(uint64_t looked_at, size_t reply_bytes) const {
        return looked_at - begun_at_ >= keys_max_ || reply_bytes >= reply_bytes_max_;
    }
    // For one piece more of this kind.
    bool has_time(Work kind, uint64_t looked_at, size_t reply_bytes) {
        bool& has_had_some = has_had_some_[static_cast<size_t>(kind)];
        const bool has_time = !is_full(looked_at, reply_bytes) || (kind == turn_ && !has_had_some);
        has_had_some = has_had_some || has_time;
        return has_time;
    }
    // Call it at the end of each.
    void end(uint64_t looked_at, size_t reply_bytes) {
        if (is_full(looked_at, reply_bytes)) turn_ = static_cast<Work>((static_cast<size_t>(turn_) + 1) % kinds);
        begun_at_ = looked_at;
        has_had_some_ = {};
    }

private:
    static constexpr size_t kinds = 5;
    const uint64_t keys_max_;
    const size_t reply_bytes_max_;
    uint64_t begun_at_ = 0;  // Keyspace::looked_at()
    Work turn_ = Work::entries;
    std::array<bool, kinds> has_had_some_ = {};
};

}  // namespace belfry::hub::core

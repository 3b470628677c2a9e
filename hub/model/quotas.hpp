// The quotas of policies: how many keys match a pattern, and their octets. A part of the state machine: every member counts
// what it applies, so a write is refused (or not) by what was applied before it, on all members alike, whoever leads and
// whatever is on its way. A write that only lets the numbers shrink, or leaves them, is never refused.
//
// table 0 meta   "quota/PATTERN" -> u8 format (1), varint keys, varint bytes, varint keys_max + 1 (0 = none),
//                                   varint bytes_max + 1
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "hub/model/records.hpp"
#include "hub/plugin/state_store.hpp"
#include "sdk/base/match.hpp"
#include "sdk/protocol/quota.hpp"

namespace belfry::hub::model {

inline constexpr uint8_t quota_format = 1;
inline constexpr size_t quotas_max = 256;  // each is asked about every key that is written

struct QuotaUse {
    uint64_t keys = 0;
    uint64_t bytes = 0;
    friend bool operator==(const QuotaUse&, const QuotaUse&) = default;
};

class Quotas {
public:
    explicit Quotas(plugin::StateStore& store) : store_(store) {}

    // Everything, from the store.
    Status load();
    // After a rollback.
    Status reload() { return uncommitted_ ? load() : Status(); }
    // What changed since the last time, into the store's open batch.
    Status write_back();
    void committed() { uncommitted_ = false; }

    bool has(BytesView pattern) const { return held_.contains(pattern); }
    bool full() const { return held_.size() >= quotas_max; }
    // Sets the bounds of a pattern, whose keys use so much; none: it has no quota any more. In the store's open batch.
    // REQUIRES: the pattern is a glob; for a new one !full().
    Status set(BytesView pattern, const std::optional<protocol::Quota>& quota, const QuotaUse& use);

    // One event of the command being applied.
    void note(const ChangeEvent& event) {
        if (!held_.empty()) count(event);
    }
    // May the command do what was noted? `too_large`, with key, quota, present and wanted number.
    Status check() const;
    // It is done, or was refused.
    void settle(bool done);

    void for_each(const std::function<void(BytesView, const protocol::Quota&, const QuotaUse&)>& visit) const;

private:
    struct Held {
        Glob keys;
        protocol::Quota quota;
        QuotaUse use;
        bool is_unwritten = false;
        // Of the command being applied.
        bool is_touched = false;
        int64_t more_keys = 0;
        int64_t more_bytes = 0;
        Bytes key = {};  // with which it went over a bound first
    };
    void count(const ChangeEvent& event);
    static bool too_many_keys(const Held& held);
    static bool too_many_bytes(const Held& held);

    plugin::StateStore& store_;
    std::map<Bytes, Held, std::less<>> held_;  // by pattern
    std::vector<std::map<Bytes, Held, std::less<>>::iterator> touched_;
    bool uncommitted_ = false;
};

}  // namespace belfry::hub::model

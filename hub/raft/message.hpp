// What members say to each other, as data; nothing of libraft in it. The sizes and counts are those of one message.
#pragma once

#include <cstdint>
#include <memory>
#include <variant>
#include <vector>

#include "hub/log/entry.hpp"
#include "sdk/base/types.hpp"

namespace belfry::hub::raft {

using EntryType = log::EntryType;

struct Entry {
    Index index;
    Term term;
    EntryType type = EntryType::command;
    std::shared_ptr<const Bytes> payload;
};

struct RequestVote {
    uint64_t candidate = 0;
    Index last;  // of the candidate's durable log
    Term last_term;
    bool disrupt_leader = false;
    bool pre_vote = false;
};

struct RequestVoteResult {
    bool granted = false;
    bool pre_vote = false;
    uint16_t features = 0;
    uint16_t capacity = 0;
};

// As the adapter gives it out, `entries` is empty and `count` says how many must be filled in, from previous + 1 on, before
// it leaves. The sender may split it into several that follow one another without a gap; it must not send less.
struct AppendEntries {
    Index previous;
    Term previous_term;
    Index commit;
    uint32_t count = 0;
    std::vector<Entry> entries;
};

struct AppendEntriesResult {
    Index rejected;  // 0 = taken
    Index last;
    uint16_t features = 0;
    uint16_t capacity = 0;
};

// Carries no data: the receiver first fetches the snapshot by other ways and only then hands this to its engine.
struct InstallSnapshot {
    Index last;
    Term last_term;
    Index configuration_index;
    Bytes configuration;  // payload of the CHANGE entry in force at `last`
};

struct TimeoutNow {
    Index last;
    Term last_term;
};

// Are you still in my term? Not for the engine: read_barrier.hpp sends and answers these.
struct ReadProbe {
    uint64_t round = 0;
};

struct ReadProbeResult {
    uint64_t round = 0;
    bool granted = false;
};

struct Message {
    uint64_t peer = 0;  // to whom, or from whom
    uint8_t version = 0;
    Term term;
    std::variant<RequestVote, RequestVoteResult, AppendEntries, AppendEntriesResult, InstallSnapshot, TimeoutNow, ReadProbe,
                 ReadProbeResult>
        body;
};

}  // namespace belfry::hub::raft

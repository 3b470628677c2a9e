// The hub's own records: policies, later users and roles. A part of the state machine like the keys, changed by commands
// alone, in a table that no range of keys sees.
//
// table 5 records   name -> u8 format (1), varint version, u64 time_ms, bytes author, content (the rest)
#pragma once

#include "hub/plugin/state_store.hpp"
#include "sdk/protocol/messages.hpp"

namespace belfry::hub::model {

inline constexpr uint8_t own_record_format = 1;

class OwnRecords {
public:
    explicit OwnRecords(plugin::StateStore& store) : store_(store) {}

    // Counts what is there.
    Status load();
    // After a rollback.
    Status reload() { return changed_ ? load() : Status(); }
    void committed() { changed_ = false; }

    // Inside the store's open batch. `conflict`: not the version that was expected, or nothing there to remove;
    // `too_large`: no room (limits::records_bytes_max). Nothing is changed then; any other error is the store's.
    Result<protocol::RecordChangeReply> change(const protocol::RecordChangeRequest& request, BytesView author,
                                               uint64_t time_ms);
    // One page, in order of names.
    Result<protocol::RecordsReply> list(const protocol::RecordsRequest& request);

private:
    Result<std::optional<protocol::Record>> find(BytesView name);
    plugin::StateStore& store_;
    uint64_t bytes_ = 0;  // of names and contents
    bool changed_ = false;
};

}  // namespace belfry::hub::model

#include "plugins/log_memory/log_memory.hpp"

#include <algorithm>

namespace belfry::log_memory {

Result<std::unique_ptr<MemoryLog>> MemoryLog::open(const plugin::OpenArguments& arguments) {
    if (!arguments.settings.empty())
        return Error{Code::invalid_argument, "log_memory has no setting '" + arguments.settings.front().first + "'"};
    return std::make_unique<MemoryLog>();
}

Result<plugin::LogState> MemoryLog::state() {
    return plugin::LogState{boundary_.next(), last(), boundary_, boundary_term_, term_, voted_for_, 0};
}

Status MemoryLog::append(std::span<const belfry_log_entry> entries) {
    if (const Code code = std::exchange(append_failure_, Code::ok); code != Code::ok)
        return Error{code, "log_memory: append was told to fail"};
    for (size_t i = 0; i < entries.size(); ++i) {
        if (entries[i].index != last().value + 1 + i)
            return Error{Code::invalid_argument, "entry " + std::to_string(entries[i].index) + " leaves a gap"};
        if (entries[i].payload.size > BELFRY_LOG_PAYLOAD_BYTES_MAX)
            return Error{Code::too_large, "entry " + std::to_string(entries[i].index) + " is larger than 16 MiB"};
    }
    for (const belfry_log_entry& entry : entries)
        entries_.push_back({{entry.term}, entry.type, Bytes(plugin::from_c(entry.payload))});
    return {};
}

Status MemoryLog::truncate_after(Index last_kept) {
    if (last_kept < boundary_) return Error{Code::invalid_argument, "cannot truncate before the log's beginning"};
    if (last_kept >= last()) return {};
    entries_.resize(last_kept.value - boundary_.value);
    synced_ = std::min(synced_, last_kept);
    return {};
}

Status MemoryLog::sync() {
    if (const Code code = std::exchange(sync_failure_, Code::ok); code != Code::ok)
        return Error{code, "log_memory: sync was told to fail"};
    synced_ = last();
    return {};
}

Status MemoryLog::read(Index first, const plugin::LogVisitor& visitor) {
    if (first <= boundary_) return Error{Code::compacted, "entry " + std::to_string(first.value) + " is compacted"};
    for (Index index = first; index <= last(); index = index.next()) {
        const Entry& entry = entries_[index.value - boundary_.value - 1];
        if (!visitor({index.value, entry.term.value, entry.type, 0, plugin::to_c(BytesView(entry.payload))})) break;
    }
    return {};
}

Status MemoryLog::compact(Index first_kept) {
    if (first_kept > last().next()) return Error{Code::invalid_argument, "cannot compact past the end of the log"};
    for (; boundary_.next() < first_kept; boundary_ = boundary_.next()) {
        boundary_term_ = entries_.front().term;
        entries_.pop_front();
    }
    synced_ = std::max(synced_, boundary_);
    return {};
}

Status MemoryLog::reset(Index boundary, Term boundary_term) {
    entries_.clear();
    boundary_ = synced_ = boundary;
    boundary_term_ = boundary_term;
    return {};
}

Status MemoryLog::save_vote(Term term, uint64_t voted_for) {
    term_ = term;
    voted_for_ = voted_for;
    return {};
}

void MemoryLog::crash(size_t keep_unsynced_prefix_entries) {
    const uint64_t synced_entries = synced_.value - boundary_.value;
    entries_.resize(std::min<uint64_t>(entries_.size(), synced_entries + keep_unsynced_prefix_entries));
    synced_ = last();
}

}  // namespace belfry::log_memory

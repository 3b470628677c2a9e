#include "tests/sim/disk.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "hub/plugin/plugin.hpp"

extern "C" const belfry_plugin_descriptor* belfry_plugin_entry_storage_memory(const belfry_host_v1*, belfry_error*);

namespace belfry::sim {

using hub::raft::Entry;
using hub::raft::EntryType;

// ---- log ----

hub::raft::Restored SimLog::restored() const {
    hub::raft::Restored restored;
    restored.term = vote_.term;
    restored.voted_for = vote_.voted_for;
    restored.boundary = boundary_;
    restored.boundary_term = boundary_term_;
    if (configuration_.payload) {
        restored.configuration_index = configuration_.index;
        restored.configuration = *configuration_.payload;
    }
    for (const Entry& entry : entries_) {
        restored.trail.push_back({entry.index, entry.term, entry.type, nullptr});
        if (entry.type == EntryType::change) restored.trail.back().payload = entry.payload;
    }
    return restored;
}

bool SimLog::append(const Entry& entry) {
    if (full || entry.index != last().next()) return false;
    entries_.push_back(entry);
    return true;
}

void SimLog::compact(Index first_kept) {
    if (first_kept <= first()) return;
    const size_t drop = std::min<size_t>(first_kept.value - first().value, durable_);
    for (size_t i = 0; i < drop; ++i) {
        if (entries_[i].type == EntryType::change) configuration_ = entries_[i];
        boundary_ = entries_[i].index;
        boundary_term_ = entries_[i].term;
    }
    entries_.erase(entries_.begin(), entries_.begin() + static_cast<ptrdiff_t>(drop));
    durable_ -= drop;
    if (!cut_.empty() && cut_.front().index <= boundary_) cut_.clear();
}

void SimLog::truncate_after(Index last_kept) {
    const size_t kept = last_kept.value - boundary_.value;
    if (kept >= entries_.size()) return;
    if (durable_ > kept) {
        cut_.insert(cut_.begin(), entries_.begin() + static_cast<ptrdiff_t>(kept),
                    entries_.begin() + static_cast<ptrdiff_t>(durable_));
    }
    entries_.resize(kept);
    durable_ = std::min(durable_, kept);
}

void SimLog::reset(const hub::core::Boundary& boundary) {
    boundary_ = boundary.index;
    boundary_term_ = boundary.term;
    configuration_ = boundary.configuration;
    entries_.clear();
    cut_.clear();
    durable_ = 0;
}

size_t SimLog::crash(Random& random) {
    if (!cut_.empty() && random.chance(50)) {
        // What was cut begins at cut_.front(); nothing that came after the truncation is durable.
        const size_t kept = cut_.front().index.value - boundary_.value - 1;
        const size_t lost = entries_.size() - kept;
        entries_.resize(kept);
        entries_.insert(entries_.end(), cut_.begin(), cut_.end());
        cut_.clear();
        durable_ = entries_.size();
        return lost;
    }
    cut_.clear();
    const size_t kept = random.between(durable_, entries_.size());
    const size_t lost = entries_.size() - kept;
    entries_.resize(kept);
    durable_ = kept;
    return lost;
}

std::vector<Entry> SimLog::read(Index first_wanted, Index last_wanted, size_t bytes_max) const {
    std::vector<Entry> read;
    if (first_wanted < first()) return read;  // gone
    size_t bytes = 0;
    for (Index at_index = first_wanted; at_index <= std::min(last_wanted, last()); at_index = at_index.next()) {
        read.push_back(at(at_index));
        bytes += read.back().payload->size();
        if (bytes >= bytes_max) break;
    }
    return read;
}

// ---- store ----

namespace {

constexpr unsigned puts_refused_each = 3;  // small ones fit now and then

void host_log(void*, int32_t, const char*, const char*) {}
const belfry_host_v1 host = {sizeof(belfry_host_v1), BELFRY_ABI_MAJOR, BELFRY_ABI_MINOR, nullptr, host_log};

const belfry_state_store_v1& store_table() {
    const auto plugin = hub::plugin::link_plugin(&belfry_plugin_entry_storage_memory, host);
    if (!plugin) std::abort();
    return *plugin->state_store();
}

}  // namespace

SimStore::SimStore() { open(); }

void SimStore::open() {
    auto opened = hub::plugin::StateStore::open(host, store_table(), "storage_memory", "", {});
    if (!opened) std::abort();
    store_ = std::move(*opened);
    store_->inject([this](std::string_view slot) -> Status {
        const bool at_commit = full_ == Full::at_commit && slot == "commit";
        const bool at_put = full_ == Full::at_put && slot == "put" && ++puts_while_full_ % puts_refused_each == 0;
        if (at_commit || at_put) return Error{Code::no_space, "the simulated disk is full"};
        return {};
    });
}

void SimStore::set_full(Full full) {
    full_ = full;
    puts_while_full_ = 0;
}

void SimStore::process_crash() {
    if (store_->in_batch()) store_->rollback();
}

// A core may hold the store while a snapshot takes its place; without one there is none.
void SimStore::replace(const std::optional<Bytes>& snapshot) {
    if (!snapshot) {
        store_.reset();
        return open();
    }
    if (store_->in_batch()) store_->rollback();
    size_t at = 0;
    const auto restored = store_->snapshot_read([&](char* buffer, size_t capacity) -> Result<size_t> {
        const size_t size = std::min(capacity, snapshot->size() - at);
        std::memcpy(buffer, snapshot->data() + at, size);
        at += size;
        return size;
    });
    if (!restored) std::abort();
}

Result<std::pair<Index, Bytes>> SimStore::snapshot() {
    Bytes image;
    auto index = store_->snapshot_write([&](BytesView part) -> Status {
        image.append(part);
        return {};
    });
    if (!index) return index.error();
    return std::pair{*index, std::move(image)};
}

}  // namespace belfry::sim

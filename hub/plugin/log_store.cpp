#include "hub/plugin/log_store.hpp"

#include "hub/base/assert.hpp"
#include "hub/plugin/call.hpp"

namespace belfry::hub::plugin {

LogStore::LogStore(const belfry_log_store_v1& table, std::string name, belfry_log_store* log)
    : table_(table), name_(std::move(name)), log_(log) {}

LogStore::~LogStore() { table_.close(log_); }

Result<std::unique_ptr<LogStore>> LogStore::open(const belfry_host_v1& host, const belfry_log_store_v1& table,
                                                 std::string name, const std::string& directory, const Settings& settings) {
    ErrorBuffer error;
    belfry_log_store* log = nullptr;
    const std::vector<belfry_setting> list = plugin::to_c(settings);
    const belfry_status status = table.open(&host, directory.c_str(), list.data(), list.size(), &log, error);
    if (status != BELFRY_OK) return to_error(status, error, name, "open");
    if (log == nullptr) return Error{Code::io, name + ": open: gave no log"};
    return std::unique_ptr<LogStore>(new LogStore(table, std::move(name), log));
}

Status LogStore::fault(std::string_view slot) const { return fault_point_ ? fault_point_(slot) : Status{}; }

Result<belfry_log_state> LogStore::state() {
    ErrorBuffer error;
    belfry_log_state state = {};
    state.struct_size = sizeof(state);
    const belfry_status status = table_.state(log_, &state, error);
    if (status != BELFRY_OK) return to_error(status, error, name_, "state");
    return state;
}

Status LogStore::append(std::span<const belfry_log_entry> entries) {
    for (size_t i = 0; i < entries.size(); ++i) {
        BELFRY_ASSERT(entries[i].index == entries[0].index + i);
        BELFRY_ASSERT(entries[i].payload.size <= BELFRY_LOG_PAYLOAD_BYTES_MAX);
    }
    if (entries.empty()) return {};
    if (Status injected = fault("append"); !injected) return injected;
    ErrorBuffer error;
    return to_status(table_.append(log_, entries.data(), entries.size(), error), error, name_, "append");
}

Status LogStore::truncate_after(Index last_kept) {
    if (Status injected = fault("truncate_after"); !injected) return injected;
    ErrorBuffer error;
    return to_status(table_.truncate_after(log_, last_kept.value, error), error, name_, "truncate_after");
}

Status LogStore::sync() {
    if (Status injected = fault("sync"); !injected) return injected;
    ErrorBuffer error;
    return to_status(table_.sync(log_, error), error, name_, "sync");
}

Status LogStore::read(Index first, const Visitor& visitor) {
    if (Status injected = fault("read"); !injected) return injected;
    const auto visit = [](void* context, const belfry_log_entry* entry) noexcept -> int32_t {
        return (*static_cast<const Visitor*>(context))(*entry) ? 0 : 1;
    };
    ErrorBuffer error;
    return to_status(table_.read(log_, first.value, visit, const_cast<Visitor*>(&visitor), error), error, name_, "read");
}

Status LogStore::compact(Index first_kept) {
    if (Status injected = fault("compact"); !injected) return injected;
    ErrorBuffer error;
    return to_status(table_.compact(log_, first_kept.value, error), error, name_, "compact");
}

Status LogStore::reset(Index boundary, Term boundary_term) {
    if (Status injected = fault("reset"); !injected) return injected;
    ErrorBuffer error;
    return to_status(table_.reset(log_, boundary.value, boundary_term.value, error), error, name_, "reset");
}

Status LogStore::save_vote(Term term, uint64_t voted_for) {
    if (Status injected = fault("save_vote"); !injected) return injected;
    ErrorBuffer error;
    return to_status(table_.save_vote(log_, term.value, voted_for, error), error, name_, "save_vote");
}

Result<LogStore::Stats> LogStore::stats() {
    ErrorBuffer error;
    belfry_log_store_stats stats = {};
    stats.struct_size = sizeof(stats);
    const belfry_status status = table_.stats(log_, &stats, error);
    if (status != BELFRY_OK) return to_error(status, error, name_, "stats");
    return Stats{stats.bytes_used, stats.segment_count};
}

}  // namespace belfry::hub::plugin

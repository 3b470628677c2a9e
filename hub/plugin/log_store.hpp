// The host's side of the log store seam; see hub/plugin/state_store.hpp and sdk/plugin/log_store.h.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>

#include "hub/plugin/state_store.hpp"
#include "sdk/plugin/log_store.h"

namespace belfry::hub::plugin {

class LogStore {
public:
    static Result<std::unique_ptr<LogStore>> open(const belfry_host_v1& host, const belfry_log_store_v1& table,
                                                  std::string name, const std::string& directory, const Settings& settings);
    ~LogStore();
    LogStore(const LogStore&) = delete;
    LogStore& operator=(const LogStore&) = delete;

    const std::string& name() const { return name_; }
    Result<belfry_log_state> state();
    Status append(std::span<const belfry_log_entry> entries);
    Status truncate_after(Index last_kept);
    Status sync();
    // Return false to end.
    using Visitor = std::function<bool(const belfry_log_entry& entry)>;
    Status read(Index first, const Visitor& visitor);
    Status compact(Index first_kept);
    Status reset(Index boundary, Term boundary_term);
    Status save_vote(Term term, uint64_t voted_for);
    struct Stats {
        uint64_t bytes_used = 0, segment_count = 0;
    };
    Result<Stats> stats();

    // For tests: asked before each slot is called, by its name.
    void inject(FaultPoint fault_point) { fault_point_ = std::move(fault_point); }

private:
    LogStore(const belfry_log_store_v1& table, std::string name, belfry_log_store* log);
    Status fault(std::string_view slot) const;
    const belfry_log_store_v1& table_;
    std::string name_;
    belfry_log_store* log_;
    FaultPoint fault_point_;
};

}  // namespace belfry::hub::plugin

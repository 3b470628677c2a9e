// Log stores in C++: write a class with the members of LogStoreConcept and name it in BELFRY_PLUGIN:
//     BELFRY_PLUGIN(log_mine, "1.0.0", "Keeps the log in my files.", belfry::plugin::log_store<MyLog>())
// The meanings are those of sdk/plugin/log_store.h; the adapter only carries the calls over. Members may throw; the adapter
// answers `io`.
#pragma once

#include <concepts>
#include <span>

#include "sdk/plugin/log_store.h"
#include "sdk/plugin/plugin.hpp"

namespace belfry::plugin {

// Returns false to end the reading.
class LogVisitor {
public:
    LogVisitor(belfry_log_visitor visitor, void* context) : visitor_(visitor), context_(context) {}
    bool operator()(const belfry_log_entry& entry) const { return visitor_(context_, &entry) == 0; }

private:
    belfry_log_visitor visitor_;
    void* context_;
};

struct LogState {
    Index first, last;  // first = last + 1 when there is no entry
    Index boundary;     // the entry just before first
    Term boundary_term;
    Term term;
    uint64_t voted_for = 0;
    uint64_t cut_bytes = 0;
};

struct LogStoreStats {
    uint64_t bytes_used = 0;
    uint64_t segment_count = 0;
};

template <class T>
concept LogStoreConcept = requires(T log, const OpenArguments& arguments, std::span<const belfry_log_entry> entries,
                                   Index index, Term term, const LogVisitor& visitor, uint64_t voted_for) {
    { T::open(arguments) } -> std::same_as<Result<std::unique_ptr<T>>>;
    { log.state() } -> std::same_as<Result<LogState>>;
    { log.append(entries) } -> std::same_as<Status>;
    { log.truncate_after(index) } -> std::same_as<Status>;
    { log.sync() } -> std::same_as<Status>;
    { log.read(index, visitor) } -> std::same_as<Status>;
    { log.compact(index) } -> std::same_as<Status>;
    { log.reset(index, term) } -> std::same_as<Status>;
    { log.save_vote(term, voted_for) } -> std::same_as<Status>;
    { log.stats() } -> std::same_as<Result<LogStoreStats>>;
};

template <LogStoreConcept T>
class LogStoreTable {
    static T& of(belfry_log_store* log) { return *reinterpret_cast<T*>(log); }

    static belfry_status open(const belfry_host_v1* host, const char* directory, const belfry_setting* settings,
                              uint64_t setting_count, belfry_log_store** log, belfry_error* error) {
        return guarded(error, [&] {
            auto opened = T::open({Host(host), directory, settings_from_c(settings, setting_count)});
            if (!opened) return fail(error, opened.error().code, opened.error().detail);
            *log = reinterpret_cast<belfry_log_store*>(std::move(*opened).release());
            return belfry_status{BELFRY_OK};
        });
    }
    static belfry_status state(belfry_log_store* log, belfry_log_state* state, belfry_error* error) {
        return guarded(error, [&] {
            const Result<LogState> result = of(log).state();
            if (!result) return fail(error, result.error().code, result.error().detail);
            copy_out({sizeof(*state), 0, result->first.value, result->last.value, result->boundary.value,
                      result->boundary_term.value, result->term.value, result->voted_for, result->cut_bytes},
                     state);
            return belfry_status{BELFRY_OK};
        });
    }
    static belfry_status append(belfry_log_store* log, const belfry_log_entry* entries, uint64_t entry_count,
                                belfry_error* error) {
        return guarded(error, [&] { return plugin::to_c(of(log).append({entries, entry_count}), error); });
    }
    static belfry_status truncate_after(belfry_log_store* log, uint64_t last_kept, belfry_error* error) {
        return guarded(error, [&] { return plugin::to_c(of(log).truncate_after(Index{last_kept}), error); });
    }
    static belfry_status sync(belfry_log_store* log, belfry_error* error) {
        return guarded(error, [&] { return plugin::to_c(of(log).sync(), error); });
    }
    static belfry_status read(belfry_log_store* log, uint64_t first, belfry_log_visitor visitor, void* context,
                              belfry_error* error) {
        return guarded(error,
                       [&] { return plugin::to_c(of(log).read(Index{first}, LogVisitor(visitor, context)), error); });
    }
    static belfry_status compact(belfry_log_store* log, uint64_t first_kept, belfry_error* error) {
        return guarded(error, [&] { return plugin::to_c(of(log).compact(Index{first_kept}), error); });
    }
    static belfry_status reset(belfry_log_store* log, uint64_t boundary, uint64_t boundary_term, belfry_error* error) {
        return guarded(error, [&] { return plugin::to_c(of(log).reset(Index{boundary}, Term{boundary_term}), error); });
    }
    static belfry_status save_vote(belfry_log_store* log, uint64_t term, uint64_t voted_for, belfry_error* error) {
        return guarded(error, [&] { return plugin::to_c(of(log).save_vote(Term{term}, voted_for), error); });
    }
    static belfry_status stats(belfry_log_store* log, belfry_log_store_stats* stats, belfry_error* error) {
        return guarded(error, [&] {
            const Result<LogStoreStats> result = of(log).stats();
            if (!result) return fail(error, result.error().code, result.error().detail);
            copy_out({sizeof(*stats), 0, result->bytes_used, result->segment_count}, stats);
            return belfry_status{BELFRY_OK};
        });
    }
    static void close(belfry_log_store* log) { delete &of(log); }

public:
    static constexpr belfry_log_store_v1 slots = {sizeof(belfry_log_store_v1),
                                                  0,
                                                  open,
                                                  state,
                                                  append,
                                                  truncate_after,
                                                  sync,
                                                  read,
                                                  compact,
                                                  reset,
                                                  save_vote,
                                                  stats,
                                                  close};
};

template <LogStoreConcept T>
belfry_interface log_store() {
    return {BELFRY_KIND_LOG_STORE, 0, &LogStoreTable<T>::slots};
}

}  // namespace belfry::plugin

// Drives a log store through its table, for the suite: what must not fail throws CheckFailed with the store's sentence.
#pragma once

#include <string>
#include <vector>

#include "sdk/base/types.hpp"
#include "sdk/plugin/log_store.h"
#include "sdk/plugin/plugin.hpp"
#include "sdk/testing/state_store_driver.hpp"

namespace belfry::testing {

struct LogEntry {
    uint64_t term = 0;
    uint32_t type = 0;
    Bytes payload;
    bool operator==(const LogEntry&) const = default;
};

class LogDriver {
public:
    LogDriver(const belfry_log_store_v1& table, std::string directory, std::vector<belfry_setting> settings)
        : table_(table), directory_(std::move(directory)), settings_(std::move(settings)) {
        open();
    }
    ~LogDriver() { close(); }
    LogDriver(const LogDriver&) = delete;
    LogDriver& operator=(const LogDriver&) = delete;

    static Answer try_open(const belfry_log_store_v1& table, const std::string& directory,
                           const std::vector<belfry_setting>& settings) {
        belfry_log_store* log = nullptr;
        const Answer answer = ask([&](belfry_error* error) {
            return table.open(nullptr, directory.c_str(), settings.data(), settings.size(), &log, error);
        });
        if (answer.status == BELFRY_OK) table.close(log);
        return answer;
    }

    void open() {
        must("open", ask([&](belfry_error* error) {
                 return table_.open(nullptr, directory_.c_str(), settings_.data(), settings_.size(), &log_, error);
             }));
        require(log_ != nullptr, "open answered ok but gave no log");
    }
    void close() {
        if (log_ != nullptr) table_.close(log_);
        log_ = nullptr;
    }
    void reopen() {
        close();
        open();
    }

    belfry_log_state state() {
        belfry_log_state state = {};
        state.struct_size = sizeof(state);
        must("state", ask([&](belfry_error* error) { return table_.state(log_, &state, error); }));
        return state;
    }
    Answer try_append(uint64_t first_index, const std::vector<LogEntry>& entries) {
        std::vector<belfry_log_entry> raw;
        for (const LogEntry& entry : entries)
            raw.push_back({first_index + raw.size(), entry.term, entry.type, 0, plugin::to_c(BytesView(entry.payload))});
        return try_append_raw(raw);
    }
    Answer try_append_raw(const std::vector<belfry_log_entry>& raw) {
        return ask([&](belfry_error* error) { return table_.append(log_, raw.data(), raw.size(), error); });
    }
    Answer try_truncate_after(uint64_t last_kept) {
        return ask([&](belfry_error* error) { return table_.truncate_after(log_, last_kept, error); });
    }
    Answer try_compact(uint64_t first_kept) {
        return ask([&](belfry_error* error) { return table_.compact(log_, first_kept, error); });
    }
    Answer try_read(uint64_t first, std::vector<LogEntry>& found, size_t count_max = SIZE_MAX) {
        struct Reading {
            std::vector<LogEntry>& found;
            uint64_t next;
            size_t count_max;
            bool in_order = true;
        } reading{found, first, count_max};
        const auto visit = [](void* context, const belfry_log_entry* entry) -> int32_t {
            auto& self = *static_cast<Reading*>(context);
            self.in_order &= entry->index == self.next++;
            self.found.push_back({entry->term, entry->type, Bytes(plugin::from_c(entry->payload))});
            return self.found.size() < self.count_max ? 0 : 1;
        };
        Answer answer = ask([&](belfry_error* error) { return table_.read(log_, first, visit, &reading, error); });
        require(reading.in_order, "read shows entries in another order than by index");
        return answer;
    }
    void append(uint64_t first_index, const std::vector<LogEntry>& entries) {
        must("append", try_append(first_index, entries));
    }
    void truncate_after(uint64_t last_kept) { must("truncate_after", try_truncate_after(last_kept)); }
    void sync() {
        must("sync", ask([&](belfry_error* error) { return table_.sync(log_, error); }));
    }
    std::vector<LogEntry> read(uint64_t first, size_t count_max = SIZE_MAX) {
        std::vector<LogEntry> found;
        must("read", try_read(first, found, count_max));
        return found;
    }
    std::vector<LogEntry> all() { return read(state().first_index); }
    void compact(uint64_t first_kept) { must("compact", try_compact(first_kept)); }
    void reset(uint64_t boundary, uint64_t term) {
        must("reset", ask([&](belfry_error* error) { return table_.reset(log_, boundary, term, error); }));
    }
    void save_vote(uint64_t term, uint64_t voted_for) {
        must("save_vote", ask([&](belfry_error* error) { return table_.save_vote(log_, term, voted_for, error); }));
    }

    belfry_log_store* raw() { return log_; }
    const std::string& directory() const { return directory_; }

private:
    template <class Call>
    static Answer ask(Call&& call) {
        belfry_error error;
        error.struct_size = sizeof(error);
        error.reserved = 0;
        error.message[0] = '\0';
        const belfry_status status = call(&error);
        return {status, error.message};
    }
    static void must(const char* slot, const Answer& answer) {
        if (answer.status == BELFRY_OK) return;
        throw CheckFailed{std::string(slot) + " failed with status " + std::to_string(answer.status) + ": " +
                          answer.sentence};
    }

    const belfry_log_store_v1& table_;
    std::string directory_;
    std::vector<belfry_setting> settings_;
    belfry_log_store* log_ = nullptr;
};

}  // namespace belfry::testing

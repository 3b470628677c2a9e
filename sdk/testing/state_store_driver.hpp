// Drives a state store through its table, for the suite: what must not fail throws CheckFailed with the store's sentence.
#pragma once

#include <atomic>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "sdk/base/types.hpp"
#include "sdk/plugin/plugin.hpp"
#include "sdk/plugin/state_store.h"
#include "sdk/testing/report.hpp"

namespace belfry::testing {

// A folder of its own for one check.
class Folder {
public:
    explicit Folder(const std::string& parent) {
        static std::atomic<int> number = 0;
        path_ = parent + "/check" + std::to_string(++number);
        std::filesystem::create_directories(path_);
    }
    ~Folder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    const std::string& path() const { return path_; }

private:
    std::string path_;
};

inline void write_text(const std::string& path, const std::string& text) {
    std::ofstream file(path, std::ios::trunc);
    file << text;
}

using Pairs = std::vector<std::pair<Bytes, Bytes>>;

struct Answer {
    belfry_status status = BELFRY_OK;
    std::string sentence;
};

class StoreDriver {
public:
    StoreDriver(const belfry_state_store_v1& table, std::string directory)
        : table_(table), directory_(std::move(directory)) {
        open();
    }
    ~StoreDriver() { close(); }
    StoreDriver(const StoreDriver&) = delete;
    StoreDriver& operator=(const StoreDriver&) = delete;

    static Answer try_open(const belfry_state_store_v1& table, const std::string& directory,
                           const std::vector<belfry_setting>& settings = {}) {
        belfry_state_store* store = nullptr;
        const Answer answer = ask([&](belfry_error* error) {
            return table.open(nullptr, directory.c_str(), settings.data(), settings.size(), &store, error);
        });
        if (answer.status == BELFRY_OK) table.close(store);
        return answer;
    }

    void open() {
        must("open", ask([&](belfry_error* error) {
                 return table_.open(nullptr, directory_.c_str(), nullptr, 0, &store_, error);
             }));
        require(store_ != nullptr, "open answered ok but gave no store");
    }
    void close() {
        if (store_ != nullptr) table_.close(store_);
        store_ = nullptr;
    }
    void reopen() {
        close();
        open();
    }

    uint64_t applied() {
        uint64_t index = 0;
        must("applied_index", ask([&](belfry_error* error) { return table_.applied_index(store_, &index, error); }));
        return index;
    }
    Answer try_begin() {
        return ask([&](belfry_error* error) { return table_.begin(store_, error); });
    }
    Answer try_put(uint32_t table, BytesView key, BytesView value) {
        return ask(
            [&](belfry_error* error) { return table_.put(store_, table, plugin::to_c(key), plugin::to_c(value), error); });
    }
    Answer try_erase(uint32_t table, BytesView key) {
        return ask([&](belfry_error* error) { return table_.erase(store_, table, plugin::to_c(key), error); });
    }
    Answer try_commit(uint64_t index) {
        return ask([&](belfry_error* error) { return table_.commit(store_, index, error); });
    }
    Answer try_get(uint32_t table, BytesView key, BytesView* value) {
        belfry_bytes found = {nullptr, 0};
        Answer answer =
            ask([&](belfry_error* error) { return table_.get(store_, table, plugin::to_c(key), &found, error); });
        *value = plugin::from_c(found);
        return answer;
    }
    void begin() { must("begin", try_begin()); }
    void put(uint32_t table, BytesView key, BytesView value) { must("put", try_put(table, key, value)); }
    void erase(uint32_t table, BytesView key) { must("erase", try_erase(table, key)); }
    void commit(uint64_t index) { must("commit", try_commit(index)); }
    void rollback() { table_.rollback(store_); }
    std::optional<Bytes> get(uint32_t table, BytesView key) {
        BytesView value;
        const Answer answer = try_get(table, key, &value);
        if (answer.status == BELFRY_NOT_FOUND) return std::nullopt;
        must("get", answer);
        return Bytes(value);
    }
    // At most `count_max` pairs; the visitor then ends the scan.
    Pairs scan(uint32_t table, BytesView from = {}, BytesView to = {}, bool reverse = false, size_t count_max = SIZE_MAX) {
        struct Collecting {
            Pairs pairs;
            size_t count_max;
        } collecting{{}, count_max};
        const auto visit = [](void* context, belfry_bytes key, belfry_bytes value) -> int32_t {
            auto& self = *static_cast<Collecting*>(context);
            self.pairs.emplace_back(plugin::from_c(key), plugin::from_c(value));
            return self.pairs.size() < self.count_max ? 0 : 1;
        };
        must("scan", ask([&](belfry_error* error) {
                 return table_.scan(store_, table, plugin::to_c(from), plugin::to_c(to), reverse ? 1 : 0, visit,
                                    &collecting, error);
             }));
        return std::move(collecting.pairs);
    }

    bool can_sync() const { return BELFRY_HAS(&table_, belfry_state_store_v1, sync); }
    void sync() {
        must("sync", ask([&](belfry_error* error) { return table_.sync(store_, error); }));
    }
    Bytes snapshot(uint64_t* index) {
        Bytes image;
        const auto take = [](void* context, belfry_bytes part) -> belfry_status {
            static_cast<Bytes*>(context)->append(plugin::from_c(part));
            return BELFRY_OK;
        };
        must("snapshot_write",
             ask([&](belfry_error* error) { return table_.snapshot_write(store_, take, &image, index, error); }));
        return image;
    }
    Answer try_restore(BytesView image) {
        const auto give = [](void* context, void* buffer, uint64_t capacity, uint64_t* size) -> belfry_status {
            auto& rest = *static_cast<BytesView*>(context);
            // Odd sizes: a store must not rely on parts as it wrote them.
            *size = std::min<uint64_t>({capacity, rest.size(), 10'007});
            std::memcpy(buffer, rest.data(), *size);
            rest.remove_prefix(*size);
            return BELFRY_OK;
        };
        return ask([&](belfry_error* error) { return table_.snapshot_read(store_, give, &image, error); });
    }
    void restore(BytesView image) { must("snapshot_read", try_restore(image)); }

    belfry_state_store* raw() { return store_; }

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

    const belfry_state_store_v1& table_;
    std::string directory_;
    belfry_state_store* store_ = nullptr;
};

// Refused with this code and a sentence for the operator.
inline void require_refused(const Answer& answer, belfry_status status, const std::string& what) {
    require(answer.status == status, what + ": expected status " + std::to_string(status) + ", got " +
                                         std::to_string(answer.status) + " '" + answer.sentence + "'");
    require(!answer.sentence.empty(), what + ": refused without a sentence");
}

}  // namespace belfry::testing

// State stores in C++: write a class with the members of StateStoreConcept and name it in BELFRY_PLUGIN.
//
//     class MyStore {
//     public:
//         static Result<std::unique_ptr<MyStore>> open(const belfry::plugin::OpenArguments& arguments);
//         ...
//     };
//     BELFRY_PLUGIN(storage_mine, "1.0.0", "Keeps the state in my engine.", belfry::plugin::state_store<MyStore>())
//
// The meanings are those of sdk/plugin/state_store.h. The adapter checks arguments and the order of begin, commit and
// rollback, so the class sees only valid calls. Members may throw; the adapter answers `io`.
#pragma once

#include <concepts>

#include "sdk/plugin/plugin.hpp"
#include "sdk/plugin/state_store.h"

namespace belfry::plugin {

enum class Direction { forward, reverse };

// Returns false to end the scan.
class ScanVisitor {
public:
    ScanVisitor(belfry_scan_visitor visitor, void* context) : visitor_(visitor), context_(context) {}
    bool operator()(BytesView key, BytesView value) const {
        return visitor_(context_, plugin::to_c(key), plugin::to_c(value)) == 0;
    }

private:
    belfry_scan_visitor visitor_;
    void* context_;
};

class SnapshotSink {
public:
    SnapshotSink(belfry_snapshot_sink sink, void* context) : sink_(sink), context_(context) {}
    Status operator()(BytesView part) const {
        const belfry_status status = sink_(context_, plugin::to_c(part));
        if (status == BELFRY_OK) return {};
        return Error{static_cast<Code>(status), "the receiver of the snapshot ended the copy"};
    }

private:
    belfry_snapshot_sink sink_;
    void* context_;
};

class SnapshotSource {
public:
    SnapshotSource(belfry_snapshot_source source, void* context) : source_(source), context_(context) {}
    // At most `capacity` octets; 0 = the end.
    Result<size_t> operator()(char* buffer, size_t capacity) const {
        uint64_t size = 0;
        const belfry_status status = source_(context_, buffer, capacity, &size);
        if (status == BELFRY_OK && size <= capacity) return static_cast<size_t>(size);
        if (status == BELFRY_OK) return Error{Code::io, "the source of the snapshot gave more than was asked for"};
        return Error{static_cast<Code>(status), "the source of the snapshot ended the copy"};
    }

private:
    belfry_snapshot_source source_;
    void* context_;
};

struct StateStoreStats {
    uint64_t bytes_used = 0;
    uint64_t bytes_max = 0;  // 0 = bounded by the disk alone
};

// The members. `Status sync()` is optional.
template <class T>
concept StateStoreConcept = requires(T store, const OpenArguments& arguments, uint32_t table, BytesView bytes, Index index,
                                     Direction direction, const ScanVisitor& visitor, const SnapshotSink& sink,
                                     const SnapshotSource& source) {
    { T::open(arguments) } -> std::same_as<Result<std::unique_ptr<T>>>;
    { store.applied_index() } -> std::same_as<Result<Index>>;
    { store.begin() } -> std::same_as<Status>;
    { store.put(table, bytes, bytes) } -> std::same_as<Status>;
    { store.erase(table, bytes) } -> std::same_as<Status>;
    { store.commit(index) } -> std::same_as<Status>;
    { store.rollback() } -> std::same_as<void>;
    { store.get(table, bytes) } -> std::same_as<Result<BytesView>>;  // not_found needs no sentence
    { store.scan(table, bytes, bytes, direction, visitor) } -> std::same_as<Status>;
    { store.snapshot_write(sink) } -> std::same_as<Result<Index>>;
    { store.snapshot_read(source) } -> std::same_as<Status>;
    { store.stats() } -> std::same_as<Result<StateStoreStats>>;
};

template <StateStoreConcept T>
class StateStoreTable {
    struct Holder {
        std::unique_ptr<T> store;
        bool in_batch = false;
    };
    static Holder& of(belfry_state_store* store) { return *reinterpret_cast<Holder*>(store); }

    static belfry_status refuse(belfry_error* error, const char* sentence) {
        return fail(error, Code::invalid_argument, sentence);
    }
    // NULL if the arguments are fine.
    static const char* fault_of(const Holder& holder, uint32_t table, uint64_t key_size, uint64_t value_size) {
        if (!holder.in_batch) return "no batch is open; begin one first";
        if (table >= BELFRY_TABLE_COUNT) return "there is no table of this number";
        if (key_size == 0 || key_size > BELFRY_STORE_KEY_BYTES_MAX) return "a key has 1 to 511 octets";
        if (value_size > BELFRY_STORE_VALUE_BYTES_MAX) return "a value has at most 64 MiB";
        return nullptr;
    }

    static belfry_status open(const belfry_host_v1* host, const char* directory, const belfry_setting* settings,
                              uint64_t setting_count, belfry_state_store** store, belfry_error* error) {
        return guarded(error, [&] {
            auto opened = T::open({Host(host), directory, settings_from_c(settings, setting_count)});
            if (!opened) return fail(error, opened.error().code, opened.error().detail);
            *store = reinterpret_cast<belfry_state_store*>(new Holder{std::move(*opened), false});
            return belfry_status{BELFRY_OK};
        });
    }
    static belfry_status applied_index(belfry_state_store* store, uint64_t* index, belfry_error* error) {
        return guarded(error, [&] {
            const auto result = of(store).store->applied_index();
            if (!result) return fail(error, result.error().code, result.error().detail);
            *index = result->value;
            return belfry_status{BELFRY_OK};
        });
    }
    static belfry_status begin(belfry_state_store* store, belfry_error* error) {
        return guarded(error, [&] {
            Holder& holder = of(store);
            if (holder.in_batch) return refuse(error, "a batch is open already");
            const Status status = holder.store->begin();
            holder.in_batch = status.ok();
            return plugin::to_c(status, error);
        });
    }
    static belfry_status put(belfry_state_store* store, uint32_t table, belfry_bytes key, belfry_bytes value,
                             belfry_error* error) {
        return guarded(error, [&] {
            Holder& holder = of(store);
            if (const char* fault = fault_of(holder, table, key.size, value.size)) return refuse(error, fault);
            return plugin::to_c(holder.store->put(table, from_c(key), from_c(value)), error);
        });
    }
    static belfry_status erase(belfry_state_store* store, uint32_t table, belfry_bytes key, belfry_error* error) {
        return guarded(error, [&] {
            Holder& holder = of(store);
            if (const char* fault = fault_of(holder, table, key.size, 0)) return refuse(error, fault);
            return plugin::to_c(holder.store->erase(table, from_c(key)), error);
        });
    }
    static belfry_status commit(belfry_state_store* store, uint64_t index, belfry_error* error) {
        return guarded(error, [&] {
            Holder& holder = of(store);
            if (!holder.in_batch) return refuse(error, "no batch is open; begin one first");
            holder.in_batch = false;
            return plugin::to_c(holder.store->commit(Index{index}), error);
        });
    }
    static void rollback(belfry_state_store* store) {
        guarded(nullptr, [&] {
            Holder& holder = of(store);
            if (holder.in_batch) holder.store->rollback();
            holder.in_batch = false;
            return belfry_status{BELFRY_OK};
        });
    }
    static belfry_status get(belfry_state_store* store, uint32_t table, belfry_bytes key, belfry_bytes* value,
                             belfry_error* error) {
        return guarded(error, [&] {
            if (table >= BELFRY_TABLE_COUNT) return refuse(error, "there is no table of this number");
            if (key.size == 0 || key.size > BELFRY_STORE_KEY_BYTES_MAX) return refuse(error, "a key has 1 to 511 octets");
            const Result<BytesView> result = of(store).store->get(table, from_c(key));
            if (!result) return fail(error, result.error().code, result.error().detail);
            *value = plugin::to_c(*result);
            return belfry_status{BELFRY_OK};
        });
    }
    static belfry_status scan(belfry_state_store* store, uint32_t table, belfry_bytes from, belfry_bytes to,
                              int32_t reverse, belfry_scan_visitor visitor, void* context, belfry_error* error) {
        return guarded(error, [&] {
            if (table >= BELFRY_TABLE_COUNT) return refuse(error, "there is no table of this number");
            return plugin::to_c(of(store).store->scan(table, from_c(from), from_c(to),
                                                      reverse != 0 ? Direction::reverse : Direction::forward,
                                                      ScanVisitor(visitor, context)),
                                error);
        });
    }
    static belfry_status sync(belfry_state_store* store, belfry_error* error) {
        return guarded(error, [&] {
            if constexpr (requires { of(store).store->sync(); }) return plugin::to_c(of(store).store->sync(), error);
            return fail(error, Code::unsupported, "this store cannot sync");
        });
    }
    static belfry_status snapshot_write(belfry_state_store* store, belfry_snapshot_sink sink, void* context,
                                        uint64_t* index, belfry_error* error) {
        return guarded(error, [&] {
            const Result<Index> result = of(store).store->snapshot_write(SnapshotSink(sink, context));
            if (!result) return fail(error, result.error().code, result.error().detail);
            *index = result->value;
            return belfry_status{BELFRY_OK};
        });
    }
    static belfry_status snapshot_read(belfry_state_store* store, belfry_snapshot_source source, void* context,
                                       belfry_error* error) {
        return guarded(error, [&] {
            if (of(store).in_batch) return refuse(error, "a batch is open; end it first");
            return plugin::to_c(of(store).store->snapshot_read(SnapshotSource(source, context)), error);
        });
    }
    static belfry_status stats(belfry_state_store* store, belfry_state_store_stats* stats, belfry_error* error) {
        return guarded(error, [&] {
            const Result<StateStoreStats> result = of(store).store->stats();
            if (!result) return fail(error, result.error().code, result.error().detail);
            copy_out({sizeof(*stats), 0, result->bytes_used, result->bytes_max}, stats);
            return belfry_status{BELFRY_OK};
        });
    }
    static void close(belfry_state_store* store) {
        rollback(store);
        delete &of(store);
    }

    static constexpr bool can_sync = requires(T store) { store.sync(); };

public:
    static constexpr belfry_state_store_v1 slots = {sizeof(belfry_state_store_v1),
                                                    0,
                                                    open,
                                                    applied_index,
                                                    begin,
                                                    put,
                                                    erase,
                                                    commit,
                                                    rollback,
                                                    get,
                                                    scan,
                                                    can_sync ? &sync : nullptr,
                                                    snapshot_write,
                                                    snapshot_read,
                                                    stats,
                                                    close};
};

template <StateStoreConcept T>
belfry_interface state_store() {
    return {BELFRY_KIND_STATE_STORE, 0, &StateStoreTable<T>::slots};
}

}  // namespace belfry::plugin

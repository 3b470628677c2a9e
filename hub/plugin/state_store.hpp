// The host's side of the state store seam: one wrapper per slot; only these call the slots. They check what the ABI
// promises, turn statuses into Results and can inject faults in tests (inject). Threading as in
// sdk/plugin/state_store.h.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "hub/plugin/call.hpp"
#include "sdk/base/error.hpp"
#include "sdk/base/types.hpp"
#include "sdk/plugin/state_store.h"

namespace belfry::hub::plugin {

using Settings = belfry::plugin::Settings;  // name, value

class StateStore {
public:
    // `table` is static; `name` is the plugin's, for messages.
    static Result<std::unique_ptr<StateStore>> open(const belfry_host_v1& host, const belfry_state_store_v1& table,
                                                    std::string name, const std::string& directory,
                                                    const Settings& settings);
    ~StateStore();
    StateStore(const StateStore&) = delete;
    StateStore& operator=(const StateStore&) = delete;

    const std::string& name() const { return name_; }
    Result<Index> applied_index();
    Status begin();
    Status put(uint32_t table, BytesView key, BytesView value);
    Status erase(uint32_t table, BytesView key);
    Status commit(Index applied_index);
    void rollback();
    bool in_batch() const { return in_batch_; }

    // not_found if there is none. Borrowed: valid until the next call of anything but get and scan.
    Result<BytesView> get(uint32_t table, BytesView key);
    // The caller looks at no borrowed value any more. Without it a store that copies or pins what it lends would keep, in a
    // hub that is only read, everything that was ever read.
    void end_borrowing();
    // Return false to end. Must not call the store.
    using Visitor = std::function<bool(BytesView key, BytesView value)>;
    enum class Direction { forward, reverse };
    Status scan(uint32_t table, BytesView from, BytesView to, Direction direction, const Visitor& visitor);

    bool can_sync() const;
    Status sync();
    using Sink = std::function<Status(BytesView part)>;
    using Source = std::function<Result<size_t>(char* buffer, size_t capacity)>;  // 0 = the end
    Result<Index> snapshot_write(const Sink& sink);
    Status snapshot_read(const Source& source);
    struct Stats {
        uint64_t bytes_used = 0, bytes_max = 0;
    };
    Result<Stats> stats();

    // For tests: asked before each slot is called, by its name.
    void inject(FaultPoint fault_point) { fault_point_ = std::move(fault_point); }

private:
    StateStore(const belfry_state_store_v1& table, std::string name, belfry_state_store* store);
    Status fault(std::string_view slot) const;
    const belfry_state_store_v1& table_;
    std::string name_;
    belfry_state_store* store_;
    bool in_batch_ = false;
    uint64_t lent_ = 0;  // values, since the store was last told that none is looked at
    FaultPoint fault_point_;
};

}  // namespace belfry::hub::plugin

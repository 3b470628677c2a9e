// The host's side of the state store seam: one wrapper per slot; only these call the slots. They check what the ABI
// promises, turn statuses into Results and can inject faults in tests (inject). Threading as in
// sdk/plugin/state_store.h.
#pragma once

#include <concepts>
#include <functional>
#include <memory>
#include <string>
#include <type_traits>
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
    // Sees a pair; returns false to end; must not call the store. Views a callable for the length of the call, and is what
    // the store itself calls: nothing stands between that costs each key a step.
    class Visitor {
    public:
        template <class Visit>
        requires(!std::same_as<std::remove_cvref_t<Visit>, Visitor>) Visitor(Visit&& visit)
            : callable_(std::addressof(visit)) {
            call_ = [](void* callable, belfry_bytes key, belfry_bytes value) noexcept -> int32_t {
                const bool go_on = (*static_cast<std::remove_reference_t<Visit>*>(callable))(belfry::plugin::from_c(key),
                                                                                             belfry::plugin::from_c(value));
                return go_on ? 0 : 1;
            };
        }

    private:
        friend StateStore;
        belfry_scan_visitor call_;
        const void* callable_;
    };
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
    // A test's fault at this slot; the injected error is in `status` then. Costs what a branch costs.
    bool is_faulty(std::string_view slot, Status& status) const {
        return fault_point_ != nullptr && !(status = fault_point_(slot)).ok();
    }
    const belfry_state_store_v1& table_;
    std::string name_;
    belfry_state_store* store_;
    bool in_batch_ = false;
    uint64_t lent_ = 0;  // values, since the store was last told that none is looked at
    FaultPoint fault_point_;
};

}  // namespace belfry::hub::plugin

#include "hub/plugin/state_store.hpp"

#include "hub/base/assert.hpp"
#include "hub/plugin/call.hpp"

namespace belfry::hub::plugin {

using belfry::plugin::from_c;
using belfry::plugin::to_c;

namespace {

constexpr uint64_t lent_max = 256;  // values: the next call that ends the lending costs little against so many gets

constexpr bool is_key(BytesView key) { return !key.empty() && key.size() <= BELFRY_STORE_KEY_BYTES_MAX; }

template <class Callback>
struct Copying {
    const Callback& callback;
    Status status;  // the callback's own error, which says more than its number
};

}  // namespace

StateStore::StateStore(const belfry_state_store_v1& table, std::string name, belfry_state_store* store)
    : table_(table), name_(std::move(name)), store_(store) {}

StateStore::~StateStore() {
    rollback();
    table_.close(store_);
}

Result<std::unique_ptr<StateStore>> StateStore::open(const belfry_host_v1& host, const belfry_state_store_v1& table,
                                                     std::string name, const std::string& directory,
                                                     const Settings& settings) {
    ErrorBuffer error;
    belfry_state_store* store = nullptr;
    const std::vector<belfry_setting> list = plugin::to_c(settings);
    const belfry_status status = table.open(&host, directory.c_str(), list.data(), list.size(), &store, error);
    if (status != BELFRY_OK) return to_error(status, error, name, "open");
    if (store == nullptr) return Error{Code::io, name + ": open: gave no store"};
    return std::unique_ptr<StateStore>(new StateStore(table, std::move(name), store));
}

Result<Index> StateStore::applied_index() {
    ErrorBuffer error;
    uint64_t index = 0;
    const belfry_status status = table_.applied_index(store_, &index, error);
    if (status != BELFRY_OK) return to_error(status, error, name_, "applied_index");
    return Index{index};
}

Status StateStore::begin() {
    BELFRY_ASSERT(!in_batch_);
    if (Status injected; is_faulty("begin", injected)) return injected;
    ErrorBuffer error;
    Status status = to_status(table_.begin(store_, error), error, name_, "begin");
    in_batch_ = status.ok();
    return status;
}

Status StateStore::put(uint32_t table, BytesView key, BytesView value) {
    BELFRY_ASSERT(in_batch_ && table < BELFRY_TABLE_COUNT && is_key(key));
    BELFRY_ASSERT(value.size() <= BELFRY_STORE_VALUE_BYTES_MAX);
    if (Status injected; is_faulty("put", injected)) return injected;
    ErrorBuffer error;
    return to_status(table_.put(store_, table, to_c(key), to_c(value), error), error, name_, "put");
}

Status StateStore::erase(uint32_t table, BytesView key) {
    BELFRY_ASSERT(in_batch_ && table < BELFRY_TABLE_COUNT && is_key(key));
    if (Status injected; is_faulty("erase", injected)) return injected;
    ErrorBuffer error;
    return to_status(table_.erase(store_, table, to_c(key), error), error, name_, "erase");
}

Status StateStore::commit(Index applied_index) {
    BELFRY_ASSERT(in_batch_);
    if (Status injected; is_faulty("commit", injected)) {
        rollback();
        return injected;
    }
    in_batch_ = false;
    ErrorBuffer error;
    return to_status(table_.commit(store_, applied_index.value, error), error, name_, "commit");
}

void StateStore::rollback() {
    if (in_batch_) table_.rollback(store_);
    in_batch_ = false;
}

Result<BytesView> StateStore::get(uint32_t table, BytesView key) {
    BELFRY_ASSERT(table < BELFRY_TABLE_COUNT && is_key(key));
    // Unlike elsewhere: a Status that is made for each get would show (docs/benchmarks.md, "The seam").
    if (fault_point_ != nullptr) {
        if (const Status injected = fault_point_("get"); !injected) return injected.error();
    }
    ErrorBuffer error;
    belfry_bytes value = {nullptr, 0};
    const belfry_status status = table_.get(store_, table, to_c(key), &value, error);
    if (status == BELFRY_OK) return ++lent_, from_c(value);
    if (status == BELFRY_NOT_FOUND) return Error{Code::not_found, {}};  // usual: costs no sentence
    return to_error(status, error, name_, "get");
}

// Every slot but get and scan ends the lending; this one is the cheapest.
void StateStore::end_borrowing() {
    if (lent_ < lent_max) return;
    lent_ = 0;
    ErrorBuffer error;
    uint64_t index = 0;
    (void)table_.applied_index(store_, &index, error);
}

Status StateStore::scan(uint32_t table, BytesView from, BytesView to, Direction direction, const Visitor& visitor) {
    BELFRY_ASSERT(table < BELFRY_TABLE_COUNT);
    if (Status injected; is_faulty("scan", injected)) return injected;
    ErrorBuffer error;
    const belfry_status status = table_.scan(store_, table, to_c(from), to_c(to), direction == Direction::reverse ? 1 : 0,
                                             visitor.call_, const_cast<void*>(visitor.callable_), error);
    return to_status(status, error, name_, "scan");
}

bool StateStore::can_sync() const { return BELFRY_HAS(&table_, belfry_state_store_v1, sync); }

Status StateStore::sync() {
    BELFRY_ASSERT(can_sync());
    if (Status injected; is_faulty("sync", injected)) return injected;
    ErrorBuffer error;
    return to_status(table_.sync(store_, error), error, name_, "sync");
}

Result<Index> StateStore::snapshot_write(const Sink& sink) {
    if (Status injected; is_faulty("snapshot_write", injected)) return injected.error();
    Copying<Sink> copying{sink, {}};
    const auto take = [](void* context, belfry_bytes part) noexcept -> belfry_status {
        auto& self = *static_cast<Copying<Sink>*>(context);
        self.status = self.callback(from_c(part));
        return self.status ? BELFRY_OK : static_cast<belfry_status>(self.status.error().code);
    };
    ErrorBuffer error;
    uint64_t index = 0;
    const belfry_status status = table_.snapshot_write(store_, take, &copying, &index, error);
    if (!copying.status) return copying.status.error();
    if (status != BELFRY_OK) return to_error(status, error, name_, "snapshot_write");
    return Index{index};
}

Status StateStore::snapshot_read(const Source& source) {
    BELFRY_ASSERT(!in_batch_);
    if (Status injected; is_faulty("snapshot_read", injected)) return injected;
    Copying<Source> copying{source, {}};
    const auto give = [](void* context, void* buffer, uint64_t capacity, uint64_t* size) noexcept -> belfry_status {
        auto& self = *static_cast<Copying<Source>*>(context);
        const Result<size_t> given = self.callback(static_cast<char*>(buffer), capacity);
        if (!given) {
            self.status = given.error();
            return static_cast<belfry_status>(given.error().code);
        }
        BELFRY_ASSERT(*given <= capacity);
        *size = *given;
        return BELFRY_OK;
    };
    ErrorBuffer error;
    const belfry_status status = table_.snapshot_read(store_, give, &copying, error);
    if (!copying.status) return copying.status;
    return to_status(status, error, name_, "snapshot_read");
}

Result<StateStore::Stats> StateStore::stats() {
    ErrorBuffer error;
    belfry_state_store_stats stats = {};
    stats.struct_size = sizeof(stats);
    const belfry_status status = table_.stats(store_, &stats, error);
    if (status != BELFRY_OK) return to_error(status, error, name_, "stats");
    return Stats{stats.bytes_used, stats.bytes_max};
}

}  // namespace belfry::hub::plugin

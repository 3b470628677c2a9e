// What the state store may hold of the hub's own: any octets as a record, or as a quota's row, are read or called damaged.
#include <cstdlib>

#include "hub/model/own_records.hpp"
#include "hub/model/quotas.hpp"
#include "hub/plugin/plugin.hpp"

using belfry::BytesView;
namespace model = belfry::hub::model;
namespace plugin = belfry::hub::plugin;

extern "C" const belfry_plugin_descriptor* belfry_plugin_entry_storage_memory(const belfry_host_v1*, belfry_error*);

namespace {

plugin::StateStore& store() {
    static const belfry_host_v1 host = {sizeof(belfry_host_v1), BELFRY_ABI_MAJOR, BELFRY_ABI_MINOR, nullptr, nullptr};
    static const auto linked = plugin::link_plugin(belfry_plugin_entry_storage_memory, host);
    static const auto opened = plugin::StateStore::open(host, *linked->state_store(), "storage_memory", "/tmp", {});
    return **opened;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const BytesView octets(reinterpret_cast<const char*>(data), size);
    if (!store().begin()) std::abort();
    (void)store().put(model::table_own_records, "policy/a", octets).ok();
    (void)store().put(model::table_meta, "quota/a*", octets).ok();
    model::OwnRecords records(store());
    if (records.load() && !records.list({"", ""})) std::abort();
    model::Quotas quotas(store());
    (void)quotas.load().ok();
    store().rollback();
    return 0;
}

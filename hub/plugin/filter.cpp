#include "hub/plugin/filter.hpp"

#include "hub/plugin/call.hpp"
#include "sdk/base/hash.hpp"
#include "sdk/base/limits.hpp"

namespace belfry::hub::plugin {

using belfry::plugin::from_c;

namespace {

ChannelId channel_of(const std::string& kind, const Bytes& canonical) {
    Bytes name = kind;
    name += '\0';
    name += canonical;
    return ChannelId{hash64(name)};
}

// From the seam's [begin, end) to ours, which spells "one key" and "no end" its own way. No key is empty.
KeyRange range_of(BytesView begin, BytesView end) {
    const Bytes first = begin.empty() ? Bytes(1, '\0') : Bytes(begin);
    if (end.empty()) return {first, Bytes(1, '\0')};
    if (end == first + '\0') return KeyRange::one(first);
    return {first, Bytes(end)};
}

}  // namespace

Filter::Filter(const belfry_filter_v1& table, belfry_filter* filter) : table_(table), filter_(filter), kind_(table.kind) {
    belfry_bytes canonical = {nullptr, 0};
    table.canonical(filter, &canonical);
    canonical_ = from_c(canonical);
    channel_ = channel_of(kind_, canonical_);
    belfry_bytes begin = {nullptr, 0};
    belfry_bytes end = {nullptr, 0};
    table.range(filter, &begin, &end);
    range_ = range_of(from_c(begin), from_c(end));
}

Filter::~Filter() { table_.close(filter_); }

bool Filter::matches(BytesView key, BytesView value) const {
    return table_.matches(filter_, belfry::plugin::to_c(key), belfry::plugin::to_c(value)) != 0;
}

Status Filters::add(const belfry_filter_v1& table) {
    for (const belfry_filter_v1* other : tables_) {
        if (std::string_view(other->kind) == table.kind) {
            return Error{Code::conflict,
                         "filter kind '" + std::string(table.kind) + "' is offered by two plugins; load one"};
        }
    }
    tables_.push_back(&table);
    return {};
}

Result<std::shared_ptr<const Filter>> Filters::compile(const protocol::FilterSpec& spec) const {
    std::string kinds;
    for (const belfry_filter_v1* table : tables_) {
        if (spec.kind != table->kind) {
            kinds += (kinds.empty() ? "" : ", ") + std::string(table->kind);
            continue;
        }
        if (spec.spec.size() > limits::filter_spec_bytes_max) {
            return Error{Code::invalid_argument, "filter '" + spec.kind + "': the spec has " +
                                                     std::to_string(spec.spec.size()) + " octets, at most " +
                                                     std::to_string(limits::filter_spec_bytes_max) + " are allowed"};
        }
        ErrorBuffer error;
        belfry_filter* filter = nullptr;
        const belfry_status status = table->compile(belfry::plugin::to_c(spec.spec), &filter, error);
        if (status != BELFRY_OK) return to_error(status, error, "filter '" + spec.kind + "'", "compile");
        if (filter == nullptr) return Error{Code::io, "filter '" + spec.kind + "': compile gave no filter"};
        return std::shared_ptr<const Filter>(new Filter(*table, filter));
    }
    return Error{Code::unsupported,
                 "filter kind '" + spec.kind + "' is not known here; there are: " + (kinds.empty() ? "none" : kinds)};
}

}  // namespace belfry::hub::plugin

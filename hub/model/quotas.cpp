#include "hub/model/quotas.hpp"

#include <string>
#include <utility>

#include "hub/base/assert.hpp"
#include "sdk/base/key_range.hpp"

namespace belfry::hub::model {

namespace {

constexpr BytesView row_prefix = "quota/";

Bytes row_name(BytesView pattern) { return Bytes(row_prefix) + Bytes(pattern); }

Bytes encode(const protocol::Quota& quota, const QuotaUse& use) {
    Bytes row;
    Writer out(row);
    out.u8(quota_format);
    out.varint(use.keys);
    out.varint(use.bytes);
    out.varint(quota.keys_max ? *quota.keys_max + 1 : 0);
    out.varint(quota.bytes_max ? *quota.bytes_max + 1 : 0);
    return row;
}

std::optional<uint64_t> read_bound(Reader& in) {
    const uint64_t number = in.varint();
    return number == 0 ? std::nullopt : std::optional(number - 1);
}

uint64_t bytes_of(BytesView key, const Version& version) {
    return key.size() + version.value.size() + version.content_type.size();
}

}  // namespace

Status Quotas::load() {
    held_.clear();
    touched_.clear();
    uncommitted_ = false;
    Status damage;
    const auto visit = [&](BytesView name, BytesView row) {
        Reader in(row);
        if (in.u8() != quota_format) in.fail();
        const QuotaUse use{in.varint(), in.varint()};
        const auto keys_max = read_bound(in);
        const auto bytes_max = read_bound(in);
        auto keys = Glob::parse(name.substr(row_prefix.size()));
        if (!in.ok() || !in.at_end() || !keys) return damage = damaged("meta", in.offset()), false;
        held_.emplace(name.substr(row_prefix.size()), Held{*std::move(keys), {keys_max, bytes_max}, use});
        return true;
    };
    const KeyRange rows = KeyRange::prefix(row_prefix);
    Status scanned = store_.scan(table_meta, rows.begin, rows.end, plugin::StateStore::Direction::forward, visit);
    return scanned ? damage : scanned;
}

Status Quotas::write_back() {
    for (auto& [pattern, held] : held_) {
        if (!held.is_unwritten) continue;
        if (Status put = store_.put(table_meta, row_name(pattern), encode(held.quota, held.use)); !put) return put;
        held.is_unwritten = false;
    }
    return {};
}

Status Quotas::set(BytesView pattern, const std::optional<protocol::Quota>& quota, const QuotaUse& use) {
    const auto found = held_.find(pattern);
    if (!quota && found == held_.end()) return {};
    uncommitted_ = true;
    if (!quota) {
        held_.erase(found);
        return store_.erase(table_meta, row_name(pattern));
    }
    auto keys = Glob::parse(pattern);
    BELFRY_ASSERT(keys.ok());
    if (found != held_.end()) {
        found->second.quota = *quota;
        found->second.is_unwritten = true;
    } else {
        BELFRY_ASSERT(!full());
        held_.emplace(pattern, Held{*std::move(keys), *quota, use, true});
    }
    return write_back();
}

bool Quotas::too_many_keys(const Held& held) {
    return held.quota.keys_max && held.more_keys > 0 &&
           held.use.keys + static_cast<uint64_t>(held.more_keys) > *held.quota.keys_max;
}

bool Quotas::too_many_bytes(const Held& held) {
    return held.quota.bytes_max && held.more_bytes > 0 &&
           held.use.bytes + static_cast<uint64_t>(held.more_bytes) > *held.quota.bytes_max;
}

void Quotas::count(const ChangeEvent& event) {
    const bool was = event.previous == ChangeEvent::Previous::live;
    const bool is = event.type == EventType::put;
    const uint64_t before = was ? bytes_of(event.key, event.before) : 0;
    const uint64_t after = is ? bytes_of(event.key, event.now) : 0;
    for (auto at = held_.begin(); at != held_.end(); ++at) {
        Held& held = at->second;
        if (!held.keys.matches(event.key)) continue;
        if (!std::exchange(held.is_touched, true)) touched_.push_back(at);
        held.more_keys += static_cast<int64_t>(is) - static_cast<int64_t>(was);
        held.more_bytes += static_cast<int64_t>(after) - static_cast<int64_t>(before);
        if (held.key.empty() && (too_many_keys(held) || too_many_bytes(held))) held.key = event.key;
    }
}

Status Quotas::check() const {
    for (const auto& at : touched_) {
        const auto& [pattern, held] = *at;
        const bool keys = too_many_keys(held);
        if (!keys && !too_many_bytes(held)) continue;
        const uint64_t present = keys ? held.use.keys : held.use.bytes;
        const uint64_t wanted = present + static_cast<uint64_t>(keys ? held.more_keys : held.more_bytes);
        const std::string unit = keys ? " keys" : " octets";
        return Error{Code::too_large, "'" + held.key + "': policy '" + pattern + "' (quota): " + std::to_string(wanted) +
                                          unit + " where " +
                                          std::to_string(keys ? *held.quota.keys_max : *held.quota.bytes_max) +
                                          " are allowed; there are " + std::to_string(present)};
    }
    return {};
}

void Quotas::settle(bool done) {
    for (const auto& at : touched_) {
        Held& held = at->second;
        if (done && (held.more_keys != 0 || held.more_bytes != 0)) {
            held.use.keys += static_cast<uint64_t>(held.more_keys);
            held.use.bytes += static_cast<uint64_t>(held.more_bytes);
            held.is_unwritten = uncommitted_ = true;
        }
        held.is_touched = false;
        held.more_keys = held.more_bytes = 0;
        held.key.clear();
    }
    touched_.clear();
}

void Quotas::for_each(const std::function<void(BytesView, const protocol::Quota&, const QuotaUse&)>& visit) const {
    for (const auto& [pattern, held] : held_) visit(pattern, held.quota, held.use);
}

}  // namespace belfry::hub::model

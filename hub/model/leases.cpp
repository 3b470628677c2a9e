#include "hub/model/leases.hpp"

#include <utility>

namespace belfry::hub::model {

namespace {

constexpr uint8_t flag_ending = 1;
constexpr size_t id_bytes = sizeof(uint64_t);

Bytes row_of(LeaseId id, BytesView key = {}) {
    const RevisionKey front = revision_key({id.value});
    Bytes row(view(front));
    row += key;
    return row;
}

}  // namespace

void encode_lease(const Lease& lease, Bytes& out) {
    Writer writer(out);
    writer.u8(lease_format);
    writer.varint(lease.number);
    writer.varint(lease.ttl_s);
    writer.u8(lease.is_ending ? flag_ending : 0);
    writer.bytes(lease.owner);
}

Result<Lease> decode_lease(BytesView record) {
    Reader in(record);
    Lease lease;
    if (in.u8() != lease_format) in.fail();
    lease.number = in.varint();
    lease.ttl_s = in.varint();
    const uint8_t flags = in.u8();
    if (flags > flag_ending) in.fail();
    lease.is_ending = flags == flag_ending;
    lease.owner = in.bytes();
    if (!in.ok() || !in.at_end()) return damaged("leases", in.offset());
    return lease;
}

// Keys bound to a lease stand behind it and are passed over: each step goes to the next lease.
Status Leases::load() {
    leases_.clear();
    uncommitted_.clear();
    Bytes from;
    Status damage;
    for (bool more = true; more && damage;) {
        more = false;
        const auto visit = [&](BytesView row, BytesView record) {
            more = true;
            auto lease = decode_lease(record);
            const uint64_t id = row.size() == id_bytes ? revision_of(row).value : 0;
            if (!lease || id == 0 || id > INT64_MAX) return damage = lease ? damaged("leases", 0) : lease.error(), false;
            leases_.emplace(id, *std::move(lease));
            from = row_of({id + 1});
            return false;
        };
        const Status scanned = store_.scan(table_leases, from, {}, plugin::StateStore::Direction::forward, visit);
        if (!scanned) return scanned;
    }
    return damage;
}

Status Leases::load_one(LeaseId id) {
    leases_.erase(id.value);
    const auto record = store_.get(table_leases, row_of(id));
    if (!record) return record.error().code == Code::not_found ? Status() : Status(record.error());
    auto lease = decode_lease(*record);
    if (!lease) return lease.error();
    leases_.emplace(id.value, *std::move(lease));
    return {};
}

// What fails is there to be reloaded once more.
Status Leases::reload() {
    for (const LeaseId id : uncommitted_) {
        if (Status loaded = load_one(id); !loaded) return loaded;
    }
    uncommitted_.clear();
    return {};
}

const Lease* Leases::find(LeaseId id) const {
    const auto found = leases_.find(id.value);
    return found == leases_.end() ? nullptr : &found->second;
}

bool Leases::lives(LeaseId id) const {
    const Lease* const lease = find(id);
    return lease != nullptr && !lease->is_ending;
}

Status Leases::set(LeaseId id, Lease lease) {
    Bytes record;
    encode_lease(lease, record);
    uncommitted_.push_back(id);
    leases_.insert_or_assign(id.value, std::move(lease));
    return store_.put(table_leases, row_of(id), record);
}

Status Leases::remove(LeaseId id) {
    uncommitted_.push_back(id);
    leases_.erase(id.value);
    return store_.erase(table_leases, row_of(id));
}

Status Leases::bind(LeaseId from, LeaseId to, BytesView key) {
    Status status;
    if (from != to && from.value != 0 && find(from) != nullptr) status = store_.erase(table_leases, row_of(from, key));
    if (status && to.value != 0 && find(to) != nullptr) status = store_.put(table_leases, row_of(to, key), {});
    return status;
}

Result<std::vector<Bytes>> Leases::keys(LeaseId id, BytesView after, size_t most) {
    std::vector<Bytes> found;
    const auto visit = [&](BytesView row, BytesView) {
        if (found.size() == most) return false;
        found.emplace_back(row.substr(id_bytes));
        return true;
    };
    Bytes from = row_of(id, after);
    from += '\0';  // behind the lease itself, or the key
    const Status scanned =
        store_.scan(table_leases, from, row_of({id.value + 1}), plugin::StateStore::Direction::forward, visit);
    if (!scanned) return scanned.error();
    return found;
}

}  // namespace belfry::hub::model

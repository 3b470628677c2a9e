#include "sdk/recipes/line.hpp"

#include <algorithm>
#include <tuple>

#include "sdk/base/limits.hpp"
#include "sdk/recipes/names.hpp"

namespace belfry::recipes {
namespace {

constexpr BytesView permits_name = "/permits";
constexpr size_t place_octets = lease_digits + 1 + object_digits + 1 + count_digits;  // below NAME/

std::optional<AwaitedPlaces> awaited_alone(size_t own) {
    if (own == 0) return {};
    return AwaitedPlaces{own - 1, own};
}

std::optional<AwaitedPlaces> awaited_shared(std::span<const KeyValue> line, size_t own) {
    while (own > 0 && is_shared(line[own - 1].key)) --own;
    return awaited_alone(own);
}

std::optional<AwaitedPlaces> awaited_permit(size_t permits, size_t own) {
    if (own < permits) return {};
    if (own == permits) return AwaitedPlaces{0, own};
    return AwaitedPlaces{own - 1, own, true};
}

}  // namespace

std::optional<AwaitedPlaces> awaited(Order order, std::span<const KeyValue> line, size_t own) {
    switch (order.kind) {
        case Order::Kind::alone: return awaited_alone(own);
        case Order::Kind::shared: return awaited_shared(line, own);
        case Order::Kind::permit: return awaited_permit(order.permits, own);
    }
    return {};
}

Bytes line_name(BytesView name, Order order) {
    Bytes line(name);
    if (order.kind == Order::Kind::permit) line += permits_name;
    return line;
}

Result<std::vector<KeyValue>> read_line(Client& client, const Bytes& line, bool keys_only, Revision* at) {
    protocol::RangeRequest request;
    request.range = KeyRange::prefix(line + "/");
    request.keys_only = keys_only;
    auto range = client.range(request);
    if (!range) return range.error();
    // What does not fit one answer might be the head.
    if (range->more) return Error{Code::too_large, "there are too many keys below '" + line + "/'"};
    if (at != nullptr) *at = range->revision;
    return line_of(line, std::move(range->kvs));
}

std::vector<KeyValue> line_of(BytesView line, std::vector<KeyValue> kvs) {
    std::erase_if(kvs, [&](const KeyValue& kv) { return !is_place(line, kv.key); });
    std::sort(kvs.begin(), kvs.end(), goes_before);
    return kvs;
}

bool is_place(BytesView line, BytesView key) {
    if (is_shared(key)) key.remove_suffix(shared_mark.size());
    if (key.size() != line.size() + 1 + place_octets || !key.starts_with(line) || key[line.size()] != '/') return false;
    const BytesView place = key.substr(line.size() + 1);
    return place.find_first_not_of("0123456789abcdef-") == BytesView::npos && place[lease_digits] == '-';
}

bool is_shared(BytesView key) { return key.ends_with(shared_mark); }

bool goes_before(const KeyValue& a, const KeyValue& b) {
    return std::tie(a.create_revision, a.key) < std::tie(b.create_revision, b.key);
}

Status check_name(BytesView name, Order order) {
    if (name.empty()) return Error{Code::invalid_argument, "the name is empty"};
    size_t name_max = limits::key_bytes_max - 1 - place_octets;
    if (order.kind == Order::Kind::shared) name_max -= shared_mark.size();
    if (order.kind == Order::Kind::permit) name_max -= permits_name.size();
    if (name.size() > name_max)
        return Error{Code::invalid_argument, "a name of " + std::to_string(name.size()) + " octets; " +
                                                 std::to_string(name_max) + " are the bound"};
    // It is what a semaphore calls its line: its places, and whoever is the first of them, would be mistaken.
    if (part_among(name, {permits_name.substr(1)})) {
        return Error{Code::invalid_argument,
                     "a name with the part '/permits', where a semaphore has its keys; take another word"};
    }
    if (order.permits >= 1 && order.permits <= permits_max) return {};
    return Error{Code::invalid_argument,
                 std::to_string(order.permits) + " permits; 1 to " + std::to_string(permits_max) + " there can be"};
}

}  // namespace belfry::recipes

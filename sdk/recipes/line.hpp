// Lines of places, and whose turn it is in them. What is said of turns computes only.
//
//   NAME/0000000000000007-5f3a9c21-00000001           alone: only at the head of the line
//   NAME/0000000000000007-5f3a9c21-00000001-shared    beside others that share, with none ahead that is alone
//        └──── lease ───┘ └object┘ └ counts how often that has joined
//   NAME/permits                                      the number of permits, N
//   NAME/permits/0000000000000007-5f3a9c21-00000001   a line of its own: whoever has fewer than N ahead
//
// A line's order is that of its keys' create revisions. Other keys below NAME/ are passed over.
// Waking. Whoever waits watches as little as tells him of his turn:
//   - alone: the place directly ahead, of either kind. That one's end wakes him, and nobody else's.
//   - shared: the nearest place ahead that is alone. Its end wakes all who share up to the next one: they go together.
//   - a permit: the first who waits (N ahead of him) watches all ahead, of whom any may go. All others watch the place
//     directly ahead: if it goes they have come nearer, and when its own turn has come it says so by a put of its key,
//     for it stays in the line. So a permit that is given back wakes one who takes it and one who is then the first to
//     wait, however many wait. (Curator has the others wait for an inner lock instead, which is two writes more.)
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "sdk/client/client.hpp"

namespace belfry::recipes {

inline constexpr size_t permits_max = 10'000;  // the first who waits reads as many keys

struct Order {
    enum class Kind : uint8_t { alone, shared, permit };
    Kind kind = Kind::alone;
    size_t permits = 1;  // of Kind::permit
};

// What a place waits for: that one of [begin, end) of its line is not there any more; or, with `or_put`, that it was put.
struct AwaitedPlaces {
    size_t begin = 0, end = 0;
    bool or_put = false;
    friend bool operator==(const AwaitedPlaces&, const AwaitedPlaces&) = default;
};
// Of the place at `own`, which is not looked at and may be the line's size: whoever would join now. None: it is its turn.
std::optional<AwaitedPlaces> awaited(Order order, std::span<const KeyValue> line, size_t own);

// What the keys of its places begin with, but for a '/'.
Bytes line_name(BytesView name, Order order);
// The places of a line in their order; with Order::Kind::permit that is the line of line_name().
Result<std::vector<KeyValue>> read_line(Client& client, const Bytes& line, bool keys_only, Revision* at = nullptr);
// Of these keys those that are places, in their order.
std::vector<KeyValue> line_of(BytesView line, std::vector<KeyValue> kvs);
// Is the key a place of this line?
bool is_place(BytesView line, BytesView key);
// REQUIRES: a place. It does not mind others that share.
bool is_shared(BytesView key);
// In the order of the line: a before b.
bool goes_before(const KeyValue& a, const KeyValue& b);
// `invalid_argument`: the name is empty or too long, or within a semaphore (a part of it behind a '/' is `permits`), or
// there cannot be so many permits.
Status check_name(BytesView name, Order order = {});

inline constexpr BytesView shared_mark = "-shared";
inline constexpr size_t lease_digits = 16, object_digits = 8, count_digits = 8;

}  // namespace belfry::recipes

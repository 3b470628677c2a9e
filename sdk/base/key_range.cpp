#include "sdk/base/key_range.hpp"

namespace belfry {

Bytes prefix_end(BytesView prefix) {
    Bytes end(prefix);
    while (!end.empty() && static_cast<unsigned char>(end.back()) == 0xff) end.pop_back();
    if (end.empty()) return Bytes(1, '\0');
    end.back() = static_cast<char>(static_cast<unsigned char>(end.back()) + 1);
    return end;
}

KeyRange KeyRange::prefix(BytesView prefix) {
    if (prefix.empty()) return all();
    return {Bytes(prefix), prefix_end(prefix)};
}

bool KeyRange::contains(BytesView key) const {
    if (is_one()) return key == begin;
    return key >= begin && (is_open() || key < end);
}

}  // namespace belfry

#include "plugins/storage_sqlite/borrowed_values.hpp"

namespace belfry::storage_sqlite {

const Bytes& BorrowedValues::name_of(uint32_t table, BytesView key) {
    name_.assign(1, static_cast<char>(table));
    return name_ += key;
}

std::optional<BytesView> BorrowedValues::find(uint32_t table, BytesView key) {
    if (lent_.empty()) return std::nullopt;
    const auto at = lent_.find(name_of(table, key));
    if (at == lent_.end()) return std::nullopt;
    return BytesView(at->second);
}

BytesView BorrowedValues::lend(uint32_t table, BytesView key, BytesView value) {
    return lent_.try_emplace(name_of(table, key), value).first->second;
}

void BorrowedValues::forget() {
    if (lent_.size() > step_values_max) {
        retired_.push_back(std::move(lent_));
        lent_ = Values();
    } else {
        lent_.clear();
    }
    if (retired_.empty()) return;
    Values& oldest = retired_.front();
    for (size_t i = 0; i < step_values_max && !oldest.empty(); ++i) oldest.erase(oldest.begin());
    if (oldest.empty()) retired_.pop_front();
}

}  // namespace belfry::storage_sqlite

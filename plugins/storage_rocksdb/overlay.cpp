#include "plugins/storage_rocksdb/overlay.hpp"

#include <algorithm>
#include <cstring>

#include "sdk/base/hash.hpp"

namespace belfry::storage_rocksdb {

namespace {

constexpr size_t block_bytes = 256 * 1024;
constexpr size_t blocks_kept_max = 32;  // 8 MiB: the hub's batches are of 2 MiB of log, stored twice
constexpr size_t changes_kept_max = 1 << 16;
constexpr size_t slots_min = 1024;
constexpr size_t unsorted_max = 512;  // that a range looks through one by one

}  // namespace

const Overlay::Change* Overlay::find(BytesView key) const {
    if (changes_.empty()) return nullptr;
    const uint64_t hash = hash64(key);
    const uint32_t tag = static_cast<uint32_t>(hash >> 32);
    for (size_t at = hash & (slots_.size() - 1);; at = (at + 1) & (slots_.size() - 1)) {
        const Slot& slot = slots_[at];
        if (slot.number == 0) return nullptr;
        if (slot.tag == tag && changes_[slot.number - 1].key == key) return &changes_[slot.number - 1];
    }
}

// Finds or makes it.
Overlay::Change& Overlay::change_of(BytesView key) {
    if ((changes_.size() + 1) * 2 > slots_.size()) grow();
    const uint64_t hash = hash64(key);
    const uint32_t tag = static_cast<uint32_t>(hash >> 32);
    size_t at = hash & (slots_.size() - 1);
    for (; slots_[at].number != 0; at = (at + 1) & (slots_.size() - 1)) {
        if (slots_[at].tag == tag && changes_[slots_[at].number - 1].key == key) return changes_[slots_[at].number - 1];
    }
    char* const name = room(key.size());
    std::memcpy(name, key.data(), key.size());
    changes_.push_back({{name, key.size()}, {}, false, nullptr, 0});
    slots_[at] = {tag, static_cast<uint32_t>(changes_.size())};
    return changes_.back();
}

void Overlay::grow() {
    slots_.assign(std::max(slots_min, slots_.size() * 2), {});
    for (size_t i = 0; i < changes_.size(); ++i) {
        const uint64_t hash = hash64(changes_[i].key);
        size_t at = hash & (slots_.size() - 1);
        while (slots_[at].number != 0) at = (at + 1) & (slots_.size() - 1);
        slots_[at] = {static_cast<uint32_t>(hash >> 32), static_cast<uint32_t>(i + 1)};
    }
}

void Overlay::put(BytesView key, BytesView value) {
    Change& change = change_of(key);
    if (change.place == nullptr || value.size() > change.capacity) {
        change.place = room(value.size());
        change.capacity = value.size();
    }
    if (!value.empty()) std::memcpy(change.place, value.data(), value.size());
    change.value = {change.place, value.size()};
    change.erased = false;
}

void Overlay::erase(BytesView key) { change_of(key).erased = true; }

char* Overlay::room(size_t bytes) {
    if (bytes > block_bytes / 4) return large_.emplace_back(new char[bytes]).get();
    if (bytes > block_left_ || blocks_used_ == 0) {
        if (blocks_used_ == blocks_.size()) blocks_.emplace_back(new char[block_bytes]);
        ++blocks_used_;
        block_left_ = block_bytes;
    }
    char* const place = blocks_[blocks_used_ - 1].get() + (block_bytes - block_left_);
    block_left_ -= bytes;
    return place;
}

void Overlay::sort() {
    const auto by_key = [this](uint32_t a, uint32_t b) { return changes_[a].key < changes_[b].key; };
    const auto sorted = static_cast<std::ptrdiff_t>(order_.size());
    for (size_t i = order_.size(); i < changes_.size(); ++i) order_.push_back(static_cast<uint32_t>(i));
    std::sort(order_.begin() + sorted, order_.end(), by_key);
    std::inplace_merge(order_.begin(), order_.begin() + sorted, order_.end(), by_key);
}

const std::vector<const Overlay::Change*>& Overlay::within(BytesView from, BytesView to) {
    if (changes_.size() - order_.size() > unsorted_max) sort();
    found_.clear();
    for (size_t i = order_.size(); i < changes_.size(); ++i) {
        if (changes_[i].key >= from && changes_[i].key < to) found_.push_back(&changes_[i]);
    }
    const auto by_key = [](const Change* a, const Change* b) { return a->key < b->key; };
    std::sort(found_.begin(), found_.end(), by_key);
    const auto unsorted = static_cast<std::ptrdiff_t>(found_.size());
    const auto below = [this](uint32_t number, BytesView bound) { return changes_[number].key < bound; };
    for (auto at = std::lower_bound(order_.begin(), order_.end(), from, below);
         at != order_.end() && changes_[*at].key < to; ++at) {
        found_.push_back(&changes_[*at]);
    }
    std::inplace_merge(found_.begin(), found_.begin() + unsorted, found_.end(), by_key);
    return found_;
}

const std::vector<const Overlay::Change*>& Overlay::all() {
    sort();
    found_.clear();
    for (const uint32_t number : order_) found_.push_back(&changes_[number]);
    return found_;
}

void Overlay::clear() {
    if (changes_.size() > changes_kept_max) {
        changes_ = {};
        order_ = {};
        found_ = {};
        slots_ = {};
    }
    changes_.clear();
    order_.clear();
    found_.clear();
    std::fill(slots_.begin(), slots_.end(), Slot());
    large_.clear();
    if (blocks_.size() > blocks_kept_max) blocks_.resize(blocks_kept_max);
    blocks_used_ = 0;
    block_left_ = 0;
}

}  // namespace belfry::storage_rocksdb

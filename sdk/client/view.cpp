#include "sdk/client/view.hpp"

#include <algorithm>
#include <utility>

namespace belfry {
namespace {
template <class Entries>
auto lower(Entries& entries, BytesView key) {
    return std::lower_bound(entries.begin(), entries.end(), key,
                            [](const auto& entry, BytesView wanted) { return BytesView(entry->key) < wanted; });
}
}  // namespace

size_t View::block_of(BytesView key) const {
    const auto after = std::upper_bound(blocks_.begin(), blocks_.end(), key, [](BytesView wanted, const auto& block) {
        return wanted < BytesView(block->entries.front()->key);
    });
    return after == blocks_.begin() ? 0 : static_cast<size_t>(after - blocks_.begin()) - 1;
}

const KeyValue* View::find(BytesView key) const {
    if (blocks_.empty()) return nullptr;
    const auto& entries = blocks_[block_of(key)]->entries;
    const auto found = lower(entries, key);
    return found != entries.end() && (*found)->key == key ? found->get() : nullptr;
}

void View::for_each_in(const KeyRange& range, const std::function<void(const KeyValue&)>& visit) const {
    if (blocks_.empty()) return;
    for (size_t block = block_of(range.begin); block < blocks_.size(); ++block) {
        const auto& entries = blocks_[block]->entries;
        for (auto entry = lower(entries, range.begin); entry != entries.end(); ++entry) {
            if (!range.contains((*entry)->key)) {
                if ((*entry)->key < range.begin) continue;
                return;
            }
            visit(**entry);
        }
    }
}

View::Block& ViewBuilder::own(size_t block) {
    auto& shared = view_.blocks_[block];
    if (shared->generation != generation_) {
        shared = std::make_shared<View::Block>(*shared);
        shared->generation = generation_;
    }
    return *shared;
}

std::shared_ptr<const KeyValue> ViewBuilder::put(KeyValue kv) {
    auto entry = std::make_shared<const KeyValue>(std::move(kv));
    view_.digest.add(*entry);
    if (view_.blocks_.empty()) {
        view_.blocks_.push_back(std::make_shared<View::Block>());
        view_.blocks_[0]->generation = generation_;
        view_.blocks_[0]->entries.push_back(std::move(entry));
        return nullptr;
    }
    const size_t at = view_.block_of(entry->key);
    auto& entries = own(at).entries;
    const auto place = lower(entries, entry->key);
    if (place != entries.end() && (*place)->key == entry->key) {
        view_.digest.remove(**place);
        return std::exchange(*place, std::move(entry));
    }
    entries.insert(place, std::move(entry));
    if (entries.size() <= View::block_entries_max) return nullptr;
    auto second = std::make_shared<View::Block>();
    second->generation = generation_;
    // Keys that arrive in order leave full blocks behind.
    const bool at_end = at + 1 == view_.blocks_.size();
    const auto half = entries.begin() + static_cast<std::ptrdiff_t>(at_end ? entries.size() - 1 : entries.size() / 2);
    second->entries.assign(half, entries.end());
    entries.erase(half, entries.end());
    view_.blocks_.insert(view_.blocks_.begin() + static_cast<std::ptrdiff_t>(at) + 1, std::move(second));
    return nullptr;
}

std::shared_ptr<const KeyValue> ViewBuilder::erase(BytesView key) {
    if (view_.find(key) == nullptr) return nullptr;
    const size_t at = view_.block_of(key);
    auto& entries = own(at).entries;
    const auto place = lower(entries, key);
    std::shared_ptr<const KeyValue> before = *place;
    entries.erase(place);
    if (entries.empty()) view_.blocks_.erase(view_.blocks_.begin() + static_cast<std::ptrdiff_t>(at));
    view_.digest.remove(*before);
    return before;
}

void ViewBuilder::clear() { view_ = View{}; }

std::shared_ptr<const View> ViewBuilder::publish(Revision revision) {
    view_.revision = revision;
    ++generation_;
    return std::make_shared<const View>(view_);
}

}  // namespace belfry

// Keys and values at one revision, immutable. Sorted blocks of shared entries: a new view shares every block that did not
// change with the one before it, so a change costs one block and the list of blocks, whatever the number of keys.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "sdk/base/hash.hpp"
#include "sdk/base/key_range.hpp"

namespace belfry {

class View {
public:
    Revision revision;
    StateDigest digest;  // digest.count() = size()

    size_t size() const { return static_cast<size_t>(digest.count()); }
    // nullptr = no such key. Lives as long as the view.
    const KeyValue* find(BytesView key) const;
    // In key order.
    void for_each(const std::function<void(const KeyValue&)>& visit) const { for_each_in(KeyRange::all(), visit); }
    void for_each_in(const KeyRange& range, const std::function<void(const KeyValue&)>& visit) const;

private:
    friend class ViewBuilder;
    static constexpr size_t block_entries_max = 128;
    struct Block {
        uint64_t generation = 0;  // of the builder's round that made it
        std::vector<std::shared_ptr<const KeyValue>> entries;
    };
    size_t block_of(BytesView key) const;         // the last block that begins at or before the key; 0 if none does
    std::vector<std::shared_ptr<Block>> blocks_;  // none is empty
};

// Makes views one after another. One thread.
class ViewBuilder {
public:
    // The entry before, or none.
    std::shared_ptr<const KeyValue> put(KeyValue kv);
    std::shared_ptr<const KeyValue> erase(BytesView key);
    void clear();
    const View& present() const { return view_; }
    std::shared_ptr<const View> publish(Revision revision);

private:
    View::Block& own(size_t block);
    View view_;
    uint64_t generation_ = 1;  // blocks of an earlier one belong to published views too
};

}  // namespace belfry

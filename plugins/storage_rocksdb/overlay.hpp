// The open batch: what it changes, found by key in one look and in order for a range, until it becomes one record of
// RocksDB. A WriteBatchWithIndex would do, at ten times the time: it keeps an ordered list that costs a search for each
// change and an iterator for each get.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "sdk/base/types.hpp"

namespace belfry::storage_rocksdb {

class Overlay {
public:
    struct Change {
        BytesView key;
        BytesView value;
        bool erased = false;
        char* place = nullptr;  // of the value, and what fits in it
        size_t capacity = 0;
    };

    // The newer change of a key counts; what find() gave for it is no more.
    void put(BytesView key, BytesView value);
    void erase(BytesView key);
    // nullptr: the batch does not say. Valid until the next put, erase or clear, its octets until the next of that key.
    const Change* find(BytesView key) const;
    // The changes with keys in [from, to), in their order; valid until the next call of anything but find.
    const std::vector<const Change*>& within(BytesView from, BytesView to);
    // All of them, in order of keys.
    const std::vector<const Change*>& all();
    size_t size() const { return changes_.size(); }
    void clear();

private:
    struct Slot {
        uint32_t tag = 0;     // of the hash
        uint32_t number = 0;  // of the change, from 1; 0 = free
    };
    Change& change_of(BytesView key);
    void grow();
    char* room(size_t bytes);
    void sort();

    std::vector<Change> changes_;  // as they came, each key once
    std::vector<Slot> slots_;      // open addressing; a power of two
    std::vector<uint32_t> order_;  // of the first changes, by key; those behind it are in no order yet
    std::vector<const Change*> found_;
    std::vector<std::unique_ptr<char[]>> blocks_;  // of block_bytes, kept for the next batch
    std::vector<std::unique_ptr<char[]>> large_;   // what fits in no block
    size_t blocks_used_ = 0;
    size_t block_left_ = 0;
};

}  // namespace belfry::storage_rocksdb

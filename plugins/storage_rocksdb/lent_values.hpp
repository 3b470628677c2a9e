// The values that get() has lent. Their places are used again: a string that has grown once needs no memory for the next.
#pragma once

#include <rocksdb/slice.h>

#include <deque>
#include <string>

namespace belfry::storage_rocksdb {

class LentValues {
public:
    // Where the next value goes, empty.
    rocksdb::PinnableSlice& next() {
        if (used_ == places_.size()) places_.emplace_back();
        return places_[used_++];
    }
    // There was none.
    void drop_last() { --used_; }
    // None is looked at any more.
    void take_back() {
        for (; used_ > 0; --used_) {
            rocksdb::PinnableSlice& value = places_[used_ - 1];
            value.Reset();
            if (value.GetSelf()->capacity() > bytes_kept_max) std::string().swap(*value.GetSelf());
        }
        if (places_.size() > places_kept_max) places_.resize(places_kept_max);
    }

private:
    static constexpr size_t bytes_kept_max = 16 * 1024;
    static constexpr size_t places_kept_max = 512;  // the hub looks at 256 gets at most, and what a write reads

    std::deque<rocksdb::PinnableSlice> places_;
    size_t used_ = 0;
};

}  // namespace belfry::storage_rocksdb

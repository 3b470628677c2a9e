// Writes at the end of a segment, in whole blocks: the block that the segment ends in is in memory, is filled up, and is
// written again with what follows.
//
//     | block | block | octets 0000 |          what is behind the end is zeros, in the file too
//                     ^ begin_      ^ the file may end here
//
// Writing a block again does not endanger what is in it already: the same octets go to the same place, as they would when
// the kernel's cache wrote its page.
#pragma once

#include <cstdlib>
#include <memory>

#include "plugins/log_wal/file.hpp"

namespace belfry::log_wal {

class Tail {
public:
    // The file is written from `end` on. False: not in this way (the file system, or the length of the file, is not for
    // it), or the block cannot be read.
    bool start(File& file, uint64_t end);
    bool is_started() const { return started_; }
    // After an error it is not known how much was written, and start() must be called again.
    Status append(File& file, BytesView bytes);

private:
    struct Free {
        void operator()(char* memory) const { std::free(memory); }
    };
    std::unique_ptr<char, Free> blocks_;
    uint64_t begin_ = 0;  // of the first block in memory
    size_t filled_ = 0;   // octets in it
    bool started_ = false;
};

}  // namespace belfry::log_wal

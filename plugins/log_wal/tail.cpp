#include "plugins/log_wal/tail.hpp"

#include <algorithm>
#include <cstring>

namespace belfry::log_wal {

namespace {

constexpr size_t memory_bytes = 256 * 1024;  // of one write; a round of the host's entries fits
static_assert(memory_bytes % File::block_bytes == 0);

}  // namespace

bool Tail::start(File& file, uint64_t end) {
    started_ = false;
    file.go_direct();
    const auto size = file.size();
    if (!file.is_direct() || !size || *size % File::block_bytes != 0) return false;
    if (!blocks_) blocks_.reset(static_cast<char*>(std::aligned_alloc(File::block_bytes, memory_bytes)));
    if (!blocks_) return false;
    begin_ = end / File::block_bytes * File::block_bytes;
    filled_ = static_cast<size_t>(end - begin_);
    const auto got = file.read(blocks_.get(), filled_, begin_);
    return started_ = got && *got == filled_;
}

Status Tail::append(File& file, BytesView bytes) {
    while (!bytes.empty()) {
        const size_t taken = std::min(bytes.size(), memory_bytes - filled_);
        std::memcpy(blocks_.get() + filled_, bytes.data(), taken);
        bytes.remove_prefix(taken);
        const size_t used = filled_ + taken;
        const size_t whole = (used + File::block_bytes - 1) / File::block_bytes * File::block_bytes;
        std::memset(blocks_.get() + used, 0, whole - used);
        if (Status status = file.write_blocks({blocks_.get(), whole}, begin_); !status) return started_ = false, status;
        filled_ = used % File::block_bytes;
        begin_ += used - filled_;
        std::memmove(blocks_.get(), blocks_.get() + used - filled_, filled_);
    }
    return {};
}

}  // namespace belfry::log_wal

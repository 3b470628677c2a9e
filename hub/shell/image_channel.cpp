#include "hub/shell/image_channel.hpp"

#include <algorithm>
#include <cstring>

namespace belfry::hub::shell {

Status ImageChannel::put(BytesView part) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return at_ == part_.size() || abandoned_; });
    if (abandoned_) return Error{Code::unavailable, "nobody reads the image any more"};
    part_ = part;
    at_ = 0;
    changed_.notify_all();
    return {};
}

void ImageChannel::end(Status outcome) {
    const std::lock_guard lock(mutex_);
    ended_ = std::move(outcome);
    changed_.notify_all();
}

Result<size_t> ImageChannel::take(char* buffer, size_t capacity) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return at_ < part_.size() || ended_; });
    if (at_ == part_.size()) return *ended_ ? Result<size_t>(0) : ended_->error();
    const size_t size = std::min(capacity, part_.size() - at_);
    std::memcpy(buffer, part_.data() + at_, size);
    at_ += size;
    if (at_ == part_.size()) changed_.notify_all();
    return size;
}

void ImageChannel::abandon() {
    const std::lock_guard lock(mutex_);
    abandoned_ = true;
    changed_.notify_all();
}

}  // namespace belfry::hub::shell

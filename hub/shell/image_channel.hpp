// Carries a snapshot image from the thread that writes it to the one that reads it, a part at a time: never whole in
// memory.
#pragma once

#include <condition_variable>
#include <mutex>
#include <optional>

#include "sdk/base/error.hpp"
#include "sdk/base/types.hpp"

namespace belfry::hub::shell {

class ImageChannel {
public:
    // The writer's side. Waits while a part lies there; `unavailable` when the reader has gone.
    Status put(BytesView part);
    // No part follows: it was whole, or this is what went wrong.
    void end(Status outcome);
    // The reader's side. Waits for octets; 0 = the end. The writer's error, if there was one.
    Result<size_t> take(char* buffer, size_t capacity);
    void abandon();

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    Bytes part_;  // under mutex_
    size_t at_ = 0;
    std::optional<Status> ended_;
    bool abandoned_ = false;
};

}  // namespace belfry::hub::shell

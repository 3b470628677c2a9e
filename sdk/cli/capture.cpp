#include "sdk/cli/capture.hpp"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "sdk/cli/stop_signal.hpp"

namespace belfry::cli {

Capture::Capture(size_t bytes_max) : bytes_max_(bytes_max) {
    if (::pipe2(ends_.data(), O_CLOEXEC) != 0) ends_ = {-1, -1};
    if (open()) ::fcntl(ends_[0], F_SETFL, O_NONBLOCK);
}

Capture::~Capture() {
    for (const int end : ends_) {
        if (end >= 0) ::close(end);
    }
}

void Capture::close_input() { ::close(std::exchange(ends_[1], -1)); }

// One octet more than a result may have is enough to know that it is too large.
void Capture::read() {
    std::array<char, 65536> piece;
    while (!full()) {
        const ssize_t size = ::read(ends_[0], piece.data(), piece.size());
        if (size < 0 && errno == EINTR) continue;
        ended_ = ended_ || size == 0;
        if (size <= 0) return;
        text_.append(piece.data(), static_cast<size_t>(size));
    }
}

std::optional<int> run_captured(ChildProcess& child, Capture& capture, const std::function<bool()>& may_go_on) {
    for (;;) {
        const auto code = child.wait(signal_poll, capture.output());
        capture.read();
        if (code) return capture.full() ? std::nullopt : code;
        if (may_go_on() && !capture.full()) continue;
        child.signal(SIGTERM);
        child.end();
        return {};
    }
}

}  // namespace belfry::cli

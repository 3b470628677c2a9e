#include "sdk/cli/progress.hpp"

#include "sdk/cli/text.hpp"

namespace belfry::cli {

using namespace std::chrono_literals;

Progress::Progress(const Context& context, std::string label)
    : err_(context.err), shown_(context.err_terminal), label_(std::move(label)) {}

Progress::~Progress() {
    if (written_) err_ << "\r\033[K" << std::flush;
}

void Progress::show(uint64_t done, uint64_t total) {
    if (!shown_) return;
    const auto now = std::chrono::steady_clock::now();
    if (now < next_) return;
    next_ = now + 100ms;
    written_ = true;
    err_ << "\r\033[K" << label_ << "  " << human_count(done);
    if (total != 0) err_ << " of " << human_count(total) << "  (" << done * 100 / total << "%)";
    err_ << std::flush;
}

}  // namespace belfry::cli

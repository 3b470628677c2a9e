#include "hub/shell/auditor.hpp"

namespace belfry::hub::shell {

namespace {

using Event = core::Audit::Event;

constexpr uint64_t refusals_per_second_max = 20;
// Long enough for every sentence of ours; strangers' words are in some of them.
constexpr size_t text_bytes_max = 512;

const char* name_of(Event event) {
    switch (event) {
        case Event::refused: return "refused";
        case Event::login: return "login";
        case Event::login_refused: return "login refused";
        case Event::administration: return "administration";
    }
    return "";
}

std::string shortened(const std::string& text) {
    return text.size() <= text_bytes_max ? text : text.substr(0, text_bytes_max) + "...";
}

}  // namespace

void Auditor::tell(const std::vector<core::Audit>& lines, uint64_t now_ms) {
    for (const core::Audit& line : lines) {
        const bool bounded = line.event == Event::refused || line.event == Event::login_refused;
        if (!bounded || may_tell_refusal(now_ms)) tell(line);
    }
}

bool Auditor::may_tell_refusal(uint64_t now_ms) {
    if (now_ms / 1000 != second_) {
        if (untold_ > 0) logger_.warning("audit", {{"event", "refusals not shown"}, {"count", std::to_string(untold_)}});
        second_ = now_ms / 1000;
        told_ = untold_ = 0;
    }
    if (told_ < refusals_per_second_max) return ++told_, true;
    ++untold_;
    return false;
}

void Auditor::tell(const core::Audit& line) {
    const bool good = line.outcome.code == Code::ok;
    logger_.log(good ? LogLevel::info : LogLevel::warning, "audit",
                {{"event", name_of(line.event)},
                 {"principal", line.principal.empty() ? "-" : shortened(line.principal)},
                 {"about", shortened(line.about)},
                 {"connection", std::to_string(line.connection)},
                 {"outcome", good ? "done" : shortened(to_string(line.outcome))}});
}

}  // namespace belfry::hub::shell

#include "hub/shell/auditor.hpp"

namespace belfry::hub::shell {

namespace {

using Event = core::Audit::Event;

constexpr uint64_t lines_per_second_max = 20;  // of each kind
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
    if (text.size() <= text_bytes_max) return text;
    size_t end = text_bytes_max;
    while (end > text_bytes_max - 4 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;  // no half letters
    return text.substr(0, end) + "...";
}

}  // namespace

// Apart, so that whoever guesses passwords cannot hide among refusals that cost nothing.
void Auditor::tell(const std::vector<core::Audit>& lines, uint64_t now_ms) {
    for (const core::Audit& line : lines) {
        const bool bounded = line.event == Event::refused || line.event == Event::login_refused;
        Bound& bound = line.event == Event::refused ? refusals_ : logins_;
        if (!bounded || may_tell(bound, line.event, now_ms)) tell(line);
    }
}

bool Auditor::may_tell(Bound& bound, Event event, uint64_t now_ms) {
    if (now_ms / 1000 != bound.second) {
        if (bound.untold > 0) {
            logger_.warning(
                "audit", {{"event", name_of(event) + std::string(", not shown")}, {"count", std::to_string(bound.untold)}});
        }
        bound = {now_ms / 1000, 0, 0};
    }
    if (bound.told < lines_per_second_max) return ++bound.told, true;
    ++bound.untold;
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

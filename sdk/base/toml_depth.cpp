#include "sdk/base/toml_depth.hpp"

#include <algorithm>
#include <string>
#include <vector>

namespace belfry {

namespace {

constexpr size_t quotes_before_end_max = 2;  // of a text of many lines: """a""""" ends with two of its own

// By the text alone: brackets, and the dots of the name that is being read.
class DepthCount {
public:
    explicit DepthCount(std::string_view text) : text_(text) {}

    std::optional<size_t> too_deep_line() {
        while (at_ < text_.size() && depth_ <= limits::toml_depth_max) step();
        if (depth_ <= limits::toml_depth_max) return std::nullopt;
        return 1 + static_cast<size_t>(std::count(text_.begin(), text_.begin() + static_cast<ptrdiff_t>(at_), '\n'));
    }

private:
    void step() {
        const char c = text_[at_];
        if (c == '"' || c == '\'') return skip_text(c);
        ++at_;
        switch (c) {
            case '#': at_ = std::min(text_.find('\n', at_), text_.size()); break;
            case '.': ++dots_.back(), ++depth_; break;
            case '[':
            case '{': dots_.push_back(0), ++depth_; break;
            case ']':
            case '}':
                forget_name();
                if (dots_.size() > 1) dots_.pop_back(), --depth_;
                break;
            case ',':
            case '\n': forget_name(); break;
            default: break;
        }
    }
    void forget_name() {
        depth_ -= dots_.back();
        dots_.back() = 0;
    }
    void skip_text(char quote) {
        const std::string three(3, quote);
        const bool lines = text_.substr(at_, 3) == three;
        at_ += lines ? 3 : 1;
        while (at_ < text_.size()) {
            if (lines ? text_.substr(at_, 3) == three : text_[at_] == quote) break;
            if (!lines && text_[at_] == '\n') return;
            at_ += quote == '"' && text_[at_] == '\\' ? 2 : 1;
        }
        at_ = std::min(at_ + (lines ? 3 : 1), text_.size());
        for (size_t own = 0; lines && own < quotes_before_end_max && text_.substr(at_, 1) == three.substr(0, 1); ++own)
            ++at_;
    }

    const std::string_view text_;
    size_t at_ = 0;
    size_t depth_ = 0;
    std::vector<size_t> dots_ = {0};  // of the name being read, for each open bracket
};

}  // namespace

std::optional<size_t> too_deep_line(std::string_view toml) { return DepthCount(toml).too_deep_line(); }

Status check_toml_depth(std::string_view toml, const std::string& place) {
    const auto line = too_deep_line(toml);
    if (!line) return {};
    return Error{Code::too_large,
                 place + std::to_string(*line) + ": nested deeper than " + std::to_string(limits::toml_depth_max)};
}

}  // namespace belfry

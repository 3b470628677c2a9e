#include <toml++/toml.h>

#include <sstream>

#include "sdk/values/document.hpp"
#include "sdk/values/tree_builder.hpp"

namespace belfry::values {

namespace {

// The library makes a table for every dot of a name before we see anything, and takes them down by recursion. So the depth
// is counted first, by the text alone: brackets, and the dots of the name that is being read.
class DepthCount {
public:
    explicit DepthCount(std::string_view text) : text_(text) {}

    bool too_deep() {
        while (at_ < text_.size() && depth_ <= 2 * document_depth_max) step();
        return depth_ > 2 * document_depth_max;
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
    }

    const std::string_view text_;
    size_t at_ = 0;
    size_t depth_ = 0;
    std::vector<size_t> dots_ = {0};  // of the name being read, for each open bracket
};

template <class T>
std::string streamed(const T& moment) {
    std::ostringstream text;
    text << moment;
    return text.str();
}

bool add(const toml::node& node, TreeBuilder& tree) {
    if (const auto* table = node.as_table()) {
        if (!tree.begin_map()) return false;
        for (const auto& [name, inner] : *table) {
            if (!tree.name(std::string(name.str())) || !add(inner, tree)) return false;
        }
        return tree.end();
    }
    if (const auto* list = node.as_array()) {
        if (!tree.begin_list()) return false;
        for (const auto& inner : *list) {
            if (!add(inner, tree)) return false;
        }
        return tree.end();
    }
    if (const auto* text = node.as_string()) return tree.add({text->get()});
    if (const auto* number = node.as_integer()) return tree.add({number->get()});
    if (const auto* number = node.as_floating_point()) return tree.add({number->get()});
    if (const auto* truth = node.as_boolean()) return tree.add({truth->get()});
    if (const auto* date = node.as_date()) return tree.add({streamed(date->get())});
    if (const auto* time = node.as_time()) return tree.add({streamed(time->get())});
    if (const auto* moment = node.as_date_time()) return tree.add({streamed(moment->get())});
    return tree.fail(Code::invalid_argument, "a kind of value that is not known");
}

}  // namespace

Result<Node> parse_toml(std::string_view text) {
    if (DepthCount(text).too_deep()) {
        return Error{Code::too_large, "nested deeper than " + std::to_string(document_depth_max)};
    }
    try {
        TreeBuilder tree;
        if (!add(toml::parse(text), tree)) return tree.problem();
        return tree.take();
    } catch (const toml::parse_error& problem) {
        const auto place = problem.source().begin;
        return Error{Code::invalid_argument, "line " + std::to_string(place.line) + ", column " +
                                                 std::to_string(place.column) + ": " + std::string(problem.description())};
    }
}

}  // namespace belfry::values

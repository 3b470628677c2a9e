#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <map>
#include <sstream>

#include "sdk/base/utf8.hpp"
#include "sdk/values/document.hpp"
#include "sdk/values/tree_builder.hpp"

namespace belfry::values {

namespace {

constexpr std::string_view core_tag = "tag:yaml.org,2002:";

// Thrown through the library to end it; the tree says what is wrong.
struct Stop {};

bool all_of(std::string_view text, std::string_view octets) {
    return !text.empty() && text.find_first_not_of(octets) == std::string_view::npos;
}

std::optional<Node> whole_number(std::string_view text) {
    int base = 10;
    std::string_view digits = text;
    if (text.starts_with("0x")) base = 16, digits.remove_prefix(2);
    if (text.starts_with("0o")) base = 8, digits.remove_prefix(2);
    const bool negative = base == 10 && digits.starts_with('-');
    if (base == 10 && (negative || digits.starts_with('+'))) digits.remove_prefix(1);
    if (!all_of(digits, base == 16 ? "0123456789abcdefABCDEF" : base == 8 ? "01234567" : "0123456789")) return std::nullopt;
    uint64_t number = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number, base);
    if (error != std::errc()) return std::nullopt;  // past 64 bits: a floating number, if it is decimal
    constexpr uint64_t least = uint64_t{1} << 63;
    if (negative && number <= least) return Node{static_cast<int64_t>(~number + 1)};
    if (negative) return std::nullopt;
    if (number > INT64_MAX) return Node{number};
    return Node{static_cast<int64_t>(number)};
}

std::optional<Node> floating_number(std::string_view text) {
    const bool negative = text.starts_with('-');
    std::string_view rest = text;
    if (negative || rest.starts_with('+')) rest.remove_prefix(1);
    constexpr double infinity = std::numeric_limits<double>::infinity();
    if (rest == ".inf" || rest == ".Inf" || rest == ".INF") return Node{negative ? -infinity : infinity};
    if (text == ".nan" || text == ".NaN" || text == ".NAN") return Node{std::numeric_limits<double>::quiet_NaN()};
    if (rest.empty() || rest.find_first_not_of("0123456789.eE+-") != std::string_view::npos) return std::nullopt;
    if (rest.find_first_of("0123456789") > 1 || rest.front() == 'e' || rest.front() == 'E') return std::nullopt;
    if (rest.front() == '+' || rest.front() == '-') return std::nullopt;
    double number = 0;
    const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), number);
    if (error != std::errc() || end != rest.data() + rest.size()) return std::nullopt;
    return Node{negative ? -number : number};
}

class YamlHandler : public YAML::EventHandler {
public:
    TreeBuilder tree;
    YAML::Mark last;
    bool seen = false;

    void OnDocumentStart(const YAML::Mark& mark) override {
        last = mark;
        if (seen) stop(tree.fail(Code::invalid_argument, "a second document begins; one value is one document"));
        seen = true;
    }
    void OnDocumentEnd() override {}
    void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override { scalar(mark, anchor, {}); }
    void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, const std::string& text) override {
        last = mark;
        if (!is_utf8(text)) {  // the document was; yaml-cpp 0.7 makes one octet of each of these two
            stop(tree.fail(Code::invalid_argument, R"(an escape \N or \_; write \u0085 or \u00a0)"));
        }
        if (names_next()) {
            if (anchor != YAML::NullAnchor) stop(tree.fail(Code::invalid_argument, "an anchor at a name"));
            return take_name(text, tag);
        }
        scalar(mark, anchor, resolve(tag, text));
    }
    void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
        last = mark;
        if (names_next()) stop(tree.fail(Code::invalid_argument, "a name that is an alias"));
        const auto known = anchors_.find(anchor);
        if (known == anchors_.end()) stop(tree.fail(Code::invalid_argument, "an alias within what it stands for"));
        stop(tree.add(known->second));
        placed();
    }
    void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                         YAML::EmitterStyle::value) override {
        begin(mark, tag, "seq", anchor);
        stop(tree.begin_list());
        open_.push_back({anchor, false, false});
    }
    void OnSequenceEnd() override { end(); }
    void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                    YAML::EmitterStyle::value) override {
        begin(mark, tag, "map", anchor);
        stop(tree.begin_map());
        open_.push_back({anchor, true, true});
    }
    void OnMapEnd() override { end(); }

private:
    struct Open {
        YAML::anchor_t anchor;
        bool is_map;
        bool name_next;
    };

    static void stop(bool good) {
        if (!good) throw Stop();
    }
    bool names_next() const { return !open_.empty() && open_.back().name_next; }
    void take_name(const std::string& text, const std::string& tag) {
        if (text == "<<" && tag == "?") {
            stop(tree.fail(Code::invalid_argument, "merge keys (<<) are not YAML 1.2; write the names out"));
        }
        stop(tree.name(text));
        open_.back().name_next = false;
    }
    void placed() {
        if (!open_.empty() && open_.back().is_map) open_.back().name_next = true;
    }
    void scalar(const YAML::Mark& mark, YAML::anchor_t anchor, Node node) {
        last = mark;
        if (names_next()) return take_name("null", "!");
        remember(anchor, node);
        stop(tree.add(std::move(node)));
        placed();
    }
    void begin(const YAML::Mark& mark, const std::string& tag, const char* kind, YAML::anchor_t) {
        last = mark;
        if (names_next()) stop(tree.fail(Code::invalid_argument, "a name that is a list or a map"));
        if (tag.empty() || tag == "?" || tag == "!" || tag == std::string(core_tag) + kind) return;
        stop(tree.fail(Code::invalid_argument, "a tag of another than the core types"));
    }
    void end() {
        const YAML::anchor_t anchor = open_.back().anchor;
        open_.pop_back();
        const Node* finished = nullptr;
        stop(tree.end(&finished));
        remember(anchor, *finished);
        placed();
    }
    // Copies, since the tree moves while it grows; together they weigh no more than a document may.
    void remember(YAML::anchor_t anchor, const Node& node) {
        if (anchor == YAML::NullAnchor) return;
        if (!anchored_.add(node)) stop(tree.fail(anchored_.problem().code, anchored_.problem().detail));
        anchors_[anchor] = node;
    }
    Node resolve(const std::string& tag, const std::string& text) {
        if (tag == "?" || tag.empty()) return yaml_scalar(text);
        const std::string_view type = tag;
        if (tag == "!" || type == std::string(core_tag) + "str") return {text};
        Node node = yaml_scalar(text);
        const bool fits = (type == std::string(core_tag) + "int" &&
                           (std::holds_alternative<int64_t>(node.value) || std::holds_alternative<uint64_t>(node.value))) ||
                          (type == std::string(core_tag) + "bool" && std::holds_alternative<bool>(node.value)) ||
                          (type == std::string(core_tag) + "null" && node.is_null());
        if (fits) return node;
        if (type == std::string(core_tag) + "float") {
            if (auto number = floating_number(text)) return *std::move(number);
        }
        stop(tree.fail(Code::invalid_argument, "a tag of another than the core types, or a scalar that does not fit it"));
        return node;
    }

    std::vector<Open> open_;
    std::map<YAML::anchor_t, Node> anchors_;
    TreeBuilder anchored_;  // weighs what anchors_ holds
};

std::string place_of(const YAML::Mark& mark) {
    if (mark.is_null()) return {};
    return "line " + std::to_string(mark.line + 1) + ", column " + std::to_string(mark.column + 1) + ": ";
}

}  // namespace

Node yaml_scalar(const std::string& text) {
    if (text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL") return {};
    if (text == "true" || text == "True" || text == "TRUE") return {true};
    if (text == "false" || text == "False" || text == "FALSE") return {false};
    if (auto number = whole_number(text)) return *std::move(number);
    if (auto number = floating_number(text)) return *std::move(number);
    return {text};
}

Result<Node> parse_yaml(std::string_view text) {
    YamlHandler handler;
    try {
        std::istringstream stream{std::string(text)};
        YAML::Parser parser(stream);
        while (parser.HandleNextDocument(handler)) {
        }
        return handler.tree.take();
    } catch (const Stop&) {
        return Error{handler.tree.problem().code, place_of(handler.last) + handler.tree.problem().detail};
    } catch (const YAML::Exception& problem) {
        return Error{Code::invalid_argument, place_of(problem.mark) + problem.msg};
    }
}

}  // namespace belfry::values

#include "plugins/filter_json/query.hpp"

#include <algorithm>
#include <map>

#include "plugins/filter_json/document.hpp"
#include "sdk/base/limits.hpp"

namespace belfry::filter_json {
namespace {

using nlohmann::json;

Error refusal(const std::string& reason) { return {Code::invalid_argument, "json: " + reason}; }

// The words of a query, one after another; at the end they are empty.
class Words {
public:
    explicit Words(BytesView text) : rest_(text) {}

    // Up to a space that no backslash escapes.
    BytesView keys() {
        return take([](BytesView text) {
            size_t at = 0;
            while (at < text.size() && text[at] != ' ') at += text[at] == '\\' ? 2 : 1;
            return at;
        });
    }
    // Up to a space, or the first one behind what begins as a JSON string.
    BytesView next() {
        return take([](BytesView text) {
            size_t at = 0;
            if (text.starts_with('"')) {
                for (at = 1; at < text.size() && text[at] != '"'; ++at) at += text[at] == '\\' ? 1 : 0;
            }
            return text.find(' ', at);
        });
    }

private:
    template <class EndOf>
    BytesView take(EndOf&& end_of) {
        rest_.remove_prefix(std::min(rest_.find_first_not_of(' '), rest_.size()));
        const size_t end = std::min(end_of(rest_), rest_.size());
        const BytesView word = rest_.substr(0, end);
        rest_.remove_prefix(end);
        return word;
    }
    BytesView rest_;
};

Result<std::string> pointer_of(BytesView word) {
    if (word == ".") return std::string();
    if (word.starts_with('/')) return std::string(word);
    if (word.starts_with('"')) {
        const json text = json::parse(word, nullptr, false);
        if (text.is_string()) return text.get<std::string>();
    }
    return refusal(word.empty() ? "a condition is missing; write KEYS /place = value, or use the filter 'glob'"
                                : shown(word) + " is no place in a document; write /name/name, or . for the whole");
}

Result<json> operand_of(BytesView word) {
    // nlohmann's parser takes a NUL as the end.
    const bool whole = word.find('\0') == BytesView::npos;
    const json operand = whole ? json::parse(word, nullptr, false) : json(json::value_t::discarded);
    if (!operand.is_discarded() && !operand.is_structured()) return operand;
    return refusal(shown(word) + " is neither a number, a string in quotes, true, false nor null");
}

Result<Condition> condition_of(Words& words) {
    auto pointer = pointer_of(words.next());
    if (!pointer) return pointer.error();
    const BytesView word = words.next();
    const Relation* relation = relation_of(word);
    if (relation == nullptr) return refusal(shown(word) + " is none of = != < <= > >= exists, parted by spaces");
    if (*relation == Relation::exists) return Condition::make(*pointer, *relation, nullptr);
    auto operand = operand_of(words.next());
    if (!operand) return operand.error();
    return Condition::make(*pointer, *relation, *std::move(operand));
}

Bytes spelled_out(const Glob& keys) {
    Bytes text;
    for (const char octet : keys.canonical()) text += octet == ' ' ? Bytes("\\ ") : Bytes(1, octet);
    return text;
}

}  // namespace

Result<Query> Query::parse(BytesView spec) {
    const auto too_long = [](const char* how) {
        return Error{Code::too_large, std::string("json: the query ") + how + " more than " +
                                          std::to_string(limits::filter_spec_bytes_max) + " octets"};
    };
    if (spec.size() > limits::filter_spec_bytes_max) return too_long("has");
    Words words(spec);
    auto keys = Glob::parse(words.keys());
    if (!keys) return keys.error();
    std::vector<Condition> conditions;
    for (BytesView link = "and"; !link.empty(); link = words.next()) {
        if (link != "and") return refusal(shown(link) + " stands where 'and' is expected");
        if (conditions.size() == conditions_max) {
            return refusal("more than " + std::to_string(conditions_max) + " conditions");
        }
        auto condition = condition_of(words);
        if (!condition) return condition.error();
        conditions.push_back(*std::move(condition));
    }
    Query query(*std::move(keys), std::move(conditions));
    if (query.canonical_.size() > limits::filter_spec_bytes_max) return too_long("has, when spelled out,");
    return query;
}

Query::Query(Glob keys, std::vector<Condition> conditions) : keys_(std::move(keys)), canonical_(spelled_out(keys_)) {
    std::map<Bytes, Condition> by_text;
    for (Condition& condition : conditions) by_text.emplace(condition.canonical(), std::move(condition));
    BytesView link = " ";
    for (auto& [text, condition] : by_text) {
        canonical_ += link;
        canonical_ += text;
        conditions_.push_back(std::move(condition));
        link = " and ";
    }
}

bool Query::matches(BytesView key, BytesView value) const {
    if (!keys_.matches(key)) return false;
    const json* document = document_of(value);
    return document != nullptr && std::all_of(conditions_.begin(), conditions_.end(),
                                              [&](const Condition& condition) { return condition.holds(*document); });
}

}  // namespace belfry::filter_json

#include <algorithm>
#include <array>
#include <vector>

#include "sdk/cli/content.hpp"
#include "sdk/cli/text.hpp"
#include "sdk/cli/txn_input.hpp"

namespace belfry::cli {
namespace {

using protocol::Compare;
using protocol::TxnOp;

// Reads one line from left to right.
class LineReader {
public:
    explicit LineReader(std::string_view line) : rest_(line) { skip_blanks(); }

    // '#' where a word could begin starts a remark.
    bool at_end() const { return rest_.empty() || rest_[0] == '#'; }

    bool take(char c) {
        if (rest_.empty() || rest_[0] != c) return false;
        rest_.remove_prefix(1);
        skip_blanks();
        return true;
    }

    // A quoted text, or octets up to a blank or one of `stops`.
    Result<Bytes> word(std::string_view what, std::string_view stops = "") {
        if (at_end()) return missing(what);
        if (rest_[0] == '"') return quoted(what);
        size_t length = 0;
        while (length < rest_.size() && !is_blank(rest_[length]) && stops.find(rest_[length]) == std::string_view::npos)
            ++length;
        if (length == 0) return missing(what);
        Bytes found(rest_.substr(0, length));
        rest_.remove_prefix(length);
        skip_blanks();
        return found;
    }

private:
    static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }
    static Error missing(std::string_view what) { return {Code::invalid_argument, std::string(what) + " is missing"}; }
    void skip_blanks() {
        while (!rest_.empty() && is_blank(rest_[0])) rest_.remove_prefix(1);
    }

    Result<Bytes> quoted(std::string_view what) {
        size_t end = 1;
        while (end < rest_.size() && rest_[end] != '"') end += rest_[end] == '\\' ? 2 : 1;
        if (end >= rest_.size()) return Error{Code::invalid_argument, std::string(what) + ": the closing '\"' is missing"};
        auto text = unescape(rest_.substr(1, end - 1));
        rest_.remove_prefix(end + 1);
        skip_blanks();
        return text;
    }

    std::string_view rest_;
};

Result<Compare::Target> target_of(std::string_view word) {
    constexpr std::array words = {"version", "create", "mod", "value", "lease"};
    for (size_t i = 0; i < words.size(); ++i) {
        if (word == words[i]) return static_cast<Compare::Target>(i);
    }
    return Error{Code::invalid_argument,
                 "'" + printable(word, 40) + "' is none of mod, create, version, lease, value, exists, missing"};
}

Result<Compare::Op> relation_of(LineReader& line) {
    if (line.take('=')) return Compare::Op::equal;
    if (line.take('>')) return Compare::Op::greater;
    if (line.take('<')) return Compare::Op::less;
    if (line.take('!') && line.take('=')) return Compare::Op::not_equal;
    return Error{Code::invalid_argument, "one of = != < > is missing"};
}

Result<Compare> parse_compare(LineReader& line) {
    auto word = line.word("a compare", "(");
    if (!word) return word.error();
    if (!line.take('(')) return Error{Code::invalid_argument, "'(' is missing after '" + printable(*word, 40) + "'"};
    auto key = line.word("the key", ")");
    if (!key) return key.error();
    if (!line.take(')')) return Error{Code::invalid_argument, "')' is missing after the key; quote a key with blanks"};
    Compare compare;
    compare.range = KeyRange::one(*key);
    if (*word == "exists" || *word == "missing") {
        compare.op = *word == "exists" ? Compare::Op::greater : Compare::Op::equal;
        return compare;  // of the version, with 0
    }
    auto target = target_of(*word);
    if (!target) return target.error();
    compare.target = *target;
    auto relation = relation_of(line);
    if (!relation) return relation.error();
    compare.op = *relation;
    auto operand = line.word("the value to compare with");
    if (!operand) return operand.error();
    if (compare.target == Compare::Target::value) {
        compare.value = std::move(*operand);
        return compare;
    }
    auto number = parse_number(*operand);
    if (!number) return number.error();
    compare.number = *number;
    return compare;
}

// "--prefix" or nothing.
Result<KeyRange> range_after(LineReader& line, Bytes key) {
    if (line.at_end()) return KeyRange::one(key);
    auto flag = line.word("a flag");
    if (!flag) return flag.error();
    if (*flag != "--prefix") return Error{Code::invalid_argument, "'" + printable(*flag, 40) + "' is not --prefix"};
    return key.empty() ? KeyRange::all() : KeyRange::prefix(key);
}

Result<TxnOp> parse_put(LineReader& line, Bytes key) {
    auto value = line.word("the value");
    if (!value) return value.error();
    protocol::PutRequest put;
    put.key = std::move(key);
    put.value = std::move(*value);
    while (!line.at_end()) {
        auto flag = line.word("a flag");
        if (!flag) return flag.error();
        if (*flag == "--type") {
            auto word = line.word("the content type");
            if (!word) return word.error();
            auto type = stated_content_type(*word, put.value);
            if (!type) return type.error();
            put.content_type = std::move(*type);
            continue;
        }
        if (*flag != "--lease") {
            return Error{Code::invalid_argument,
                         "'" + printable(*flag, 40) + "' after the value; quote a value with blanks"};
        }
        auto word = line.word("the lease");
        if (!word) return word.error();
        auto number = parse_number(*word);
        if (!number) return number.error();
        put.lease = {*number};
    }
    return TxnOp{std::move(put)};
}

Result<TxnOp> parse_op(LineReader& line) {
    auto verb = line.word("put, get or del");
    if (!verb) return verb.error();
    if (*verb != "put" && *verb != "get" && *verb != "del") {
        return Error{Code::invalid_argument, "'" + printable(*verb, 40) + "' is none of put, get, del"};
    }
    auto key = line.word("the key");
    if (!key) return key.error();
    if (*verb == "put") return parse_put(line, std::move(*key));
    auto range = range_after(line, std::move(*key));
    if (!range) return range.error();
    if (*verb == "del") return TxnOp{protocol::DeleteRequest{std::move(*range), false}};
    protocol::RangeRequest get;
    get.range = std::move(*range);
    return TxnOp{std::move(get)};
}

enum class Section { compares, then_ops, else_ops };

Status parse_line(std::string_view text, Section section, protocol::TxnRequest& txn) {
    LineReader line(text);
    if (section == Section::compares) {
        auto compare = parse_compare(line);
        if (!compare) return compare.error();
        txn.compares.push_back(std::move(*compare));
    } else {
        auto op = parse_op(line);
        if (!op) return op.error();
        (section == Section::then_ops ? txn.then_ops : txn.else_ops).push_back(std::move(*op));
    }
    if (!line.at_end()) return Error{Code::invalid_argument, "something follows that does not belong there"};
    return {};
}

bool is_section(std::string_view line, Section& section) {
    if (line.ends_with(':')) line.remove_suffix(1);
    if (line != "if" && line != "then" && line != "else") return false;
    section = line == "if" ? Section::compares : line == "then" ? Section::then_ops : Section::else_ops;
    return true;
}

std::vector<std::string_view> lines_of(std::string_view text) {
    std::vector<std::string_view> lines;
    while (!text.empty()) {
        const size_t end = std::min(text.find('\n'), text.size());
        lines.push_back(trimmed(text.substr(0, end)));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return lines;
}

}  // namespace

Result<protocol::TxnRequest> parse_txn_text(std::string_view text) {
    protocol::TxnRequest txn;
    Section section = Section::compares;
    const auto lines = lines_of(text);
    const bool has_words = std::any_of(lines.begin(), lines.end(), [&](auto line) { return is_section(line, section); });
    section = Section::compares;
    for (size_t i = 0; i < lines.size(); ++i) {
        if (lines[i].empty()) {
            if (!has_words) section = section == Section::compares ? Section::then_ops : Section::else_ops;
            continue;
        }
        if (lines[i][0] == '#' || is_section(lines[i], section)) continue;
        if (auto status = parse_line(lines[i], section, txn); !status) {
            return Error{Code::invalid_argument, "line " + std::to_string(i + 1) + ": " + status.error().detail};
        }
    }
    return txn;
}

}  // namespace belfry::cli

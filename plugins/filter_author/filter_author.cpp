// "author": the change sets of one author, or of those whose name a glob matches, and of them what concerns some keys.
//
//     spec := NAME | NAME KEYS         parted by spaces; both are globs (sdk/base/match.hpp); a space in a name: "\ "
//
//     deploy-bot
//     *@build-7 app/**
#include <algorithm>
#include <memory>

#include "sdk/base/limits.hpp"
#include "sdk/base/match.hpp"
#include "sdk/plugin/filter.hpp"

namespace {

using namespace belfry;

// Up to a space that no backslash escapes; takes it and the spaces around it off the text.
BytesView next_word(BytesView& text) {
    text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
    size_t end = 0;
    while (end < text.size() && text[end] != ' ') end += text[end] == '\\' ? 2 : 1;
    const BytesView word = text.substr(0, end);
    text.remove_prefix(word.size());
    return word;
}

Bytes spelled_out(const Glob& glob) {
    Bytes text;
    for (const char octet : glob.canonical()) text += octet == ' ' ? Bytes("\\ ") : Bytes(1, octet);
    return text;
}

class AuthorFilter {
public:
    static constexpr const char* kind = "author";
    static constexpr bool reads_value = false;
    static Result<std::unique_ptr<AuthorFilter>> compile(BytesView spec) {
        if (spec.size() > limits::filter_spec_bytes_max) {
            return Error{Code::too_large, "author: more than " + std::to_string(limits::filter_spec_bytes_max) + " octets"};
        }
        BytesView rest = spec;
        const BytesView name_word = next_word(rest);
        const BytesView keys_word = next_word(rest);
        if (name_word.empty()) {
            return Error{Code::invalid_argument, "author: a name is missing; write NAME, or NAME KEYS with a glob of keys"};
        }
        if (rest.find_first_not_of(' ') != BytesView::npos) {
            return Error{Code::invalid_argument,
                         "author: more than a name and a glob of keys; write a space within a name as '\\ '"};
        }
        auto name = Glob::parse(name_word);
        if (!name) return Error{name.error().code, "author: the name: " + name.error().detail};
        auto keys = Glob::parse(keys_word.empty() ? "**" : keys_word);
        if (!keys) return Error{keys.error().code, "author: the keys: " + keys.error().detail};
        std::unique_ptr<AuthorFilter> filter(new AuthorFilter(*std::move(name), *std::move(keys)));
        if (filter->canonical_.size() > limits::filter_spec_bytes_max) {
            return Error{Code::too_large, "author: too long when spelled out"};
        }
        return filter;
    }
    BytesView canonical() const { return canonical_; }
    plugin::FilterRange range() const { return {keys_.literal_prefix(), end_}; }
    bool matches(BytesView key, BytesView) const { return keys_.matches(key); }
    bool matches_change(const plugin::Change& change) const { return name_.matches(change.author); }

private:
    AuthorFilter(Glob name, Glob keys)
        : name_(std::move(name)), keys_(std::move(keys)), end_(plugin::range_end(keys_.literal_prefix())) {
        canonical_ = spelled_out(name_);
        if (keys_.canonical() != "**") canonical_ += ' ' + spelled_out(keys_);
    }
    Glob name_;
    Glob keys_;
    Bytes end_;
    Bytes canonical_;
};

}  // namespace

BELFRY_PLUGIN(filter_author, "1.0.0", "Matches change sets by who made them.", belfry::plugin::filter<AuthorFilter>())

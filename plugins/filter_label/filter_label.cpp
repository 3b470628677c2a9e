// "label": the change sets that are marked with a label, and of them what concerns some keys.
//
//     spec := LABEL | LABEL KEYS       a space between; KEYS, all that follows it, is a glob (sdk/base/match.hpp)
//
//     rollout=42                       that label (sdk/base/labels.hpp)
//     rollout app/**                   the word, or the name with any value
#include <algorithm>
#include <memory>

#include "sdk/base/labels.hpp"
#include "sdk/base/limits.hpp"
#include "sdk/base/match.hpp"
#include "sdk/plugin/filter.hpp"

namespace {

using namespace belfry;

class LabelFilter {
public:
    static constexpr const char* kind = "label";
    static constexpr bool reads_value = false;
    static Result<std::unique_ptr<LabelFilter>> compile(BytesView spec) {
        if (spec.size() > limits::filter_spec_bytes_max) {
            return Error{Code::too_large, "label: more than " + std::to_string(limits::filter_spec_bytes_max) + " octets"};
        }
        const size_t space = spec.find(' ');
        const BytesView label = spec.substr(0, space);
        if (label.empty()) {
            return Error{Code::invalid_argument, "label: one is missing; write LABEL, or LABEL KEYS with a glob of keys"};
        }
        if (Status status = check_label(label); !status) return status.error();
        const BytesView rest = space == BytesView::npos ? BytesView() : spec.substr(space + 1);
        auto keys = Glob::parse(rest.empty() ? "**" : rest);
        if (!keys) return Error{keys.error().code, "label: the keys: " + keys.error().detail};
        std::unique_ptr<LabelFilter> filter(new LabelFilter(Bytes(label), *std::move(keys)));
        if (filter->canonical_.size() > limits::filter_spec_bytes_max) {
            return Error{Code::too_large, "label: too long when spelled out"};
        }
        return filter;
    }
    BytesView canonical() const { return canonical_; }
    plugin::FilterRange range() const { return {keys_.literal_prefix(), end_}; }
    bool matches(BytesView key, BytesView) const { return keys_.matches(key); }
    bool matches_change(const plugin::Change& change) const {
        return std::any_of(change.labels.begin(), change.labels.end(), [&](BytesView label) {
            return label == label_ || (any_value_ && label.substr(0, label.find('=')) == label_);
        });
    }

private:
    LabelFilter(Bytes label, Glob keys)
        : label_(std::move(label)),
          any_value_(label_.find('=') == Bytes::npos),
          keys_(std::move(keys)),
          end_(plugin::range_end(keys_.literal_prefix())) {
        canonical_ = label_;
        if (keys_.canonical() != "**") canonical_ += ' ' + keys_.canonical();
    }
    Bytes label_;
    bool any_value_;
    Glob keys_;
    Bytes end_;
    Bytes canonical_;
};

}  // namespace

BELFRY_PLUGIN(filter_label, "1.0.0", "Matches change sets by what they are marked with.",
              belfry::plugin::filter<LabelFilter>())

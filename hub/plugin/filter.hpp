// The host's side of the filter seam: compiled filters and the set of kinds this hub has.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "hub/plugin/kinds.hpp"
#include "sdk/base/error.hpp"
#include "sdk/base/key_range.hpp"
#include "sdk/plugin/filter.h"
#include "sdk/protocol/messages.hpp"

namespace belfry::hub::plugin {

// What a change of one key is to those who keep the keys of a filter, or of the change sets it selects.
enum class Sight { nothing, put, gone };

class Filter {
public:
    ~Filter();
    Filter(const Filter&) = delete;
    Filter& operator=(const Filter&) = delete;

    const std::string& kind() const { return kind_; }
    const Bytes& canonical() const { return canonical_; }
    ChannelId channel() const { return channel_; }  // hash64(kind, one zero octet, canonical spec)
    const KeyRange& range() const { return range_; }
    // False: matches() ignores the value.
    bool reads_value() const { return reads_value_; }
    // A filter of change sets: it has no state, and says by takes() which sets its subscriber gets. Of their events sight()
    // then speaks as of a filter by key alone. Every filter of keys takes all sets.
    bool of_changes() const { return of_changes_; }
    bool takes(BytesView author, const Labels& labels) const;
    bool matches(BytesView key, BytesView value) const;
    // `now`: none = deleted. `before`: the value that was replaced or deleted, none = there was no such key; not looked at
    // unless reads_value(). A value that stops matching takes the key away as a delete would.
    Sight sight(BytesView key, std::optional<BytesView> now, std::optional<BytesView> before) const;

private:
    friend class Filters;
    friend class FilterSet;
    Filter(const belfry_filter_v1& table, belfry_filter* filter);
    const belfry_filter_v1& table_;
    belfry_filter* filter_;
    std::string kind_;
    Bytes canonical_;
    ChannelId channel_;
    KeyRange range_;
    bool reads_value_ = true;
    bool of_changes_ = false;
};

// The kinds, by the words users write.
class Filters {
public:
    // `table` is static. Refuses a kind that is there already.
    Status add(const belfry_filter_v1& table) { return kinds_.add(table); }
    // Unknown kind: `unsupported`, naming those there are. A refused spec: `invalid_argument` with the filter's sentence.
    Result<std::shared_ptr<const Filter>> compile(const protocol::FilterSpec& spec) const;

private:
    Kinds<belfry_filter_v1> kinds_{"filter"};
};

}  // namespace belfry::hub::plugin

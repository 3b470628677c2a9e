// The host's side of the filter seam: compiled filters and the set of kinds this hub has.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "sdk/base/error.hpp"
#include "sdk/base/key_range.hpp"
#include "sdk/plugin/filter.h"
#include "sdk/protocol/messages.hpp"

namespace belfry::hub::plugin {

class Filter {
public:
    ~Filter();
    Filter(const Filter&) = delete;
    Filter& operator=(const Filter&) = delete;

    const std::string& kind() const { return kind_; }
    const Bytes& canonical() const { return canonical_; }
    ChannelId channel() const { return channel_; }  // hash64(kind, one zero octet, canonical spec)
    const KeyRange& range() const { return range_; }
    bool matches(BytesView key, BytesView value) const;

private:
    friend class Filters;
    Filter(const belfry_filter_v1& table, belfry_filter* filter);
    const belfry_filter_v1& table_;
    belfry_filter* filter_;
    std::string kind_;
    Bytes canonical_;
    ChannelId channel_;
    KeyRange range_;
};

// The kinds, by the words users write.
class Filters {
public:
    // `table` is static. Refuses a kind that is there already.
    Status add(const belfry_filter_v1& table);
    // Unknown kind: `unsupported`, naming those there are. A refused spec: `invalid_argument` with the filter's sentence.
    Result<std::shared_ptr<const Filter>> compile(const protocol::FilterSpec& spec) const;

private:
    std::vector<const belfry_filter_v1*> tables_;
};

}  // namespace belfry::hub::plugin

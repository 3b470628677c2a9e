// "json": keys whose values are JSON documents of which conditions hold; the language is described in query.hpp.
#include <memory>

#include "plugins/filter_json/query.hpp"
#include "plugins/filter_json/query_set.hpp"
#include "sdk/plugin/filter.hpp"

namespace {

using namespace belfry;

class JsonFilter {
public:
    static constexpr const char* kind = "json";
    static constexpr bool reads_value = true;
    static Result<std::unique_ptr<JsonFilter>> compile(BytesView spec) {
        auto query = filter_json::Query::parse(spec);
        if (!query) return query.error();
        return std::unique_ptr<JsonFilter>(new JsonFilter(*std::move(query)));
    }
    BytesView canonical() const { return query_.canonical(); }
    plugin::FilterRange range() const { return {query_.keys().literal_prefix(), end_}; }
    bool matches(BytesView key, BytesView value) const { return query_.matches(key, value); }

    class Set {
    public:
        static Result<std::unique_ptr<Set>> make(std::span<const JsonFilter* const> filters) {
            std::vector<const filter_json::Query*> queries;
            for (const JsonFilter* filter : filters) queries.push_back(&filter->query_);
            auto set = filter_json::QuerySet::make(queries);
            if (!set) return set.error();
            return std::unique_ptr<Set>(new Set(*std::move(set)));
        }
        bool matches(BytesView key, BytesView value, uint64_t* bits) {
            queries_->matches(key, value, bits);
            return true;
        }

    private:
        explicit Set(std::unique_ptr<filter_json::QuerySet> queries) : queries_(std::move(queries)) {}
        std::unique_ptr<filter_json::QuerySet> queries_;
    };

private:
    explicit JsonFilter(filter_json::Query query)
        : query_(std::move(query)), end_(plugin::range_end(query_.keys().literal_prefix())) {}
    filter_json::Query query_;
    Bytes end_;
};

}  // namespace

BELFRY_PLUGIN(filter_json, "1.0.0", "Matches keys by what their JSON values hold.", belfry::plugin::filter<JsonFilter>())

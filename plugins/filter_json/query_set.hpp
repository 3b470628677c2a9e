// Many queries asked about a key and its value at once: the value is read once, each distinct place in it is looked up
// once, and what is compared with is sorted, so that the conditions that hold are a run of them. A query matches when as
// many of its conditions hold as it has.
#pragma once

#include <array>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "plugins/filter_json/query.hpp"
#include "sdk/base/glob_set.hpp"

namespace belfry::filter_json {

// What conditions compare one place with, of one type, and the queries whose conditions they are.
template <class T>
class Operands {
public:
    void add(Relation relation, T operand, size_t query) { of(relation).emplace_back(std::move(operand), query); }
    void sort();
    // Calls visit(query) for each condition that holds of a value of this type, or of another one.
    template <class Visit>
    void hold(const T& value, Visit&& visit) const;
    template <class Visit>
    void hold_of_another_type(Visit&& visit) const {
        for (const auto& [operand, query] : of(Relation::not_equal)) visit(query);
    }

private:
    using List = std::vector<std::pair<T, size_t>>;
    List& of(Relation relation) { return by_relation_[static_cast<size_t>(relation)]; }
    const List& of(Relation relation) const { return by_relation_[static_cast<size_t>(relation)]; }
    std::array<List, 6> by_relation_;  // each sorted; none for exists
};

// The conditions about one place of the document.
class Place {
public:
    explicit Place(const Condition& condition) : condition_(condition) {}
    void add(const Condition& condition, size_t query);
    void sort();
    template <class Visit>
    void hold(const nlohmann::json& document, Visit&& visit) const;

private:
    const Condition& condition_;  // some one that knows the place
    std::vector<size_t> exist_;
    Operands<Number> numbers_;
    Operands<std::string> strings_;
    Operands<int> words_;  // null, true and false: equal or not
};

class QuerySet {
public:
    // The queries outlive the set. too_large: their globs are (GlobSet).
    static Result<std::unique_ptr<QuerySet>> make(std::span<const Query* const> queries);
    // Sets the bits of those that match. One thread at a time.
    void matches(BytesView key, BytesView value, uint64_t* bits);

private:
    struct Group {  // queries about the same keys
        std::vector<Place> places;
    };
    explicit QuerySet(GlobSet globs) : globs_(std::move(globs)) {}

    GlobSet globs_;
    std::vector<Group> groups_;           // as globs_ has them
    std::vector<uint8_t> needed_, held_;  // by query: its conditions, and how many of them hold
    std::vector<size_t> about_;           // groups the key belongs to
};

}  // namespace belfry::filter_json

#include "plugins/filter_json/query_set.hpp"

#include <algorithm>
#include <map>

#include "plugins/filter_json/document.hpp"
#include "sdk/plugin/filter.hpp"

namespace belfry::filter_json {

using nlohmann::json;

namespace {

constexpr size_t held_max = 255;
static_assert(Query::conditions_max <= held_max);

int word_of(const json& value) { return value.is_null() ? 0 : value.get<bool>() ? 1 : 2; }

}  // namespace

template <class T>
void Operands<T>::sort() {
    for (List& list : by_relation_) std::sort(list.begin(), list.end());
}

template <class T>
template <class Visit>
void Operands<T>::hold(const T& value, Visit&& visit) const {
    struct Less {
        bool operator()(const std::pair<T, size_t>& one, const T& other) const { return one.first < other; }
        bool operator()(const T& one, const std::pair<T, size_t>& other) const { return one < other.first; }
    };
    for (size_t i = 0; i < by_relation_.size(); ++i) {
        const List& list = by_relation_[i];
        if (list.empty()) continue;
        const auto run = [&](auto first, auto last) {
            for (; first != last; ++first) visit(first->second);
        };
        const auto [low, high] = std::equal_range(list.begin(), list.end(), value, Less{});
        switch (static_cast<Relation>(i)) {
            case Relation::equal: run(low, high); break;
            case Relation::not_equal:
                run(list.begin(), low);
                run(high, list.end());
                break;
            case Relation::less: run(high, list.end()); break;
            case Relation::at_most: run(low, list.end()); break;
            case Relation::more: run(list.begin(), low); break;
            case Relation::at_least: run(list.begin(), high); break;
            case Relation::exists: break;
        }
    }
}

void Place::add(const Condition& condition, size_t query) {
    const json& operand = condition.operand();
    if (condition.relation() == Relation::exists) return exist_.push_back(query);
    if (operand.is_number()) return numbers_.add(condition.relation(), number_of(operand), query);
    if (operand.is_string()) return strings_.add(condition.relation(), operand.get<std::string>(), query);
    words_.add(condition.relation(), word_of(operand), query);
}

void Place::sort() {
    numbers_.sort();
    strings_.sort();
    words_.sort();
}

template <class Visit>
void Place::hold(const json& document, Visit&& visit) const {
    const json* value = condition_.find(document);
    if (value == nullptr) return;
    for (const size_t query : exist_) visit(query);
    const bool word = value->is_null() || value->is_boolean();
    value->is_number() ? numbers_.hold(number_of(*value), visit) : numbers_.hold_of_another_type(visit);
    value->is_string() ? strings_.hold(value->get_ref<const std::string&>(), visit) : strings_.hold_of_another_type(visit);
    word ? words_.hold(word_of(*value), visit) : words_.hold_of_another_type(visit);
}

Result<std::unique_ptr<QuerySet>> QuerySet::make(std::span<const Query* const> queries) {
    std::map<Bytes, size_t> group_of;
    std::vector<const Glob*> globs;
    for (const Query* query : queries) {
        if (group_of.emplace(query->keys().canonical(), globs.size()).second) globs.push_back(&query->keys());
    }
    auto globs_asked = GlobSet::make(globs);
    if (!globs_asked) return globs_asked.error();
    std::unique_ptr<QuerySet> set(new QuerySet(*std::move(globs_asked)));
    set->groups_.resize(globs.size());
    std::map<std::pair<size_t, std::string>, size_t> places;
    for (size_t i = 0; i < queries.size(); ++i) {
        const size_t in = group_of[queries[i]->keys().canonical()];
        Group& group = set->groups_[in];
        set->needed_.push_back(static_cast<uint8_t>(queries[i]->conditions().size()));
        for (const Condition& condition : queries[i]->conditions()) {
            const auto [place, fresh] = places.emplace(std::pair(in, condition.pointer()), group.places.size());
            if (fresh) group.places.emplace_back(condition);
            group.places[place->second].add(condition, i);
        }
    }
    for (Group& group : set->groups_) {
        for (Place& place : group.places) place.sort();
    }
    set->held_.resize(queries.size());
    return set;
}

void QuerySet::matches(BytesView key, BytesView value, uint64_t* bits) {
    about_.clear();
    globs_.matches(key, [&](size_t group) { about_.push_back(group); });
    if (about_.empty()) return;
    const json* document = document_of(value);
    if (document == nullptr) return;
    std::fill(held_.begin(), held_.end(), uint8_t{0});
    for (const size_t group : about_) {
        for (const Place& place : groups_[group].places) {
            place.hold(*document, [&](size_t query) {
                if (++held_[query] == needed_[query]) plugin::set_bit(bits, query);
            });
        }
    }
}

}  // namespace belfry::filter_json

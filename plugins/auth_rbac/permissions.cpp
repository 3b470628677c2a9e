#include "plugins/auth_rbac/permissions.hpp"

#include <algorithm>
#include <bit>

namespace belfry::auth_rbac {

namespace {

constexpr size_t ranges_told_max = 8;  // in a refusal

KeyRange range_of(const Span& span) {
    if (span.end == span.begin + '\0') return KeyRange::one(span.begin);
    return {span.begin, span.end.empty() ? Bytes(1, '\0') : span.end};
}

}  // namespace

Span span_of(const KeyRange& range) {
    if (range.is_one()) return {range.begin, range.begin + '\0'};
    return {range.begin, range.is_open() ? Bytes() : range.end};
}

std::vector<Span> merged(std::vector<Span> spans) {
    std::sort(spans.begin(), spans.end(), [](const Span& one, const Span& other) { return one.begin < other.begin; });
    std::vector<Span> all;
    for (Span& span : spans) {
        if (all.empty() || (!all.back().end.empty() && all.back().end < span.begin)) {
            all.push_back(std::move(span));
        } else if (span.end.empty() || (!all.back().end.empty() && all.back().end < span.end)) {
            all.back().end = std::move(span.end);
        }
    }
    return all;
}

size_t Permissions::place_of(uint32_t action) { return static_cast<size_t>(std::countr_zero(action)); }

void Permissions::add(const auth::Permission& permission) {
    for (size_t place = 0; place < actions_count; ++place) {
        if ((permission.actions >> place & 1) != 0) spans_[place].push_back(span_of(permission.range));
    }
}

void Permissions::finish() {
    for (auto& spans : spans_) spans = merged(std::move(spans));
}

bool Permissions::allow(uint32_t action, const plugin::AuthRange& range) const {
    if (place_of(action) >= actions_count || !std::has_single_bit(action)) return false;
    const std::vector<Span>& spans = spans_[place_of(action)];
    if (action == BELFRY_ACTION_ADMIN) return !spans.empty();
    const auto after = std::upper_bound(spans.begin(), spans.end(), range.begin,
                                        [](BytesView begin, const Span& span) { return begin < span.begin; });
    if (after == spans.begin()) return false;
    const Span& span = *(after - 1);
    if (span.end.empty()) return true;
    if (range.is_one) return range.begin < span.end;
    return !range.end.empty() && range.end <= span.end;
}

std::string Permissions::allowed(uint32_t action) const {
    const size_t place = place_of(action);
    if (place >= actions_count || spans_[place].empty()) return "nothing";
    std::string text;
    for (size_t i = 0; i < spans_[place].size(); ++i) {
        if (i == ranges_told_max) return text + " and more";
        text += (i == 0 ? "" : ", ") + auth::range_text(range_of(spans_[place][i]));
    }
    return text;
}

}  // namespace belfry::auth_rbac

// How far each member was sent the log, and when it is sent again.
#include "hub/core/sent_marks.hpp"

#include <catch2/catch_test_macros.hpp>

namespace belfry::hub::core {

namespace {

constexpr Term term{1};

}  // namespace

TEST_CASE("sent marks hold for one member and one term, until it refuses or gets a snapshot", "[core]") {
    SentMarks marks;
    CHECK(marks.of(2, term, Index{4}) == Index{});
    marks.sent(2, term, Index{4}, Index{10});
    marks.sent(2, term, Index{4}, Index{7});
    CHECK(marks.of(2, term, Index{4}) == Index{10});
    CHECK(marks.of(2, term, Index{9}) == Index{10});
    CHECK(marks.of(3, term, Index{4}) == Index{});
    CHECK(marks.of(2, Term{2}, Index{4}) == Index{});
    marks.refused(2, Term{2}, Index{5}, 1000);  // of another office
    CHECK(marks.of(2, term, Index{4}) == Index{10});
    marks.refused(2, term, Index{5}, 1000);
    CHECK(marks.of(2, term, Index{4}) == Index{});
    marks.sent(2, term, Index{5}, Index{11});
    marks.forget(2);
    CHECK(marks.of(2, term, Index{5}) == Index{});
    marks.sent(2, term, Index{5}, Index{12});
    marks.sent(2, Term{3}, Index{3}, Index{4});
    CHECK(marks.of(2, Term{3}, Index{3}) == Index{4});
}

TEST_CASE("sent marks: what begins before all that was sent is no repetition", "[core]") {
    SentMarks marks;
    marks.sent(2, term, Index{50}, Index{60});
    CHECK(marks.of(2, term, Index{49}) == Index{});
    marks.sent(2, term, Index{49}, Index{55});
    CHECK(marks.of(2, term, Index{49}) == Index{55});
    CHECK(marks.of(2, term, Index{48}) == Index{});
}

TEST_CASE("sent marks: refusals of what was sent before count once, and ever more seldom while nothing arrives", "[core]") {
    SentMarks marks;
    const auto clears = [&](Index last, uint64_t ms) {
        marks.sent(2, term, Index{5}, Index{20});
        marks.refused(2, term, last, ms);
        return marks.of(2, term, Index{5}) == Index{};
    };
    int count = 0;
    for (uint64_t ms = 0; ms < 10'000; ms += 10) count += clears(Index{5}, ms) ? 1 : 0;
    CHECK(count == 7);                // at 0, 0.1, 0.3, 0.7, 1.5, 3.1, 6.3 s
    CHECK(clears(Index{6}, 10'010));  // it has more, so the pause is over
    CHECK_FALSE(clears(Index{6}, 10'100));
    CHECK(clears(Index{6}, 10'110));
    CHECK_FALSE(clears(Index{6}, 10'300));
}

}  // namespace belfry::hub::core

// How far each member was sent the log, and when it is sent again.
#include "hub/core/sent_marks.hpp"

#include <catch2/catch_test_macros.hpp>

namespace belfry::hub::core {

TEST_CASE("sent marks hold for one member and one term, until it refuses or gets a snapshot", "[core]") {
    SentMarks marks;
    CHECK(marks.of(2, Term{1}) == Index{});
    marks.sent(2, Term{1}, Index{10});
    marks.sent(2, Term{1}, Index{7});
    CHECK(marks.of(2, Term{1}) == Index{10});
    CHECK(marks.of(3, Term{1}) == Index{});
    CHECK(marks.of(2, Term{2}) == Index{});
    marks.refused(2, Term{2}, Index{5}, 1000);  // of another office
    CHECK(marks.of(2, Term{1}) == Index{10});
    marks.refused(2, Term{1}, Index{5}, 1000);
    CHECK(marks.of(2, Term{1}) == Index{});
    marks.sent(2, Term{1}, Index{11});
    marks.forget(2);
    CHECK(marks.of(2, Term{1}) == Index{});
    marks.sent(2, Term{1}, Index{12});
    marks.sent(2, Term{3}, Index{4});
    CHECK(marks.of(2, Term{3}) == Index{4});
}

TEST_CASE("sent marks: refusals of what was sent before count once, and ever more seldom while nothing arrives", "[core]") {
    SentMarks marks;
    const auto repetitions = [&](uint64_t from_ms, Index matched) {  // in ten seconds with a refusal each 10 ms
        int count = 0;
        for (uint64_t ms = from_ms; ms < from_ms + 10'000; ms += 10) {
            marks.sent(2, Term{1}, Index{20});
            marks.refused(2, Term{1}, matched, ms);
            if (marks.of(2, Term{1}) == Index{}) ++count;
        }
        return count;
    };
    CHECK(repetitions(0, Index{5}) == 7);  // at 0, 0.1, 0.3, 0.7, 1.5, 3.1, 6.3 s
    marks.sent(2, Term{1}, Index{20});
    marks.refused(2, Term{1}, Index{6}, 20'000);  // it has more: quick again
    CHECK(marks.of(2, Term{1}) == Index{});
    marks.sent(2, Term{1}, Index{20});
    marks.refused(2, Term{1}, Index{6}, 20'100);
    CHECK(marks.of(2, Term{1}) == Index{});
}

}  // namespace belfry::hub::core

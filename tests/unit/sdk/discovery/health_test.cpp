// Health as it is made of findings and words: pure, so every row is a story of its own.
#include <catch2/catch_test_macros.hpp>

#include "sdk/discovery/damping.hpp"
#include "sdk/discovery/health_record.hpp"

using namespace std::chrono_literals;

namespace belfry {
namespace {

// 'p' passing, 'w' warning, 'c' critical.
Health health_of(char letter) {
    return letter == 'p' ? Health::passing : letter == 'w' ? Health::warning : Health::critical;
}
char letter_of(Health health) { return "pwc"[static_cast<size_t>(health)]; }

std::string damped(DampingOptions options, std::string_view findings) {
    Damping damping(options);
    std::string standing;
    for (const char finding : findings) standing += letter_of(damping.take(health_of(finding)));
    return standing;
}

}  // namespace

TEST_CASE("damping: what findings come to") {
    const struct {
        DampingOptions options;
        const char* findings;
        const char* standing;
    } table[] = {
        {{1, 1}, "pcpwcp", "pcpwcp"},        // nothing is damped
        {{3, 2}, "ppppp", "ppppp"},          // nothing to damp
        {{3, 2}, "ccc", "ccc"},              // the first one stands at once
        {{3, 2}, "pccc", "pppc"},            // three in a row
        {{3, 2}, "pccpccpcc", "ppppppppp"},  // never three in a row: in service all the time
        {{3, 2}, "cpcpcpcpp", "ccccccccp"},  // never two in a row: out of service all the time
        {{3, 2}, "pcccpcpp", "pppccccp"},    // one good one in between is none
        {{3, 2}, "pcwcccc", "pppwwwc"},      // the mildest of the three, then the next three
        {{3, 2}, "cwppp", "ccwwp"},          // the worst of the two, then the next two
        {{3, 1}, "pwwwp", "pppwp"},          // a warning is as slow to come
        {{3, 2}, "pccwpccc", "pppwwwwc"},    // one better, then three worse
        {{1, 3}, "pcpppcppp", "pcccpcccp"},  // quick to leave, slow to come back
        {{2, 2}, "wcpcpcp", "wwwwwww"},      // worse and better in turn: neither in a row
    };
    for (const auto& row : table) {
        INFO(row.findings << " with " << row.options.failures_before_critical << ", "
                          << row.options.successes_before_passing);
        CHECK(damped(row.options, row.findings) == row.standing);
    }
    CHECK_FALSE(Damping({3, 2}).health());
}

TEST_CASE("health record: the worst word counts, and says why") {
    const HealthRecord::Time begin{};
    HealthRecord record({.checks = 2}, begin);
    CHECK(record.at(begin).health == Health::critical);
    CHECK(record.at(begin).note == "not checked yet");
    record.take(0, Health::passing, "HTTP 200");
    CHECK(record.at(begin).note == "not checked yet");
    record.take(1, Health::passing, "connected");
    CHECK(record.at(begin).health == Health::passing);
    CHECK(record.at(begin).note == "HTTP 200");
    record.report(Health::warning, "the cache is cold");
    CHECK(record.at(begin).health == Health::warning);
    CHECK(record.at(begin).note == "the cache is cold");
    record.take(1, Health::critical, "refused");
    CHECK(record.at(begin).note == "refused");
    CHECK(record.at(begin).changes_at == HealthRecord::Time::max());
    CHECK_FALSE(record.at(begin + 1000h).withdrawn);
}

TEST_CASE("health record: without a beat it is critical, then withdrawn, and comes back with one") {
    const HealthRecord::Time begin{};
    HealthRecord record({.beat_ttl = 5s, .withdraw_after = 30s}, begin);
    CHECK(record.at(begin).health == Health::passing);
    CHECK(record.at(begin).changes_at == begin + 5s);
    record.beat(begin + 4s);
    CHECK(record.at(begin + 8999ms).health == Health::passing);
    const auto overdue = record.at(begin + 9s);
    CHECK(overdue.health == Health::critical);
    CHECK(overdue.note == "no beat within 5000 ms");
    CHECK_FALSE(overdue.withdrawn);
    CHECK(overdue.changes_at == begin + 39s);
    CHECK_FALSE(record.at(begin + 38999ms).withdrawn);
    CHECK(record.at(begin + 39s).withdrawn);
    CHECK(record.at(begin + 39s).changes_at == HealthRecord::Time::max());
    record.beat(begin + 50s);
    CHECK(record.at(begin + 50s).health == Health::passing);
    CHECK_FALSE(record.at(begin + 50s).withdrawn);
    // Looked at late, it was critical since the beat was overdue.
    CHECK(record.at(begin + 85s).withdrawn);
}

TEST_CASE("health record: what was critical now and then is not withdrawn") {
    const HealthRecord::Time begin{};
    HealthRecord record({.withdraw_after = 10s}, begin);
    record.report(Health::critical, "a");
    CHECK(record.at(begin).changes_at == begin + 10s);
    CHECK_FALSE(record.at(begin + 9s).withdrawn);
    record.report(Health::warning, "b");
    CHECK(record.at(begin + 9s).changes_at == HealthRecord::Time::max());
    record.report(Health::critical, "c");
    CHECK_FALSE(record.at(begin + 11s).withdrawn);
    CHECK(record.at(begin + 21s).withdrawn);
}

}  // namespace belfry

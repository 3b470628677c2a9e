#include "sdk/balance/outliers.hpp"

#include <catch2/catch_test_macros.hpp>

namespace belfry::balance {
namespace {

// So often at this moment; true: the last one says that it is to be left out.
bool fail(Outlier& outlier, int times, uint64_t now_ms, const OutlierOptions& options) {
    bool out = false;
    for (int i = 0; i < times; ++i) out = outlier.failed(now_ms, options);
    return out;
}

void succeed(Outlier& outlier, int times, uint64_t now_ms, const OutlierOptions& options) {
    for (int i = 0; i < times; ++i) outlier.succeeded(now_ms, options);
}

}  // namespace

TEST_CASE("outliers: the fifth failure in a row is one too many, and a success begins anew", "[balance][outliers]") {
    const OutlierOptions options;
    Outlier outlier;
    CHECK_FALSE(fail(outlier, 4, 100, options));
    succeed(outlier, 1, 100, options);
    CHECK_FALSE(fail(outlier, 4, 100, options));
    CHECK(fail(outlier, 1, 100, options));
    OutlierOptions never = options;
    never.failures_in_row = 0;
    never.failure_share = 2;
    CHECK_FALSE(fail(outlier, 1000, 100, never));
}

TEST_CASE("outliers: half of at least 20 requests of a window", "[balance][outliers]") {
    const OutlierOptions options;
    Outlier outlier;
    for (int i = 0; i < 9; ++i) {
        succeed(outlier, 1, 100, options);
        CHECK_FALSE(fail(outlier, 1, 100, options));
    }
    succeed(outlier, 1, 9'000, options);
    CHECK(fail(outlier, 1, 9'000, options));

    Outlier slow;  // the same over two windows is not enough of either
    for (int i = 0; i < 9; ++i) {
        succeed(slow, 1, 100, options);
        CHECK_FALSE(fail(slow, 1, 100, options));
    }
    succeed(slow, 1, 10'100, options);
    CHECK_FALSE(fail(slow, 1, 10'100, options));
}

TEST_CASE("outliers: each ejection is twice as long as the one before, up to the bound", "[balance][outliers]") {
    OutlierOptions options;
    options.ejection_ms_min = 1'000;
    options.ejection_ms_max = 6'000;
    Outlier outlier;
    uint64_t now_ms = 50;
    for (const uint64_t expected : {1'000, 2'000, 4'000, 6'000, 6'000}) {
        outlier.eject(now_ms, options);
        CHECK(outlier.ejected(now_ms + expected - 1));
        CHECK_FALSE(outlier.ejected(now_ms + expected));
        now_ms += expected + 5'999;  // not long enough in to be forgiven
    }
    for (int i = 0; i < 100; ++i) outlier.eject(now_ms += 6'001, options);
    CHECK(outlier.ejected_until_ms() == now_ms + 6'000);
}

TEST_CASE("outliers: who has been in for the longest time begins again with the shortest", "[balance][outliers]") {
    OutlierOptions options;
    options.ejection_ms_min = 1'000;
    options.ejection_ms_max = 6'000;
    Outlier outlier;
    for (uint64_t now_ms : {10'000, 12'000}) outlier.eject(now_ms, options);
    CHECK(outlier.ejected_until_ms() == 14'000);
    outlier.eject(20'000, options);
    CHECK(outlier.ejected_until_ms() == 21'000);
    CHECK(outlier.ejections() == 1);
}

TEST_CASE("outliers: what failed while it was left out is not counted", "[balance][outliers]") {
    const OutlierOptions options;
    Outlier outlier;
    outlier.eject(100, options);
    CHECK_FALSE(fail(outlier, 50, 200, options));
    CHECK_FALSE(fail(outlier, 4, 100 + options.ejection_ms_min, options));
    CHECK(fail(outlier, 1, 100 + options.ejection_ms_min, options));
}

TEST_CASE("outliers: how many may be out", "[balance][outliers]") {
    const OutlierOptions options;
    CHECK(ejected_max(0, options) == 0);
    CHECK(ejected_max(1, options) == 0);
    CHECK(ejected_max(2, options) == 1);
    CHECK(ejected_max(10, options) == 3);
    CHECK(ejected_max(100, options) == 30);
    OutlierOptions all = options;
    all.ejected_share_max = 2;
    CHECK(ejected_max(10, all) == 10);
}

}  // namespace belfry::balance

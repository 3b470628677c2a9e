// The open batch of storage_rocksdb, beside std::map.
#include "plugins/storage_rocksdb/overlay.hpp"

#include <catch2/catch_test_macros.hpp>
#include <map>
#include <optional>
#include <random>

using namespace belfry;
using storage_rocksdb::Overlay;

namespace {

using Model = std::map<Bytes, std::optional<Bytes>>;  // nothing = erased

bool agrees(const Overlay::Change& change, const Model::value_type& expected) {
    if (change.key != expected.first || change.erased == expected.second.has_value()) return false;
    return change.erased || change.value == *expected.second;
}

bool agree(const std::vector<const Overlay::Change*>& changes, Model::const_iterator from, Model::const_iterator to) {
    for (const Overlay::Change* change : changes) {
        if (from == to || !agrees(*change, *from++)) return false;
    }
    return from == to;
}

}  // namespace

TEST_CASE("overlay: 20,000 random changes are found, in order and by range, as in std::map", "[storage_rocksdb]") {
    std::mt19937_64 chance(11);
    const auto below = [&](uint64_t bound) { return chance() % bound; };
    const auto key = [&] { return "key" + std::to_string(below(8000)); };
    Overlay overlay;
    for (int batch = 0; batch < 3; ++batch) {  // the later ones in the memory of the first
        Model model;
        for (int i = 0; i < 20'000; ++i) {
            const Bytes changed = key();
            if (below(4) == 0) {
                overlay.erase(changed);
                model[changed] = std::nullopt;
            } else {
                const Bytes value(below(50) == 0 ? below(200'000) : below(40), static_cast<char>(i));
                overlay.put(changed, value);
                model[changed] = value;
            }
            const Bytes looked = key();
            const Overlay::Change* const found = overlay.find(looked);
            const auto expected = model.find(looked);
            REQUIRE((found != nullptr) == (expected != model.end()));
            if (found != nullptr) REQUIRE(agrees(*found, *expected));
            if (below(100) != 0) continue;
            const Bytes from = key(), to = key();
            if (from < to) REQUIRE(agree(overlay.within(from, to), model.lower_bound(from), model.lower_bound(to)));
        }
        REQUIRE(overlay.size() == model.size());
        REQUIRE(agree(overlay.all(), model.begin(), model.end()));
        overlay.clear();
        CHECK(overlay.find(model.begin()->first) == nullptr);
        CHECK(overlay.within("", "z").empty());
    }
}

TEST_CASE("overlay: a value written again leaves those of other keys where they are", "[storage_rocksdb]") {
    Overlay overlay;
    overlay.put("a", "first");
    overlay.put("b", "neighbour");
    const BytesView lent = overlay.find("b")->value;
    for (size_t size = 0; size < 300; ++size) overlay.put("a", Bytes(size, 'a'));
    overlay.put("a", {});
    CHECK(lent == "neighbour");
    CHECK(overlay.find("a")->value.empty());
    CHECK_FALSE(overlay.find("a")->erased);
}

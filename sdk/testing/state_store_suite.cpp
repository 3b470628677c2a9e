#include "sdk/testing/state_store_suite.hpp"

#include <fstream>
#include <random>

#include "sdk/plugin/identity.hpp"
#include "sdk/testing/state_store_driver.hpp"
#include "sdk/testing/state_store_troubles.hpp"
#include "sdk/testing/store_resources.hpp"

namespace belfry::testing {

namespace {

void checks_order(StoreDriver& store) {
    const Bytes longest(BELFRY_STORE_KEY_BYTES_MAX, '\xff');
    const std::vector<Bytes> keys = {Bytes("\0", 1),
                                     Bytes("\0\0", 2),
                                     Bytes("\0\xff", 2),
                                     "A",
                                     "a",
                                     Bytes("a\0", 2),
                                     Bytes("a\0b", 3),
                                     "aa",
                                     "b",
                                     "\x7f",
                                     "\x80",
                                     "\xff",
                                     longest};
    store.begin();
    for (size_t i = keys.size(); i-- > 0;) store.put(1, keys[i], std::to_string(i));
    store.commit(1);
    const Pairs found = store.scan(1);
    require(found.size() == keys.size(), "a scan shows another number of keys than was put");
    for (size_t i = 0; i < keys.size(); ++i) {
        require(found[i].first == keys[i], "keys do not order as unsigned octets at position " + std::to_string(i));
        require(store.get(1, keys[i]) == std::to_string(i), "get does not find what scan shows");
    }
}

void checks_values(StoreDriver& store) {
    Bytes large(8 * 1024 * 1024, '\0');
    for (size_t i = 0; i < large.size(); ++i) large[i] = static_cast<char>(i * 31 >> 7);
    store.begin();
    store.put(0, "empty", {});
    store.put(0, "large", large);
    store.put(0, "zeros", Bytes(5000, '\0'));
    store.commit(1);
    require(store.get(0, "empty") == Bytes(), "an empty value does not come back as an empty value");
    require(store.get(0, "large") == large, "a value of 8 MiB comes back changed");
    require(store.get(0, "zeros") == Bytes(5000, '\0'), "a value of zero octets comes back changed");
    require(!store.get(0, "absent"), "a key that was never put is found");
    store.begin();
    store.put(0, "large", "small");
    store.put(0, "empty", large);
    store.commit(2);
    require(store.get(0, "large") == "small" && store.get(0, "empty") == large, "a value changes its size wrongly");
}

void checks_tables(StoreDriver& store) {
    store.begin();
    for (uint32_t table = 0; table < BELFRY_TABLE_COUNT; ++table) store.put(table, "key", std::to_string(table));
    store.erase(3, "key");
    store.commit(1);
    for (uint32_t table = 0; table < BELFRY_TABLE_COUNT; ++table) {
        const std::optional<Bytes> expected = table == 3 ? std::nullopt : std::optional<Bytes>(std::to_string(table));
        require(store.get(table, "key") == expected, "tables share keys: table " + std::to_string(table));
    }
}

void checks_batches(StoreDriver& store) {
    store.begin();
    store.put(1, "a", "1");
    store.put(1, "b", "1");
    store.commit(7);
    require(store.applied() == 7, "applied_index does not say what commit was given");
    store.begin();
    store.put(1, "a", "2");
    store.put(1, "c", "2");
    store.erase(1, "b");
    require(store.get(1, "a") == "2" && !store.get(1, "b") && store.get(1, "c") == "2", "get does not see the open batch");
    require(store.scan(1) == Pairs({{"a", "2"}, {"c", "2"}}), "scan does not see the open batch");
    store.rollback();
    require(store.scan(1) == Pairs({{"a", "1"}, {"b", "1"}}), "a batch rolled back leaves something");
    require(store.applied() == 7, "a batch rolled back moves the applied index");
    store.begin();
    store.commit(8);
    require(store.applied() == 8, "an empty batch does not move the applied index");
    store.begin();
    store.rollback();
    store.rollback();  // without a batch: does nothing
}

void checks_erase(StoreDriver& store) {
    store.begin();
    store.erase(1, "absent");
    for (int i = 0; i < 1000; ++i) store.put(1, "key" + std::to_string(1000 + i), Bytes(100, 'x'));
    store.commit(1);
    store.begin();
    for (int i = 0; i < 1000; i += 2) store.erase(1, "key" + std::to_string(1000 + i));
    store.put(1, "key1000", "again");
    store.erase(1, "key1001");
    store.erase(1, "key1001");
    store.commit(2);
    require(store.scan(1).size() == 500, "another number of keys is left than 500 of 1000");
    require(store.get(1, "key1000") == "again" && !store.get(1, "key1001"), "erase and put in one batch mix up");
}

void checks_scans(StoreDriver& store) {
    store.begin();
    for (const char* key : {"b", "d", "f", "h"}) store.put(1, key, key);
    store.put(0, "z", "other table");
    store.put(2, "a", "other table");
    store.commit(1);
    const auto keys = [&](BytesView from, BytesView to, bool reverse, size_t count_max = SIZE_MAX) {
        std::string joined;
        for (const auto& [key, value] : store.scan(1, from, to, reverse, count_max)) joined += key;
        return joined;
    };
    const auto expect = [&](const std::string& found, const std::string& expected, const char* what) {
        require(found == expected, std::string("scan ") + what + " shows '" + found + "', expected '" + expected + "'");
    };
    expect(keys("", "", false), "bdfh", "of all");
    expect(keys("", "", true), "hfdb", "of all in reverse");
    expect(keys("d", "h", false), "df", "[d, h)");
    expect(keys("d", "h", true), "fd", "[d, h) in reverse");
    expect(keys("c", "g", false), "df", "[c, g)");
    expect(keys("c", "g", true), "fd", "[c, g) in reverse");
    expect(keys("d", "", true), "hfd", "[d, end) in reverse");
    expect(keys("", "d", true), "b", "[start, d) in reverse");
    expect(keys("", "a", true), "", "[start, a) in reverse");
    expect(keys("i", "", false), "", "[i, end)");
    expect(keys("i", "", true), "", "[i, end) in reverse");
    expect(keys("h", "b", false), "", "[h, b)");
    expect(keys("h", "b", true), "", "[h, b) in reverse");
    expect(keys("d", "d", false), "", "[d, d)");
    expect(keys("", "", false, 2), "bd", "ended after two");
    expect(keys("", "", true, 2), "hf", "in reverse ended after two");
    expect(keys("d", "zz", true), "hfd", "[d, zz) in reverse");
}

void checks_refusals(StoreDriver& store) {
    const Bytes too_long(BELFRY_STORE_KEY_BYTES_MAX + 1, 'k');
    BytesView value;
    require_refused(store.try_put(1, "key", "value"), BELFRY_INVALID_ARGUMENT, "put without a batch");
    require_refused(store.try_erase(1, "key"), BELFRY_INVALID_ARGUMENT, "erase without a batch");
    require_refused(store.try_commit(1), BELFRY_INVALID_ARGUMENT, "commit without a batch");
    store.begin();
    require_refused(store.try_begin(), BELFRY_INVALID_ARGUMENT, "begin within a batch");
    require_refused(store.try_put(1, {}, "value"), BELFRY_INVALID_ARGUMENT, "put of an empty key");
    require_refused(store.try_put(1, too_long, "value"), BELFRY_INVALID_ARGUMENT, "put of a key of 512 octets");
    require_refused(store.try_put(BELFRY_TABLE_COUNT, "key", "value"), BELFRY_INVALID_ARGUMENT, "put into table 8");
    require_refused(store.try_get(BELFRY_TABLE_COUNT, "key", &value), BELFRY_INVALID_ARGUMENT, "get from table 8");
    store.put(1, "key", "value");
    store.commit(1);
    require(store.get(1, "key") == "value", "a refused call harms its batch");
}

void checks_struct_size(const belfry_state_store_v1& table, StoreDriver& store) {
    belfry_state_store_stats stats;
    stats.struct_size = offsetof(belfry_state_store_stats, bytes_max);
    stats.bytes_max = 0xABABABABABABABAB;
    belfry_error error;
    error.struct_size = sizeof(error);
    require(table.stats(store.raw(), &stats, &error) == BELFRY_OK, "stats fails for an older, smaller struct");
    require(stats.bytes_max == 0xABABABABABABABAB, "stats writes past the struct_size that the caller set");
    stats.struct_size = sizeof(stats);
    require(table.stats(store.raw(), &stats, &error) == BELFRY_OK, "stats fails");
    require(stats.bytes_max != 0xABABABABABABABAB, "stats leaves bytes_max unset");
}

void checks_reopen(StoreDriver& store, bool persistent) {
    store.begin();
    for (int i = 0; i < 100; ++i) store.put(1, "key" + std::to_string(i), std::to_string(i));
    store.commit(41);
    store.begin();
    store.put(1, "key1", "not committed");
    store.reopen();  // closing ends the batch
    if (!persistent) {
        require(store.applied() == 0 && store.scan(1).empty(), "a store without data must say applied_index 0");
        return;
    }
    require(store.applied() == 41, "the applied index is lost by closing");
    require(store.scan(1).size() == 100 && store.get(1, "key1") == "1", "committed data is lost or changed by closing");
    if (store.can_sync()) store.sync();
}

void checks_identity(const belfry_state_store_v1& table, const std::string& parent) {
    const Folder own(parent);
    require(StoreDriver::try_open(table, own.path()).status == BELFRY_OK, "an empty directory is refused");
    const std::string path = own.path() + "/" + plugin::identity_file;
    std::string name;
    std::ifstream(path) >> name;
    require(!name.empty(), "the store keeps no file PLUGIN with its name in its directory");
    write_text(path, name + " 4000000000\n");
    require_refused(StoreDriver::try_open(table, own.path()), BELFRY_INCOMPATIBLE, "opening data of a newer format");
    write_text(path, "storage_of_somebody_else 1\n");
    require_refused(StoreDriver::try_open(table, own.path()), BELFRY_INCOMPATIBLE, "opening data of another plugin");
    write_text(path, name + " 1\n");
    require(StoreDriver::try_open(table, own.path()).status == BELFRY_OK, "a refusal has changed the data");
}

void checks_settings(const belfry_state_store_v1& table, const std::string& parent) {
    const Folder folder(parent);
    const Answer answer = StoreDriver::try_open(table, folder.path(), {{"no_such_setting", "1"}});
    require_refused(answer, BELFRY_INVALID_ARGUMENT, "opening with an unknown setting");
    require(answer.sentence.find("no_such_setting") != std::string::npos, "the refusal does not name the unknown setting");
}

// Random batches against std::map.
class ModelCheck {
public:
    ModelCheck(StoreDriver& store, uint64_t seed, bool persistent)
        : store_(store), random_(seed), persistent_(persistent) {}

    void run() {
        for (uint64_t batch = 1; batch <= batches; ++batch) {
            run_batch(batch);
            if (persistent_ && below(40) == 0) store_.reopen();
            if (below(10) == 0) compare();
        }
        compare();
    }

private:
    static constexpr uint64_t batches = 400;
    using Model = std::map<std::pair<uint32_t, Bytes>, Bytes>;

    uint64_t below(uint64_t bound) { return random_() % bound; }
    Bytes random_key() {
        static constexpr BytesView alphabet("\0a\x7f\xff", 4);
        const size_t size = below(20) == 0 ? BELFRY_STORE_KEY_BYTES_MAX - below(3) : 1 + below(6);
        Bytes key(size, 'k');
        for (size_t i = 0; i < std::min<size_t>(size, 6); ++i) key[i] = alphabet[below(alphabet.size())];
        return key;
    }
    Bytes random_value() {
        const uint64_t kind = below(50);
        const size_t size = kind == 0 ? 4000 + below(20'000) : kind < 10 ? below(2000) : below(40);
        return Bytes(size, static_cast<char>(below(256)));
    }
    void run_batch(uint64_t batch) {
        Model next = model_;
        store_.begin();
        for (uint64_t ops = below(60); ops > 0; --ops) {
            const auto table = static_cast<uint32_t>(below(3));
            const bool ascending = table == 2;  // like a log of changes
            const Bytes key = ascending ? "seq" + std::to_string(1'000'000 + ++sequence_) : random_key();
            if (below(3) == 0) {
                const Bytes victim = ascending ? "seq" + std::to_string(1'000'001 + below(sequence_)) : key;
                store_.erase(table, victim);
                next.erase({table, victim});
            } else {
                const Bytes value = random_value();
                store_.put(table, key, value);
                next[{table, key}] = value;
            }
            if (below(4) == 0) look(next, table, random_key());
        }
        if (below(5) == 0) {
            store_.rollback();
        } else {
            store_.commit(batch);
            applied_ = batch;
            model_ = std::move(next);
        }
        look(model_, static_cast<uint32_t>(below(2)), random_key());
    }
    void look(const Model& model, uint32_t table, const Bytes& key) {
        const auto at = model.find({table, key});
        const std::optional<Bytes> expected = at == model.end() ? std::nullopt : std::optional<Bytes>(at->second);
        require(store_.get(table, key) == expected, "get differs from the model");
        // The neighbour to the left, as a reverse scan sees it.
        const Pairs left = store_.scan(table, {}, key, true, 1);
        auto before = model.lower_bound({table, key});
        const bool any = before != model.begin() && (--before)->first.first == table;
        require(left.size() == (any ? 1u : 0u), "a reverse scan differs from the model");
        if (any)
            require(left[0] == std::pair(before->first.second, before->second), "a reverse scan differs from the model");
    }
    void compare() {
        require(store_.applied() == applied_, "the applied index differs from the model");
        Model found;
        for (uint32_t table = 0; table < BELFRY_TABLE_COUNT; ++table) {
            for (auto& [key, value] : store_.scan(table)) found.emplace(std::pair(table, key), value);
        }
        require(found == model_, "a whole scan differs from the model");
    }

    StoreDriver& store_;
    std::mt19937_64 random_;
    const bool persistent_;
    Model model_;
    uint64_t applied_ = 0;
    uint64_t sequence_ = 0;
};

bool keeps_data(const belfry_state_store_v1& table, const std::string& parent) {
    const Folder folder(parent);
    StoreDriver store(table, folder.path());
    store.begin();
    store.put(0, "key", "value");
    store.commit(1);
    store.reopen();
    return store.applied() != 0 || store.get(0, "key");
}

}  // namespace

Report check_state_store(const StateStoreSuite& suite) {
    Report report;
    const belfry_state_store_v1& table = *suite.table;
    bool persistent = false;
    run_check(report, "opens in an empty directory, commits and opens again",
              [&] { persistent = keeps_data(table, suite.directory); });
    if (!report.passed()) return report;
    const auto with_store = [&](const char* name, auto&& body) {
        run_check(report, name, [&] {
            const Folder folder(suite.directory);
            StoreDriver store(table, folder.path());
            require(store.applied() == 0, "a new store does not say applied_index 0");
            body(store);
        });
    };
    with_store("keys: order as unsigned octets, up to 511 of them", checks_order);
    with_store("values: empty, 8 MiB, zero octets", checks_values);
    with_store("tables: eight that share nothing", checks_tables);
    with_store("batches: atomic, seen from inside, gone after a rollback", checks_batches);
    with_store("erase: also of what is not there", checks_erase);
    with_store("scan: ranges, reverse, an early end", checks_scans);
    with_store("refusals: a code, a sentence, and no harm", checks_refusals);
    with_store("struct_size: nothing is written past it", [&](StoreDriver& store) { checks_struct_size(table, store); });
    with_store("reopen: what was committed and nothing else",
               [&](StoreDriver& store) { checks_reopen(store, persistent); });
    run_check(report, "settings: an unknown one is refused by name", [&] { checks_settings(table, suite.directory); });
    with_store("model: random batches agree with std::map", [&](StoreDriver& store) {
        try {
            ModelCheck(store, suite.seed, persistent).run();
        } catch (const CheckFailed& failed) {
            throw CheckFailed{failed.sentence + " (seed " + std::to_string(suite.seed) + ")"};
        }
    });
    if (persistent) {
        run_check(report, "identity: another plugin's and newer data are refused",
                  [&] { checks_identity(table, suite.directory); });
    }
    report.add(check_state_store_resources(suite));
    report.add(check_state_store_troubles(table, suite.directory, persistent));
    return report;
}

}  // namespace belfry::testing

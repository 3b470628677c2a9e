// belfry_seam_bench: what the C ABI of state stores costs. One engine, opened once; the same work on it called directly as
// the class that it is, and through the adapter of its table and the hub's wrapper. In short turns, since what else runs on
// the machine changes by the second; each pair of turns gives a ratio. Prints medians, a line for each engine and
// operation.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "hub/plugin/state_store.hpp"
#include "plugins/storage_lmdb/lmdb_store.hpp"
#include "plugins/storage_memory/memory_store.hpp"
#include "plugins/storage_rocksdb/rocks_store.hpp"
#include "plugins/storage_sqlite/sqlite_store.hpp"
#include "tests/support/cpu_time.hpp"

using namespace belfry;

namespace {

constexpr uint64_t keys = 100'000;
constexpr uint64_t batch = 200;  // puts in one commit
constexpr size_t value_bytes = 256;
constexpr int turns = 501;

uint64_t last_index = 0;  // of the last commit, by either way

Bytes key_of(uint64_t number) {
    char text[32];
    std::snprintf(text, sizeof text, "app/service/%010llu", static_cast<unsigned long long>(number));
    return text;
}

// The engine, lent to a table: so that both ways lead to the same pages.
template <class Engine>
class Lent {
public:
    inline static Engine* engine = nullptr;
    static Result<std::unique_ptr<Lent>> open(const plugin::OpenArguments&) { return std::make_unique<Lent>(); }
    Result<Index> applied_index() { return engine->applied_index(); }
    Status begin() { return engine->begin(); }
    Status put(uint32_t table, BytesView key, BytesView value) { return engine->put(table, key, value); }
    Status erase(uint32_t table, BytesView key) { return engine->erase(table, key); }
    Status commit(Index index) { return engine->commit(index); }
    void rollback() { engine->rollback(); }
    Result<BytesView> get(uint32_t table, BytesView key) { return engine->get(table, key); }
    Status scan(uint32_t table, BytesView from, BytesView to, plugin::Direction direction,
                const plugin::ScanVisitor& visitor) {
        return engine->scan(table, from, to, direction, visitor);
    }
    Result<Index> snapshot_write(const plugin::SnapshotSink& sink) { return engine->snapshot_write(sink); }
    Status snapshot_read(const plugin::SnapshotSource& source) { return engine->snapshot_read(source); }
    Result<plugin::StateStoreStats> stats() { return engine->stats(); }
};

// Told apart by their type alone: what both have is called in the same way.
template <class Store>
class Work {
public:
    // `names` of all keys; to find one takes longer than the seam does, so both ways must look at the same ones.
    Work(Store& store, const std::vector<Bytes>& names) : store_(store), names_(names), value_(value_bytes, 'v') {}
    void put() {
        for (uint64_t i = 0; i < puts; ++i) {
            if (i % batch == 0) must(store_.begin());
            std::memcpy(value_.data(), &i, sizeof i);
            must(store_.put(1, next(), value_));
            if (i % batch == batch - 1) must(store_.commit(Index{++last_index}));
        }
    }
    void get() {
        for (uint64_t i = 0; i < gets; ++i) {
            const auto value = store_.get(1, next());
            if (!value) std::abort();
            std::memcpy(value_.data(), value->data(), value->size());  // whoever gets a value reads it
            if (i % 256 == 255) (void)store_.applied_index();          // ends what was lent, as the hub does
        }
    }
    void scan();

    static constexpr uint64_t puts = 5 * batch, gets = 2'560, scans = 10, scanned = scans * 1000;

private:
    static void must(const Status& status) {
        if (!status) std::fprintf(stderr, "%s\n", status.error().detail.c_str()), std::abort();
    }
    const Bytes& next() { return names_[at_++ * 7919 % keys]; }

    Store& store_;
    const std::vector<Bytes>& names_;
    Bytes value_;
    uint64_t at_ = 0, sum_ = 0;
};

template <class Store>
void Work<Store>::scan() {
    for (uint64_t i = 0; i < scans; ++i) {
        uint64_t left = 1000;
        if constexpr (std::is_same_v<Store, hub::plugin::StateStore>) {
            must(store_.scan(1, next(), {}, hub::plugin::StateStore::Direction::forward, [&](BytesView, BytesView value) {
                sum_ += value.size();
                return --left > 0;
            }));
        } else {
            struct Seen {
                uint64_t &left, &sum;
            } seen{left, sum_};
            const auto visit = [](void* context, belfry_bytes, belfry_bytes value) -> int32_t {
                auto& self = *static_cast<Seen*>(context);
                self.sum += value.size;
                return --self.left > 0 ? 0 : 1;
            };
            must(store_.scan(1, next(), {}, plugin::Direction::forward, plugin::ScanVisitor(visit, &seen)));
        }
    }
}

double seconds_of(const std::function<void()>& run) {
    const auto begin = test::cpu_time();
    run();
    return std::chrono::duration<double>(test::cpu_time() - begin).count();
}

double median(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    return values[values.size() / 2];
}

void compare(const char* engine, const char* operation, uint64_t count, const std::function<void()>& direct,
             const std::function<void()>& seam) {
    std::vector<double> by_itself, through, ratios;
    for (int turn = 0; turn < turns; ++turn) {  // one after the other finds the cache warm: each does, once
        const double first = seconds_of(direct), second = seconds_of(seam), third = seconds_of(seam);
        const double fourth = seconds_of(direct);
        by_itself.push_back((first + fourth) / 2);
        through.push_back((second + third) / 2);
        ratios.push_back(through.back() / by_itself.back());
    }
    const double each = 1e9 / static_cast<double>(count);
    std::printf("| %s | %s | %.1f | %.1f | %+.1f %% |\n", engine, operation, median(by_itself) * each,
                median(through) * each, (median(ratios) - 1) * 100);
    std::fflush(stdout);
}

template <class Engine>
void measure(const char* name, const std::string& directory) {
    static const belfry_host_v1 host = {sizeof(belfry_host_v1), BELFRY_ABI_MAJOR, BELFRY_ABI_MINOR, nullptr, nullptr};
    std::filesystem::create_directories(directory);
    auto direct = Engine::open({plugin::Host(&host), directory, {}});
    if (!direct) std::abort();
    Lent<Engine>::engine = direct->get();
    const auto& table = plugin::StateStoreTable<Lent<Engine>>::slots;
    auto seam = hub::plugin::StateStore::open(host, table, name, directory, {});
    if (!seam) std::abort();
    std::vector<Bytes> names;
    for (uint64_t i = 0; i < keys; ++i) names.push_back(key_of(i));
    Work<Engine> direct_work(**direct, names);
    Work<hub::plugin::StateStore> seam_work(**seam, names);
    for (uint64_t i = 0; i < keys; i += direct_work.puts) direct_work.put();
    compare(
        name, "put (200 in a batch)", direct_work.puts, [&] { direct_work.put(); }, [&] { seam_work.put(); });
    compare(
        name, "get", direct_work.gets, [&] { direct_work.get(); }, [&] { seam_work.get(); });
    compare(
        name, "scan, each of 1,000 keys", direct_work.scanned, [&] { direct_work.scan(); }, [&] { seam_work.scan(); });
}

}  // namespace

// Of all engines, or of those that are named.
int main(int count, char** words) {
    std::string directory = (std::filesystem::temp_directory_path() / "belfry-seam-XXXXXX").string();
    if (::mkdtemp(directory.data()) == nullptr) return 1;
    const std::vector<std::string> wanted(words + 1, words + count);
    const auto is_wanted = [&](const std::string& name) {
        return wanted.empty() || std::find(wanted.begin(), wanted.end(), name) != wanted.end();
    };
    std::puts("| engine | operation | direct, ns | through the seam, ns | more |");
    std::puts("|---|---|---|---|---|");
    if (is_wanted("storage_lmdb")) measure<storage_lmdb::LmdbStore>("storage_lmdb", directory + "/lmdb");
    if (is_wanted("storage_rocksdb")) measure<storage_rocksdb::RocksStore>("storage_rocksdb", directory + "/rocksdb");
    if (is_wanted("storage_sqlite")) measure<storage_sqlite::SqliteStore>("storage_sqlite", directory + "/sqlite");
    if (is_wanted("storage_memory")) measure<storage_memory::MemoryStore>("storage_memory", directory + "/memory");
    std::filesystem::remove_all(directory);
    return 0;
}

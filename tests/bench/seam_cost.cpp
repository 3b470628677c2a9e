// belfry_seam_bench: what the C ABI of state stores costs. The same engine, the same work, once called directly as the
// class that it is and once through its table and the hub's wrapper; in turns, and the better time of each counts, since
// what else runs on the machine only ever adds. Prints one line for each engine and operation.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "hub/plugin/plugin.hpp"
#include "hub/plugin/state_store.hpp"
#include "plugins/storage_lmdb/lmdb_store.hpp"
#include "plugins/storage_memory/memory_store.hpp"
#include "plugins/storage_rocksdb/rocks_store.hpp"
#include "plugins/storage_sqlite/sqlite_store.hpp"
#include "tests/bench/store_entries.hpp"
#include "tests/support/cpu_time.hpp"

using namespace belfry;

namespace {

constexpr uint64_t keys = 100'000;
constexpr uint64_t batch = 200;  // puts in one commit
constexpr size_t value_bytes = 256;
constexpr int turns = 15;

Bytes key_of(uint64_t number) {
    char text[32];
    std::snprintf(text, sizeof text, "app/service/%010llu", static_cast<unsigned long long>(number));
    return text;
}

// Told apart by their type alone: what both have is called in the same way.
template <class Store>
class Work {
public:
    explicit Work(Store& store) : store_(store), value_(value_bytes, 'v') {
        for (uint64_t i = 0; i < keys; ++i) names_.push_back(key_of(i));
    }
    void put() {
        for (uint64_t i = 0; i < 20'000; ++i) {
            if (i % batch == 0) must(store_.begin());
            std::memcpy(value_.data(), &i, sizeof i);
            must(store_.put(1, next(), value_));
            if (i % batch == batch - 1) must(store_.commit(Index{++index_}));
        }
    }
    void get() {
        for (uint64_t i = 0; i < 40'000; ++i) {
            const auto value = store_.get(1, next());
            if (!value) std::abort();
            sum_ += value->size();
            if (i % 256 == 255) (void)store_.applied_index();  // ends what was lent, as the hub does
        }
    }
    void scan();  // 200 of 1,000 keys each

    static constexpr uint64_t puts = 20'000, gets = 40'000, scanned = 200 * 1000;

private:
    static void must(const Status& status) {
        if (!status) std::fprintf(stderr, "%s\n", status.error().detail.c_str()), std::abort();
    }
    const Bytes& next() { return names_[at_++ * 7919 % keys]; }

    Store& store_;
    std::vector<Bytes> names_;
    Bytes value_;
    uint64_t at_ = 0, index_ = 0, sum_ = 0;
};

template <class Store>
void Work<Store>::scan() {
    for (uint64_t i = 0; i < 200; ++i) {
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

void compare(const char* engine, const char* operation, uint64_t count, const std::function<void()>& direct,
             const std::function<void()>& seam) {
    std::vector<double> ratios;
    double best_direct = 1e9, best_seam = 1e9;
    for (int turn = 0; turn < turns; ++turn) {
        const bool direct_first = turn % 2 == 0;
        double first = seconds_of(direct_first ? direct : seam), second = seconds_of(direct_first ? seam : direct);
        if (!direct_first) std::swap(first, second);
        best_direct = std::min(best_direct, first);
        best_seam = std::min(best_seam, second);
        ratios.push_back(second / first);
    }
    std::sort(ratios.begin(), ratios.end());
    const double each = 1e9 / static_cast<double>(count);
    std::printf("| %s | %s | %.1f | %.1f | %+.1f ns | %+.1f %% | %+.1f %% |\n", engine, operation, best_direct * each,
                best_seam * each, (best_seam - best_direct) * each, (best_seam / best_direct - 1) * 100,
                (ratios[ratios.size() / 2] - 1) * 100);
    std::fflush(stdout);
}

template <class Engine>
void measure(const char* name, belfry_plugin_entry_function entry, const std::string& directory) {
    static const belfry_host_v1 host = {sizeof(belfry_host_v1), BELFRY_ABI_MAJOR, BELFRY_ABI_MINOR, nullptr, nullptr};
    const std::string own = directory + "/direct", other = directory + "/seam";
    std::filesystem::create_directories(own);
    std::filesystem::create_directories(other);
    auto direct = Engine::open({plugin::Host(&host), own, {}});
    const auto linked = hub::plugin::link_plugin(entry, host);
    auto seam = hub::plugin::StateStore::open(host, *linked->state_store(), name, other, {});
    if (!direct || !seam) std::abort();
    Work<Engine> direct_work(**direct);
    Work<hub::plugin::StateStore> seam_work(**seam);
    for (uint64_t i = 0; i < keys; i += direct_work.puts) direct_work.put(), seam_work.put();
    compare(
        name, "put (200 in a batch)", direct_work.puts, [&] { direct_work.put(); }, [&] { seam_work.put(); });
    compare(
        name, "get", direct_work.gets, [&] { direct_work.get(); }, [&] { seam_work.get(); });
    compare(
        name, "scan, each of 1,000 keys", direct_work.scanned, [&] { direct_work.scan(); }, [&] { seam_work.scan(); });
}

}  // namespace

int main() {
    std::string directory = (std::filesystem::temp_directory_path() / "belfry-seam-XXXXXX").string();
    if (::mkdtemp(directory.data()) == nullptr) return 1;
    std::puts(
        "| engine | operation | direct, ns | through the seam, ns | more | of the best times | median of the pairs |");
    std::puts("|---|---|---|---|---|---|---|");
    measure<storage_lmdb::LmdbStore>("storage_lmdb", belfry_plugin_entry_storage_lmdb, directory + "/lmdb");
    measure<storage_rocksdb::RocksStore>("storage_rocksdb", belfry_plugin_entry_storage_rocksdb, directory + "/rocksdb");
    measure<storage_sqlite::SqliteStore>("storage_sqlite", belfry_plugin_entry_storage_sqlite, directory + "/sqlite");
    measure<storage_memory::MemoryStore>("storage_memory", belfry_plugin_entry_storage_memory, directory + "/memory");
    std::filesystem::remove_all(directory);
    return 0;
}

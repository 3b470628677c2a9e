// belfry_store_bench [KEYS [COUNT [STORE]]]: what the hub's reads and writes cost in each state store, without the hub.
// Keys in a shuffled order, values of 256 octets that cannot be compressed; a put is what the key space makes of one: it
// reads the key, writes a change record with the value before, and the key; a batch is committed after 2 MiB of log. Prints
// a row for each store: microseconds of CPU of the calling thread and, behind a +, of the store's own threads. Not the
// wall's: other work on the machine moves that most.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <functional>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "hub/plugin/plugin.hpp"
#include "hub/plugin/state_store.hpp"
#include "tests/bench/store_entries.hpp"
#include "tests/support/cpu_time.hpp"

using namespace belfry;
using hub::plugin::StateStore;

namespace {

constexpr uint32_t current = 1, changes = 2;  // tables, as the key space numbers them
constexpr size_t value_bytes = 256;
constexpr uint64_t held_bytes_max = 2 * 1024 * 1024;
constexpr uint64_t range_keys = 1000, ranges = 300;

void must(const Status& status) {
    if (!status) std::fprintf(stderr, "%s\n", status.error().detail.c_str()), std::exit(1);
}

Bytes key_of(uint64_t number) {
    char text[32];
    std::snprintf(text, sizeof text, "bench/%010llu", static_cast<unsigned long long>(number));
    return text;
}

class Work {
public:
    Work(StateStore& store, uint64_t keys) : store_(store), order_(keys), values_(4096) {
        std::mt19937_64 chance(7);
        std::iota(order_.begin(), order_.end(), uint64_t{0});
        std::shuffle(order_.begin(), order_.end(), chance);
        for (Bytes& value : values_) {
            value.resize(value_bytes);
            for (char& octet : value) octet = static_cast<char>(chance());
        }
    }
    void fill() {
        for (uint64_t i = 0; i < order_.size(); ++i) put(i);
        commit();
    }
    void puts(uint64_t count) {
        for (uint64_t i = 0; i < count; ++i) put(next());
        commit();
    }
    void gets(uint64_t count) {
        for (uint64_t i = 0; i < count; ++i) {
            const auto value = store_.get(current, key_of(next()));
            must(value ? Status() : Status(value.error()));
            store_.end_borrowing();
        }
    }
    void scans() {
        for (uint64_t i = 0; i < ranges; ++i) {
            const uint64_t from = next() % (order_.size() - range_keys);
            uint64_t seen = 0;
            const auto see = [&](BytesView, BytesView) { return ++seen < range_keys; };
            must(store_.scan(current, key_of(from), {}, StateStore::Direction::forward, see));
        }
    }
    void open_batch() {
        for (int i = 0; i < 1000; ++i) put(next());
    }
    void commit() {
        if (store_.in_batch()) must(store_.commit(Index{++index_}));
        held_ = 0;
    }

private:
    uint64_t next() { return order_[at_++ % order_.size()]; }
    void put(uint64_t number) {
        if (!store_.in_batch()) must(store_.begin());
        const Bytes key = key_of(number);
        const Bytes& value = values_[revision_ % values_.size()];
        record_ = key + value;
        if (const auto before = store_.get(current, key)) record_ += *before;
        ++revision_;
        for (size_t i = 0; i < sizeof revision_; ++i) name_[i] = static_cast<char>(revision_ >> (56 - 8 * i));
        must(store_.put(changes, name_, record_));
        must(store_.put(current, key, value));
        held_ += key.size() + value.size() + 60;  // what its log entry takes
        if (held_ >= held_bytes_max) commit();
    }

    StateStore& store_;
    std::vector<uint64_t> order_;
    std::vector<Bytes> values_;
    Bytes record_, name_ = Bytes(sizeof(uint64_t), '\0');
    uint64_t at_ = 0, revision_ = 0, index_ = 0, held_ = 0;
};

void cell(uint64_t count, const std::function<void()>& run) {
    const auto own = test::cpu_time(), all = test::cpu_time(CLOCK_PROCESS_CPUTIME_ID);
    run();
    const auto spent = test::cpu_time() - own;
    const auto others = std::max(test::cpu_time(CLOCK_PROCESS_CPUTIME_ID) - all - spent, std::chrono::nanoseconds());
    const double each_us = static_cast<double>(count) * 1e3;
    std::printf(" %.2f + %.2f |", static_cast<double>(spent.count()) / each_us,
                static_cast<double>(others.count()) / each_us);
    std::fflush(stdout);
}

void measure(const char* name, belfry_plugin_entry_function entry, const std::string& directory, uint64_t keys,
             uint64_t count) {
    static const belfry_host_v1 host = {sizeof(belfry_host_v1), BELFRY_ABI_MAJOR, BELFRY_ABI_MINOR, nullptr, nullptr};
    std::filesystem::create_directories(directory);
    const auto linked = hub::plugin::link_plugin(entry, host);
    auto store = StateStore::open(host, *linked->state_store(), name, directory, {});
    must(store ? Status() : Status(store.error()));
    Work work(**store, keys);
    std::printf("| %s |", name);
    cell(keys, [&] { work.fill(); });
    cell(count, [&] { work.puts(count); });
    cell(count, [&] { work.gets(count); });
    cell(ranges * range_keys, [&] { work.scans(); });
    work.open_batch();
    cell(count, [&] { work.gets(count); });
    cell(ranges * range_keys, [&] { work.scans(); });
    work.commit();
    std::puts("");
    store->reset();
    std::filesystem::remove_all(directory);
}

}  // namespace

int main(int count, char** arguments) {
    const uint64_t keys = count > 1 ? std::strtoull(arguments[1], nullptr, 10) : 1'000'000;
    const uint64_t operations = count > 2 ? std::strtoull(arguments[2], nullptr, 10) : 400'000;
    const std::string only = count > 3 ? arguments[3] : "";
    if (keys <= range_keys || operations == 0)
        return std::fputs("more than 1000 keys, at least one operation\n", stderr), 2;
    std::string directory = (std::filesystem::temp_directory_path() / "belfry-stores-XXXXXX").string();
    if (::mkdtemp(directory.data()) == nullptr) return 1;
    std::puts("| store | fill | put | get | range, each key | get, a batch open | range, a batch open |");
    std::puts("|---|---|---|---|---|---|---|");
    const auto run = [&](const char* name, belfry_plugin_entry_function entry) {
        if (only.empty() || only == name) measure(name, entry, directory + "/" + name, keys, operations);
    };
    run("storage_lmdb", belfry_plugin_entry_storage_lmdb);
    run("storage_rocksdb", belfry_plugin_entry_storage_rocksdb);
    run("storage_sqlite", belfry_plugin_entry_storage_sqlite);
    run("storage_memory", belfry_plugin_entry_storage_memory);
    std::filesystem::remove_all(directory);
    return 0;
}

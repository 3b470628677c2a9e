// crash_writer state|settled|log PLUGIN.so DIR SEED [NAME=VALUE]...: writes to a store until it is killed, and prints how
// far it has come (script.hpp). `settled` syncs after SEED batches and then writes no more.
#include <dlfcn.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include "tests/crash/script.hpp"

using namespace belfry;
using namespace belfry::test;

namespace {

// One line, one write: whole, whenever this process dies.
void say(char what, uint64_t number) {
    const std::string line = std::string(1, what) + ' ' + std::to_string(number) + '\n';
    if (::write(STDOUT_FILENO, line.data(), line.size()) != static_cast<ssize_t>(line.size())) ::_exit(1);
}

template <class Table>
const Table& table_of(const char* path) {
    void* library = ::dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) throw testing::CheckFailed{::dlerror()};
    const auto entry = reinterpret_cast<belfry_plugin_entry_function>(::dlsym(library, BELFRY_PLUGIN_ENTRY_SYMBOL));
    return *static_cast<const Table*>(entry(nullptr, nullptr)->interfaces[0].table);
}

void write_state(const belfry_state_store_v1& table, const char* directory, uint64_t batches_max) {
    StoreDriver store(table, directory);
    StateScript script;
    std::atomic<uint64_t> committed = store.applied();
    // As in the hub: syncs and hot copies come from another thread.
    std::thread syncing([&] {
        for (uint64_t round = 1; batches_max == 0; ++round) {
            const uint64_t covered = committed;
            if (store.can_sync()) store.sync(), say('s', covered);
            uint64_t index = 0;
            if (round % 4 == 0) store.snapshot(&index);
            ::usleep(3000);
        }
    });
    for (uint64_t index = committed + 1; batches_max == 0 || index <= batches_max; ++index) {
        script.write(store, index);
        committed = index;
        say('c', index);
    }
    if (store.can_sync()) store.sync();
    say('s', committed);
    for (;;) ::pause();
}

void write_log(const belfry_log_store_v1& table, const char* directory, uint64_t seed,
               const std::vector<belfry_setting>& settings) {
    LogDriver log(table, directory, settings);
    LogModel model(seed);
    using Kind = LogModel::Operation::Kind;
    for (uint64_t count = 1;; ++count) {
        const auto next = model.operation(count);
        say('o', count);
        if (next.kind == Kind::append) log.append(model.terms.size() + 1, model.entries_of(next));
        if (next.kind == Kind::truncate) log.truncate_after(next.number);
        if (next.kind == Kind::compact) log.compact(next.number);
        if (next.kind == Kind::vote) log.save_vote(model.term + 1, next.number), say('v', count);
        if (next.sync) log.sync(), say('s', count);
        model.apply(next);
    }
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 5) return std::fputs("crash_writer state|settled|log PLUGIN.so DIR SEED [NAME=VALUE]...\n", stderr), 2;
    const std::string what = argv[1];
    const uint64_t seed = std::strtoull(argv[4], nullptr, 10);
    std::vector<std::string> texts(argv + 5, argv + argc);
    std::vector<belfry_setting> settings;
    for (std::string& text : texts) {
        const size_t equals = text.find('=');
        text[equals] = '\0';
        settings.push_back({text.c_str(), text.c_str() + equals + 1});
    }
    try {
        if (what == "log") write_log(table_of<belfry_log_store_v1>(argv[2]), argv[3], seed, settings);
        if (what == "state") write_state(table_of<belfry_state_store_v1>(argv[2]), argv[3], 0);
        if (what == "settled") write_state(table_of<belfry_state_store_v1>(argv[2]), argv[3], seed);
    } catch (const testing::CheckFailed& failed) {
        std::fprintf(stderr, "%s\n", failed.sentence.c_str());
    }
    return 1;
}

#include "sdk/testing/store_resources.hpp"

#include "sdk/testing/leaks.hpp"
#include "sdk/testing/log_store_driver.hpp"
#include "sdk/testing/state_store_driver.hpp"

namespace belfry::testing {

namespace {

constexpr size_t store_leak_rounds = 40;
constexpr int keys_per_batch = 20;

// The same keys each time, so that nothing grows. What was refused and what was given up must leave as little.
void batches_and_reads(StoreDriver& store) {
    const Bytes value(300, 'v');
    store.begin();
    for (int i = 0; i < keys_per_batch; ++i) store.put(1, "key" + std::to_string(i), value);
    store.erase(1, "key0");
    (void)store.try_put(BELFRY_TABLE_COUNT, "key", value);
    store.commit(store.applied() + 1);
    store.begin();
    store.put(1, "given up", value);
    store.rollback();
    (void)store.get(1, "key1");
    (void)store.get(1, "absent");
    (void)store.scan(1, {}, {}, true);
    uint64_t index = 0;
    (void)store.snapshot(&index);
    if (store.can_sync()) store.sync();
}

void refused_image(StoreDriver& store) { (void)store.try_restore("no image"); }

void appends_and_reads(LogDriver& log) {
    const uint64_t last = log.state().last_index;
    log.append(last + 1, {{1, 1, Bytes(300, 'e')}, {1, 1, {}}, {1, 1, Bytes(2000, 'e')}});
    log.sync();
    (void)log.read(last + 1);
    (void)log.try_append(last + 100, {{1, 1, "a gap"}});
    log.truncate_after(last + 1);
    log.save_vote(1, 1);
    log.compact(last + 1);
}

}  // namespace

Report check_state_store_resources(const StateStoreSuite& suite) {
    Report report;
    const auto opened = [&](const Folder& folder, auto&& work) {
        StoreDriver store(*suite.table, folder.path());
        work(store);
    };
    run_check(report, "leaks: an opened, used and closed store leaves no memory behind", [&] {
        const Folder folder(suite.directory);
        require_no_leak("open, batches, reads, a snapshot and close", store_leak_rounds,
                        [&] { opened(folder, batches_and_reads); });
    });
    run_check(report, "leaks: a refused image leaves no memory behind", [&] {
        const Folder folder(suite.directory);
        require_no_leak("open, snapshot_read of garbage and close", store_leak_rounds,
                        [&] { opened(folder, refused_image); });
    });
    run_check(report, "threads: those of a store end when it is closed", [&] {
        const Folder folder(suite.directory);
        require_threads_end("a store that was closed", [&] { opened(folder, batches_and_reads); });
    });
    return report;
}

Report check_log_store_resources(const LogStoreSuite& suite) {
    Report report;
    const auto opened = [&](const Folder& folder) {
        LogDriver log(*suite.table, folder.path(), suite.settings);
        appends_and_reads(log);
    };
    run_check(report, "leaks: an opened, used and closed log leaves no memory behind", [&] {
        const Folder folder(suite.directory);
        require_no_leak("open, append, read, truncate, compact and close", store_leak_rounds, [&] { opened(folder); });
    });
    run_check(report, "threads: those of a log end when it is closed", [&] {
        const Folder folder(suite.directory);
        require_threads_end("a log that was closed", [&] { opened(folder); });
    });
    return report;
}

}  // namespace belfry::testing

#include "sdk/testing/state_store_troubles.hpp"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <random>
#include <thread>

#include "sdk/testing/state_store_driver.hpp"
#include "sdk/testing/state_store_suite.hpp"

namespace belfry::testing {

namespace {

constexpr int keys_per_batch = 64;

Bytes key_of(int i) { return "key" + std::to_string(100 + i); }

// Every key of table 1 gets the batch's number, and table 2 one more key: a torn batch shows at once.
void write_batch(StoreDriver& store, uint64_t index) {
    store.begin();
    for (int i = 0; i < keys_per_batch; ++i) store.put(1, key_of(i), std::to_string(index) + Bytes(300, '.'));
    store.put(2, "change" + std::to_string(1'000'000 + index), std::to_string(index));
    store.commit(index);
}

void require_whole(StoreDriver& store, uint64_t first_index) {
    const uint64_t index = store.applied();
    const Pairs pairs = store.scan(1);
    if (index == 0) return require(pairs.empty(), "data without an applied index");
    require(pairs.size() == keys_per_batch, "keys of a batch are missing");
    for (const auto& [key, value] : pairs) {
        require(value == std::to_string(index) + Bytes(300, '.'),
                "the data is of another batch than the applied index says");
    }
    require(store.scan(2).size() == index - first_index + 1, "the second table is of another batch than the first");
}

void checks_snapshot(StoreDriver& store, StoreDriver& other) {
    store.begin();
    store.put(0, "gone", "1");
    for (int i = 0; i < 3000; ++i) store.put(1, "key" + std::to_string(i), Bytes(200, static_cast<char>(i)));
    store.put(7, Bytes("\0\xff", 2), {});
    store.put(7, "large", Bytes(3 * 1024 * 1024, 'l'));
    store.commit(5);
    store.begin();
    store.erase(0, "gone");
    store.commit(9);
    uint64_t index = 0;
    const Bytes image = store.snapshot(&index);
    require(index == 9, "the snapshot tells another applied index than the store has");
    other.begin();
    other.put(1, "stale", "must vanish");
    other.commit(3);
    other.restore(image);
    require(other.applied() == 9, "after a restore the applied index is not the image's");
    for (uint32_t table = 0; table < BELFRY_TABLE_COUNT; ++table) {
        require(other.scan(table) == store.scan(table), "a restored table differs: " + std::to_string(table));
    }
    other.begin();
    other.put(1, "after", "restore");
    other.commit(10);
    require(other.get(1, "after") == "restore" && other.applied() == 10, "a restored store cannot be written");
}

void checks_empty_snapshot(StoreDriver& store, StoreDriver& other) {
    uint64_t index = 1;
    const Bytes image = store.snapshot(&index);
    require(index == 0, "the snapshot of a new store has an applied index");
    other.begin();
    other.put(1, "stale", "must vanish");
    other.commit(3);
    other.restore(image);
    require(other.applied() == 0 && other.scan(1).empty(), "a restored empty store is not empty");
}

void checks_damage(StoreDriver& store, StoreDriver& other) {
    write_batch(store, 4);
    uint64_t index = 0;
    const Bytes image = store.snapshot(&index);
    other.begin();
    other.put(1, "kept", "yes");
    other.commit(3);
    const auto refused = [&](const Bytes& bad, const char* what) {
        const Answer answer = other.try_restore(bad);
        require_refused(answer, BELFRY_CORRUPT, what);
        require(other.applied() == 3 && other.get(1, "kept") == "yes", std::string(what) + ": the store has changed");
    };
    refused(image.substr(0, image.size() / 2), "restoring half an image");
    refused(image.substr(0, image.size() - 1), "restoring an image without its last octet");
    refused(Bytes(), "restoring nothing");
    refused(Bytes(100'000, 'x'), "restoring something else");
    other.restore(image);
    require(other.applied() == 4, "a good image after bad ones is not taken");
}

void checks_sink_failure(const belfry_state_store_v1& table, StoreDriver& store) {
    write_batch(store, 1);
    const auto refuse = [](void*, belfry_bytes) -> belfry_status { return BELFRY_UNAVAILABLE; };
    uint64_t index = 0;
    belfry_error error;
    error.struct_size = sizeof(error);
    require(table.snapshot_write(store.raw(), refuse, nullptr, &index, &error) == BELFRY_UNAVAILABLE,
            "snapshot_write does not hand on the sink's error");
    write_batch(store, 2);
    require_whole(store, 1);
}

void checks_overlap(StoreDriver& store, StoreDriver& other) {
    constexpr int images = 8;
    write_batch(store, 1);
    std::atomic<bool> ended = false;
    std::vector<std::pair<uint64_t, Bytes>> copies;
    std::string sentence;
    std::thread copier([&] {
        try {
            for (int i = 0; i < images; ++i) {
                uint64_t index = 0;
                Bytes image = store.snapshot(&index);
                copies.emplace_back(index, std::move(image));
                if (store.can_sync()) store.sync();
            }
        } catch (const CheckFailed& failed) {
            sentence = failed.sentence;
        }
        ended = true;
    });
    try {
        for (uint64_t index = 2; !ended && index < 100'000; ++index) write_batch(store, index);
    } catch (const CheckFailed& failed) {
        copier.join();
        throw;
    }
    copier.join();
    require(sentence.empty(), sentence);
    for (const auto& [index, image] : copies) {
        other.restore(image);
        require(other.applied() == index, "an image holds another applied index than snapshot_write told");
        require_whole(other, 1);
    }
    require_whole(store, 1);
}

// Runs body() in a child of its own; its sentence comes back through a pipe.
template <class Body>
void in_child(Body&& body) {
    int ends[2];
    require(::pipe(ends) == 0, "no pipe");
    const pid_t child = ::fork();
    require(child >= 0, "no child");
    if (child == 0) {
        std::string sentence;
        try {
            body();
        } catch (const CheckFailed& failed) {
            sentence = failed.sentence;
        } catch (const std::exception& exception) {
            sentence = exception.what();
        }
        const ssize_t written = ::write(ends[1], sentence.data(), std::min<size_t>(sentence.size(), 4000));
        ::_exit(written >= 0 && sentence.empty() ? 0 : 1);
    }
    ::close(ends[1]);
    char buffer[4096];
    const ssize_t size = ::read(ends[0], buffer, sizeof(buffer));
    ::close(ends[0]);
    int status = 0;
    ::waitpid(child, &status, 0);
    if (WIFSIGNALED(status)) throw CheckFailed{"the process was killed by signal " + std::to_string(WTERMSIG(status))};
    if (status != 0) throw CheckFailed{std::string(buffer, size > 0 ? static_cast<size_t>(size) : 0)};
}

// A child commits batch after batch and tells of each; it is killed somewhere in the middle.
void checks_kill(const belfry_state_store_v1& table, const std::string& parent) {
    const Folder folder(parent);
    uint64_t told = 0;
    for (int round = 1; round <= 5; ++round) {
        int ends[2];
        require(::pipe(ends) == 0, "no pipe");
        const pid_t child = ::fork();
        require(child >= 0, "no child");
        if (child == 0) {
            try {
                StoreDriver store(table, folder.path());
                for (uint64_t index = store.applied() + 1;; ++index) {
                    write_batch(store, index);
                    if (::write(ends[1], &index, sizeof(index)) != sizeof(index)) ::_exit(1);
                }
            } catch (...) {
                ::_exit(1);
            }
        }
        ::close(ends[1]);
        uint64_t index = 0;
        bool alive = true;
        for (int i = 0; i < 7 * round && alive; ++i) {
            alive = ::read(ends[0], &index, sizeof(index)) == sizeof(index);
            if (alive) told = index;
        }
        ::usleep(static_cast<useconds_t>(137 * round));
        ::kill(child, SIGKILL);
        while (::read(ends[0], &index, sizeof(index)) == sizeof(index)) told = index;
        ::close(ends[0]);
        ::waitpid(child, nullptr, 0);
        require(alive, "the child that writes failed by itself");
        StoreDriver store(table, folder.path());
        require_whole(store, 1);
        require(store.applied() >= told, "after kill -9 a committed batch is lost: " + std::to_string(store.applied()) +
                                             " of " + std::to_string(told));
    }
}

Bytes octets_by_chance(size_t size) {
    std::mt19937_64 chance(20261127);
    Bytes octets(size, '\0');
    for (char& octet : octets) octet = static_cast<char>(chance());
    return octets;
}

void fill(const belfry_state_store_v1& table, const std::string& directory, uint64_t bytes_max, bool must_fill) {
    StoreDriver store(table, directory);
    const Bytes value = octets_by_chance(50'000);  // a store may compress
    uint64_t bytes = 0;
    Answer answer;
    for (uint64_t index = 1; answer.status == BELFRY_OK && bytes <= bytes_max; ++index) {
        store.begin();
        for (int i = 0; i < 10 && answer.status == BELFRY_OK; ++i) {
            answer = store.try_put(1, "key" + std::to_string(index * 100 + static_cast<uint64_t>(i)), value);
            bytes += value.size();
        }
        if (answer.status == BELFRY_OK) {
            answer = store.try_commit(index);
        } else {
            store.rollback();
        }
    }
    if (answer.status == BELFRY_OK) return require(!must_fill, "the disk should be full by now");
    require_refused(answer, BELFRY_NO_SPACE, "a batch that the disk cannot take");
    const uint64_t applied = store.applied();
    require(store.scan(1).size() == applied * 10, "a batch refused for lack of space leaves something");
    // Nothing got smaller meanwhile: the same batch is refused in the same way, and the store still reads.
    for (int again = 0; again < 3; ++again) {
        answer = store.try_begin();
        for (int i = 0; i < 400 && answer.status == BELFRY_OK; ++i)
            answer = store.try_put(3, "x" + std::to_string(i), value);
        if (answer.status == BELFRY_OK) answer = store.try_commit(applied + 1);
        store.rollback();
        require_refused(answer, BELFRY_NO_SPACE, "a second batch that the disk cannot take");
    }
    require(store.scan(1).size() == applied * 10 && store.applied() == applied, "a full disk has changed what was there");
    store.reopen();
    require(store.applied() == applied && store.scan(1).size() == applied * 10,
            "a store on a full disk does not open again");
}

void checks_full(const belfry_state_store_v1& table, const std::string& parent) {
    const Folder folder(parent);
    in_child([&] {
        // A limit on the size of files stands for the full disk.
        std::signal(SIGXFSZ, SIG_IGN);
        const rlimit limit = {8 * 1024 * 1024, 8 * 1024 * 1024};
        require(::setrlimit(RLIMIT_FSIZE, &limit) == 0, "no limit on file sizes");
        fill(table, folder.path(), 16 * 1024 * 1024, false);
    });
}

}  // namespace

Report check_state_store_troubles(const belfry_state_store_v1& table, const std::string& directory, bool persistent) {
    Report report;
    const auto with_two = [&](const char* name, auto&& body) {
        run_check(report, name, [&] {
            const Folder first(directory), second(directory);
            StoreDriver store(table, first.path());
            StoreDriver other(table, second.path());
            body(store, other);
        });
    };
    with_two("snapshot: restores everything and nothing else", checks_snapshot);
    with_two("snapshot: of an empty store", checks_empty_snapshot);
    with_two("snapshot: a damaged image is refused and changes nothing", checks_damage);
    with_two("snapshot: the sink's error ends the copy",
             [&](StoreDriver& store, StoreDriver&) { checks_sink_failure(table, store); });
    with_two("snapshot: taken by another thread while batches go on, each shows one commit", checks_overlap);
    if (persistent) {
        run_check(report, "kill -9: the last committed batch, whole", [&] { checks_kill(table, directory); });
        run_check(report, "full disk: refused, rolled back, readable", [&] { checks_full(table, directory); });
    }
    return report;
}

Report check_state_store_on_full_disk(const belfry_state_store_v1& table, const std::string& directory,
                                      uint64_t bytes_max) {
    Report report;
    run_check(report, "full disk: refused, rolled back, readable", [&] { fill(table, directory, bytes_max, true); });
    return report;
}

}  // namespace belfry::testing

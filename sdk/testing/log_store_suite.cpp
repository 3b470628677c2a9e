#include "sdk/testing/log_store_suite.hpp"

#include <cstddef>
#include <fstream>
#include <random>

#include "sdk/plugin/identity.hpp"
#include "sdk/testing/log_store_driver.hpp"
#include "sdk/testing/log_store_troubles.hpp"
#include "sdk/testing/store_resources.hpp"

namespace belfry::testing {

namespace {

std::vector<LogEntry> some_entries(size_t count, uint64_t term, size_t bytes = 20) {
    std::vector<LogEntry> entries;
    for (size_t i = 0; i < count; ++i)
        entries.push_back({term, static_cast<uint32_t>(i * 7), Bytes(bytes + i % 9, static_cast<char>('a' + i % 26))});
    return entries;
}

void checks_new(LogDriver& log) {
    const belfry_log_state state = log.state();
    require(state.first_index == 1 && state.last_index == 0, "a new log does not say first_index 1, last_index 0");
    require(state.boundary_index == 0 && state.boundary_term == 0, "a new log has a boundary");
    require(state.term == 0 && state.voted_for == 0 && state.cut_bytes == 0, "a new log has a term, a vote or a torn tail");
    require(log.read(1).empty(), "a new log shows an entry");
    log.sync();
}

void checks_entries(LogDriver& log, bool persistent) {
    std::vector<LogEntry> entries = some_entries(5, 3);
    entries.push_back({4, 0xFFFFFFFF, {}});
    entries.push_back({UINT64_MAX, 0, Bytes(5000, '\0')});
    log.append(1, entries);
    require(log.all() == entries, "read does not show what was appended (before a sync)");
    require(log.state().last_index == entries.size(), "last_index is not that of the last entry appended");
    require(log.read(4) == std::vector<LogEntry>(entries.begin() + 3, entries.end()), "read from the middle is wrong");
    require(log.read(1, 2).size() == 2, "a visitor that ends the read after two entries sees another number");
    require(log.read(entries.size() + 1).empty(), "a read past the end shows an entry");
    log.append(entries.size() + 1, {});
    log.sync();
    if (!persistent) return;
    log.reopen();
    require(log.all() == entries, "entries that were synced are lost or changed by closing");
    require(log.state().cut_bytes == 0, "a log closed in order has a torn tail");
}

void checks_gaps(LogDriver& log) {
    const auto entries = some_entries(3, 1);
    log.append(1, entries);
    require_refused(log.try_append(5, entries), BELFRY_INVALID_ARGUMENT, "append with a gap");
    require_refused(log.try_append(3, entries), BELFRY_INVALID_ARGUMENT, "append of an index that is there");
    require_refused(log.try_append(0, entries), BELFRY_INVALID_ARGUMENT, "append of index 0");
    require_refused(log.try_append_raw({{4, 1, 0, 0, {nullptr, 0}}, {6, 1, 0, 0, {nullptr, 0}}}), BELFRY_INVALID_ARGUMENT,
                    "append of entries with a gap between them");
    require_refused(log.try_compact(5), BELFRY_INVALID_ARGUMENT, "compact past the end");
    require(log.all() == entries, "a refused call has changed the log");
    log.append(4, entries);
    require(log.state().last_index == 6, "after a refusal nothing can be appended");
}

void checks_truncate(LogDriver& log, bool persistent) {
    auto entries = some_entries(10, 1);
    log.append(1, entries);
    log.sync();
    log.truncate_after(6);
    entries.resize(6);
    require(log.all() == entries, "truncate_after leaves entries or takes too many");
    log.truncate_after(6);
    const auto more = some_entries(7, 2, 100);
    log.append(7, more);
    entries.insert(entries.end(), more.begin(), more.end());
    require(log.all() == entries, "what is appended after a truncation reads wrong");
    log.sync();
    if (persistent) {
        log.reopen();
        require(log.all() == entries, "a truncation or what follows it is lost by closing");
    }
    log.truncate_after(0);
    log.sync();
    if (persistent) log.reopen();
    require(log.state().last_index == 0 && log.all().empty(), "truncate_after(0) leaves entries");
    log.append(1, entries);
    require(log.all() == entries, "an emptied log cannot be filled again");
}

void checks_votes(LogDriver& log, bool persistent) {
    log.save_vote(5, 77);
    log.append(1, some_entries(3, 5));
    log.save_vote(6, 0);
    log.save_vote(UINT64_MAX, UINT64_MAX);
    log.truncate_after(1);
    log.reset(100, 9);
    if (persistent) log.reopen();  // without a sync: save_vote and reset are durable when they return
    const belfry_log_state state = log.state();
    require(state.term == UINT64_MAX && state.voted_for == UINT64_MAX, "the last vote is lost");
    require(state.boundary_index == 100 && state.boundary_term == 9, "the boundary of a reset is lost");
}

void checks_compaction(LogDriver& log, bool persistent) {
    constexpr uint64_t count = 2000, kept_from = 1500;
    std::vector<LogEntry> entries;
    for (uint64_t i = 1; i <= count; ++i) entries.push_back({i / 10 + 1, 0, Bytes(1000, static_cast<char>(i))});
    for (uint64_t i = 0; i < count; i += 100) {
        log.append(i + 1, {entries.begin() + static_cast<ptrdiff_t>(i), entries.begin() + static_cast<ptrdiff_t>(i) + 100});
        log.sync();
    }
    log.compact(kept_from);
    const auto check = [&] {
        const belfry_log_state state = log.state();
        require(state.first_index <= kept_from, "compact has dropped entries that must be kept");
        require(state.boundary_index + 1 == state.first_index, "the boundary is not just before the first entry");
        require(state.last_index == count, "compact has changed last_index");
        const uint64_t term = state.boundary_index == 0 ? 0 : entries[state.boundary_index - 1].term;
        require(state.boundary_term == term, "the boundary's term is not that of the entry dropped last");
        require(log.all() ==
                    std::vector<LogEntry>(entries.begin() + static_cast<ptrdiff_t>(state.boundary_index), entries.end()),
                "compact has changed the entries kept");
        std::vector<LogEntry> none;
        if (state.boundary_index > 0)
            require_refused(log.try_read(state.boundary_index, none), BELFRY_COMPACTED, "reading a compacted entry");
        if (state.boundary_index > 0)
            require_refused(log.try_truncate_after(state.boundary_index - 1), BELFRY_INVALID_ARGUMENT,
                            "truncating into what is compacted");
    };
    check();
    if (persistent) log.reopen();
    check();
    log.compact(count + 1);  // may drop all of them
    require(log.state().last_index == count, "compact of everything has changed last_index");
    log.append(count + 1, some_entries(1, 500));
    log.sync();
    if (persistent) log.reopen();
    require(log.state().last_index == count + 1, "append after a full compaction is lost");
}

void checks_reset(LogDriver& log, bool persistent) {
    log.append(1, some_entries(50, 1));
    log.save_vote(3, 2);
    log.sync();
    for (const uint64_t boundary : {1000u, 10u}) {  // ahead, and back
        log.reset(boundary, 7);
        if (persistent) log.reopen();
        const belfry_log_state state = log.state();
        require(state.boundary_index == boundary && state.boundary_term == 7, "after a reset the boundary is wrong");
        require(state.first_index == boundary + 1 && state.last_index == boundary, "after a reset the log is not empty");
        require(state.term == 3 && state.voted_for == 2, "a reset loses term or vote");
        require(log.all().empty(), "after a reset entries remain");
        log.append(boundary + 1, some_entries(5, 8));
        log.sync();
        require(log.all() == some_entries(5, 8), "after a reset nothing can be appended");
    }
}

void checks_large(LogDriver& log, bool persistent) {
    Bytes large(BELFRY_LOG_PAYLOAD_BYTES_MAX, '\0');
    for (size_t i = 0; i < large.size(); ++i) large[i] = static_cast<char>(i * 31 >> 7);
    log.append(1, {{1, 1, "before"}, {1, 2, large}, {1, 3, "after"}});
    require_refused(log.try_append(4, {{1, 1, large + 'x'}}), BELFRY_TOO_LARGE, "a payload of more than 16 MiB");
    log.sync();
    if (persistent) log.reopen();
    const auto found = log.all();
    require(found.size() == 3 && found[0].payload == "before" && found[2].payload == "after",
            "the neighbours of a payload of 16 MiB are lost");
    require(found[1].payload == large, "a payload of 16 MiB comes back changed");
}

void checks_many(LogDriver& log, bool persistent) {
    constexpr uint64_t count = 100'000, batch = 1000;
    const auto entries = some_entries(batch, 2, 30);
    for (uint64_t i = 0; i < count; i += batch) log.append(i + 1, entries);
    log.sync();
    if (persistent) log.reopen();
    const auto found = log.all();
    require(found.size() == count, "of 100000 entries another number is shown");
    for (size_t i = 0; i < count; ++i) require(found[i] == entries[i % batch], "one of 100000 entries has changed");
    require(log.read(count / 2, 1) == std::vector<LogEntry>{entries[(count / 2 - 1) % batch]},
            "a read in the middle is wrong");
}

void checks_struct_size(const belfry_log_store_v1& table, LogDriver& log) {
    belfry_error error;
    error.struct_size = sizeof(error);
    belfry_log_state state;
    state.struct_size = offsetof(belfry_log_state, cut_bytes);
    state.cut_bytes = 0xABABABABABABABAB;
    require(table.state(log.raw(), &state, &error) == BELFRY_OK, "state fails for an older, smaller struct");
    require(state.cut_bytes == 0xABABABABABABABAB, "state writes past the struct_size that the caller set");
    belfry_log_store_stats stats;
    stats.struct_size = offsetof(belfry_log_store_stats, segment_count);
    stats.segment_count = 0xABABABABABABABAB;
    require(table.stats(log.raw(), &stats, &error) == BELFRY_OK, "stats fails for an older, smaller struct");
    require(stats.segment_count == 0xABABABABABABABAB, "stats writes past the struct_size that the caller set");
    stats.struct_size = sizeof(stats);
    require(table.stats(log.raw(), &stats, &error) == BELFRY_OK, "stats fails");
    require(stats.segment_count != 0xABABABABABABABAB, "stats leaves segment_count unset");
}

void checks_identity(const LogStoreSuite& suite) {
    const Folder own(suite.directory);
    const auto try_open = [&] { return LogDriver::try_open(*suite.table, own.path(), suite.settings); };
    const std::string path = own.path() + "/" + plugin::identity_file;
    write_text(path, "");
    require(try_open().status == BELFRY_OK, "an empty file PLUGIN in an empty directory locks the user out");
    require(try_open().status == BELFRY_OK, "an empty file PLUGIN in an empty directory locks the user out later");
    std::string name;
    std::ifstream(path) >> name;
    require(!name.empty(), "the store keeps no file PLUGIN with its name in its directory");
    write_text(path, name + " 4000000000\n");
    require_refused(try_open(), BELFRY_INCOMPATIBLE, "opening data of a newer format");
    write_text(path, "log_of_somebody_else 1\n");
    require_refused(try_open(), BELFRY_INCOMPATIBLE, "opening data of another plugin");
    write_text(path, name + " 1\n");
    require(try_open().status == BELFRY_OK, "a refusal has changed the data");
}

void checks_settings(const LogStoreSuite& suite) {
    const Folder folder(suite.directory);
    auto settings = suite.settings;
    settings.push_back({"no_such_setting", "1"});
    const Answer answer = LogDriver::try_open(*suite.table, folder.path(), settings);
    require_refused(answer, BELFRY_INVALID_ARGUMENT, "opening with an unknown setting");
    require(answer.sentence.find("no_such_setting") != std::string::npos, "the refusal does not name the unknown setting");
}

// Random calls against a vector. What compact drops is the store's choice; the model keeps it and compares the rest.
class LogModelCheck {
public:
    LogModelCheck(LogDriver& log, uint64_t seed, bool persistent) : log_(log), random_(seed), persistent_(persistent) {}

    void run() {
        for (uint64_t step = 1; step <= 1500; ++step) {
            run_step(step / 50 + 1);
            check_state();
            if (below(20) == 0) compare();
        }
        compare();
    }

private:
    uint64_t below(uint64_t bound) { return random_() % bound; }
    uint64_t last() const { return base_ + entries_.size(); }

    void run_step(uint64_t term) {
        const uint64_t choice = below(100);
        if (choice < 65) {
            std::vector<LogEntry> batch;
            for (uint64_t i = below(12); i > 0; --i) {
                const size_t size = below(30) == 0 ? below(40'000) : below(600);
                batch.push_back({term, static_cast<uint32_t>(below(5)), Bytes(size, static_cast<char>(below(256)))});
            }
            log_.append(last() + 1, batch);
            entries_.insert(entries_.end(), batch.begin(), batch.end());
        } else if (choice < 75) {
            const uint64_t kept = log_.state().boundary_index;
            const uint64_t cut = below(std::min<uint64_t>(last() - kept, 40) + 1);
            entries_.resize(entries_.size() - cut);
            log_.truncate_after(last());
        } else if (choice < 82) {
            log_.save_vote(term, vote_ = below(5));
            term_ = term;
        } else if (choice < 90) {
            const uint64_t kept_from = base_ + 1 + below(entries_.size() + 1);
            const uint64_t boundary = log_.state().boundary_index;
            log_.compact(kept_from);
            require(log_.state().boundary_index <= std::max(boundary, kept_from - 1), "compact drops what must be kept");
        } else if (choice == 90) {
            base_ = below(3) == 0 ? below(last() + 1) : last() + below(1000);
            entries_.clear();
            log_.reset(base_, boundary_term_ = term);
        } else {
            log_.sync();
            if (persistent_ && choice < 95) {
                log_.reopen();
                compare();
            }
        }
    }
    void check_state() {
        const belfry_log_state state = log_.state();
        require(state.last_index == last(), "last_index differs from the model");
        require(state.boundary_index >= base_ && state.boundary_index <= last(), "the boundary differs from the model");
        const uint64_t term =
            state.boundary_index == base_ ? boundary_term_ : entries_[state.boundary_index - base_ - 1].term;
        require(state.boundary_term == term, "the boundary's term differs from the model");
        require(state.first_index == state.boundary_index + 1, "first_index does not follow the boundary");
        require(state.term == term_ && state.voted_for == vote_, "term or vote differ from the model");
        require(state.cut_bytes == 0, "a log closed in order has a torn tail");
    }
    void compare() {
        const uint64_t boundary = log_.state().boundary_index;
        require(log_.all() ==
                    std::vector<LogEntry>(entries_.begin() + static_cast<ptrdiff_t>(boundary - base_), entries_.end()),
                "the entries differ from the model");
    }

    LogDriver& log_;
    std::mt19937_64 random_;
    const bool persistent_;
    std::vector<LogEntry> entries_;  // after base_
    uint64_t base_ = 0, boundary_term_ = 0, term_ = 0, vote_ = 0;
};

bool keeps_data(const LogStoreSuite& suite) {
    const Folder folder(suite.directory);
    LogDriver log(*suite.table, folder.path(), suite.settings);
    log.append(1, {{1, 1, "entry"}});
    log.sync();
    log.reopen();
    return log.state().last_index != 0;
}

}  // namespace

Report check_log_store(const LogStoreSuite& suite) {
    Report report;
    bool persistent = false;
    run_check(report, "opens in an empty directory, appends and opens again", [&] { persistent = keeps_data(suite); });
    if (!report.passed()) return report;
    const auto with_log = [&](const char* name, auto&& body) {
        run_check(report, name, [&] {
            const Folder folder(suite.directory);
            LogDriver log(*suite.table, folder.path(), suite.settings);
            body(log);
        });
    };
    with_log("a new log: its state, and nothing to read", checks_new);
    with_log("entries: kept as they are, read from anywhere", [&](LogDriver& log) { checks_entries(log, persistent); });
    with_log("gaps: refused with a sentence, and no harm", checks_gaps);
    with_log("truncate: and append again", [&](LogDriver& log) { checks_truncate(log, persistent); });
    with_log("votes: durable when saved, kept by a reset", [&](LogDriver& log) { checks_votes(log, persistent); });
    with_log("compaction: keeps what it must, knows the boundary",
             [&](LogDriver& log) { checks_compaction(log, persistent); });
    with_log("reset: drops everything, forward and back", [&](LogDriver& log) { checks_reset(log, persistent); });
    with_log("payloads: 16 MiB and not more", [&](LogDriver& log) { checks_large(log, persistent); });
    with_log("many: 100000 entries", [&](LogDriver& log) { checks_many(log, persistent); });
    with_log("struct_size: nothing is written past it", [&](LogDriver& log) { checks_struct_size(*suite.table, log); });
    run_check(report, "settings: an unknown one is refused by name", [&] { checks_settings(suite); });
    with_log("model: random calls agree with a vector", [&](LogDriver& log) {
        try {
            LogModelCheck(log, suite.seed, persistent).run();
        } catch (const CheckFailed& failed) {
            throw CheckFailed{failed.sentence + " (seed " + std::to_string(suite.seed) + ")"};
        }
    });
    report.add(check_log_store_resources(suite));
    if (persistent) {
        run_check(report, "identity: another plugin's and newer data are refused", [&] { checks_identity(suite); });
        run_check(report, "kill -9: what was synced, and nothing torn", [&] { check_log_kill(suite); });
    }
    return report;
}

}  // namespace belfry::testing

// What a store that is about to crash is made to do, and what it must hold afterwards: both follow from a seed and a count,
// so that the process that writes and the test that judges agree without telling each other more than numbers.
//
//     the writer prints   c N   batch N is committed            o N   operation N of a log begins
//                         s N   a sync covered everything up to N
//                         v N   operation N, a vote, is saved
#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "sdk/testing/log_store_driver.hpp"
#include "sdk/testing/state_store_driver.hpp"

namespace belfry::test {

using testing::LogDriver;
using testing::LogEntry;
using testing::StoreDriver;

// ---- state stores ----

// Batch N: 64 keys that all say N, one key more in another table, and large and small values that come, change and go.
class StateScript {
public:
    static constexpr int same_keys = 64;

    static Bytes same_value(uint64_t index) { return std::to_string(index) + Bytes(100, '.'); }
    static Bytes counted_key(uint64_t index) { return "change" + std::to_string(1'000'000 + index); }

    void write(StoreDriver& store, uint64_t index) {
        store.begin();
        for (int i = 0; i < same_keys; ++i) store.put(1, "key" + std::to_string(100 + i), same_value(index));
        store.put(2, counted_key(index), std::to_string(index));
        for (const auto& [key, size] : changes_of(index)) {
            if (size == 0) store.erase(3, key);
            if (size != 0) store.put(3, key, varied_value(index, size));
        }
        store.commit(index);
    }
    // "" if the store holds just what batches 1 .. applied_index() make.
    static std::string fault_of(StoreDriver& store) {
        const uint64_t applied = store.applied();
        const auto same = store.scan(1);
        if (applied == 0) return same.empty() && store.scan(2).empty() ? "" : "data without an applied index";
        if (same.size() != same_keys) return "keys of a batch are missing";
        for (const auto& [key, value] : same) {
            if (value != same_value(applied)) return "'" + key + "' is of another batch than " + std::to_string(applied);
        }
        const auto counted = store.scan(2);
        if (counted.size() != applied)
            return std::to_string(counted.size()) + " batches instead of " + std::to_string(applied);
        std::map<Bytes, Bytes> expected;
        for (uint64_t index = 1; index <= applied; ++index) {
            if (counted[index - 1].second != std::to_string(index)) return "batch " + std::to_string(index) + " is missing";
            for (const auto& [key, size] : changes_of(index)) {
                if (size == 0) expected.erase(key);
                if (size != 0) expected[key] = varied_value(index, size);
            }
        }
        return store.scan(3) == testing::Pairs(expected.begin(), expected.end()) ? "" : "values of many sizes differ";
    }

private:
    static std::vector<std::pair<Bytes, size_t>> changes_of(uint64_t index) {
        std::mt19937_64 chance(index);
        std::vector<std::pair<Bytes, size_t>> changes;
        for (uint64_t i = chance() % 4; i > 0; --i) {
            const uint64_t size = chance() % 4 == 0 ? 0 : chance() % 8 == 0 ? 1 + chance() % 30'000 : 1 + chance() % 300;
            changes.emplace_back("varied" + std::to_string(chance() % 40), size);
        }
        return changes;
    }
    static Bytes varied_value(uint64_t index, size_t size) {
        std::mt19937_64 chance(index * 31 + size);
        Bytes value(size, '\0');
        for (char& octet : value) octet = static_cast<char>(chance());
        return value;
    }
};

// ---- log stores ----

// What a log must hold after some operations. Entries that were compacted stay here: a store may keep them.
class LogModel {
public:
    explicit LogModel(uint64_t seed) : seed_(seed) {}

    struct Operation {
        enum class Kind { append, truncate, compact, vote } kind = Kind::append;
        uint64_t number = 0;  // how many entries; the last kept; the first kept; for whom
        bool sync = false;
    };
    Operation operation(uint64_t count) const {
        std::mt19937_64 chance(seed_ * 1'000'003 + count);
        const uint64_t kind = chance() % 100, last = terms.size();
        Operation next{Operation::Kind::append, 1 + chance() % 9, chance() % 2 == 0};
        if (kind < 10 && last > kept_from)
            next = {Operation::Kind::truncate, last - chance() % std::min<uint64_t>(last - kept_from, 12), next.sync};
        if (kind >= 10 && kind < 15 && last > kept_from + 20)
            next = {Operation::Kind::compact, kept_from + 1 + chance() % (last - kept_from - 10), next.sync};
        if (kind >= 15 && kind < 22) next = {Operation::Kind::vote, 1 + chance() % 5, next.sync};
        return next;
    }
    std::vector<LogEntry> entries_of(const Operation& append) const {
        std::vector<LogEntry> entries;
        for (uint64_t i = 1; i <= append.number; ++i) entries.push_back(entry(terms.size() + i, term));
        return entries;
    }
    void apply(const Operation& done) {
        switch (done.kind) {
            case Operation::Kind::append: terms.insert(terms.end(), done.number, term); break;
            case Operation::Kind::truncate: terms.resize(done.number), ++term; break;
            case Operation::Kind::compact: kept_from = done.number; break;
            case Operation::Kind::vote: vote_term = ++term, voted_for = done.number; break;
        }
    }
    static LogEntry entry(uint64_t index, uint64_t of_term) {
        std::mt19937_64 chance(index * 7919 + of_term);
        const size_t size = chance() % 16 == 0 ? chance() % 9000 : chance() % 300;
        return {of_term, static_cast<uint32_t>(index % 5),
                std::to_string(index) + Bytes(size, static_cast<char>('a' + of_term % 26))};
    }
    // Whether the log holds this model's entries and `more` entries after them.
    bool matches(const belfry_log_state& state, const std::vector<LogEntry>& found, uint64_t more) const {
        std::vector<uint64_t> all = terms;
        all.insert(all.end(), more, term);
        if (state.last_index != all.size() || state.boundary_index > state.last_index) return false;
        if (state.boundary_index != 0 && state.boundary_term != all[state.boundary_index - 1]) return false;
        for (uint64_t i = 0; i < found.size(); ++i) {
            const uint64_t index = state.first_index + i;
            if (found[i] != entry(index, all[index - 1])) return false;
        }
        return found.size() == state.last_index - state.boundary_index;
    }

    std::vector<uint64_t> terms;  // of entry 1, 2, ...
    uint64_t term = 1, vote_term = 0, voted_for = 0;
    uint64_t kept_from = 1;  // compaction may have dropped what is before

private:
    uint64_t seed_;
};

struct LogProgress {
    uint64_t begun = 0, synced = 0, voted = 0;  // operations
};

// "" if the log is what some count of operations from the last synced to the last begun one makes.
inline std::string fault_of(LogDriver& log, uint64_t seed, const LogProgress& progress) {
    const belfry_log_state state = log.state();
    const std::vector<LogEntry> found = log.all();
    LogModel model(seed);
    bool entries_match = false, vote_matches = state.term == 0 && progress.voted == 0;
    for (uint64_t count = 0; count <= progress.begun; ++count) {
        if (count > 0) model.apply(model.operation(count));
        const bool may_be = count >= progress.synced;
        if (count >= std::max(progress.voted, progress.synced) && model.vote_term == state.term)
            vote_matches = vote_matches || model.voted_for == state.voted_for;
        if (!may_be) continue;
        uint64_t more = 0;  // of an append that was under way
        if (count < progress.begun) {
            const auto next = model.operation(count + 1);
            if (next.kind == LogModel::Operation::Kind::append) more = next.number;
        }
        for (uint64_t some = 0; some <= more && !entries_match; ++some) entries_match = model.matches(state, found, some);
    }
    if (state.boundary_index >= model.kept_from) return "more is compacted than was asked for";
    if (!entries_match) {
        return "entries up to " + std::to_string(state.last_index) + " are of no moment between operation " +
               std::to_string(progress.synced) + " (synced) and " + std::to_string(progress.begun) + " (begun)";
    }
    return vote_matches ? "" : "the vote is of no moment since it was saved last";
}

}  // namespace belfry::test

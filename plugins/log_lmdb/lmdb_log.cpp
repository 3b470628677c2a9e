#include "plugins/log_lmdb/lmdb_log.hpp"

#include <algorithm>
#include <charconv>
#include <filesystem>

#include "sdk/plugin/identity.hpp"

namespace belfry::log_lmdb {

namespace {

constexpr uint64_t map_bytes_default = uint64_t{64} * 1024 * 1024 * 1024;  // of address space, not memory or disk
constexpr uint64_t map_bytes_min = 1024 * 1024;
constexpr uint64_t compact_entries_max = 2048;  // in one transaction
// What a transaction writes anew. An entry has a leaf, the pages of its payload, and its share of splits and of the pages
// above; deleting entries copies the pages they are in and lists those that become free.
constexpr uint64_t vote_pages = 32, delete_pages = 256, append_pages_min = 64, entry_pages = 4;
constexpr uint64_t reserve_bytes = 2 * delete_pages * page_bytes;

Result<uint64_t> parse_map_bytes(const plugin::Settings& settings) {
    uint64_t map_bytes = map_bytes_default;
    for (const auto& [name, value] : settings) {
        if (name != "map_bytes") {
            return Error{Code::invalid_argument, "log_lmdb knows no setting '" + name + "'; there is: map_bytes"};
        }
        const char* end = value.data() + value.size();
        const auto parsed = std::from_chars(value.data(), end, map_bytes);
        if (parsed.ec != std::errc() || parsed.ptr != end || map_bytes < map_bytes_min) {
            return Error{Code::invalid_argument, "log_lmdb: map_bytes = '" + value + "' is no number of octets from " +
                                                     std::to_string(map_bytes_min) + " upward"};
        }
    }
    return map_bytes / 4096 * 4096;
}

Error wrong(const std::string& sentence) { return {Code::invalid_argument, "log_lmdb: " + sentence}; }

}  // namespace

Result<std::unique_ptr<LmdbLog>> LmdbLog::open(const plugin::OpenArguments& arguments) {
    const Result<uint64_t> map_bytes = parse_map_bytes(arguments.settings);
    if (!map_bytes) return map_bytes.error();
    const std::string& directory = arguments.directory;
    if (Status status = plugin::check_identity(directory, plugin_name, format); !status) return status.error();
    Facts facts;
    Result<std::unique_ptr<Environment>> environment = Environment::open(directory, *map_bytes, facts);
    if (!environment) return environment.error();
    std::error_code ignored;
    if (!std::filesystem::exists(directory + "/" + plugin::identity_file, ignored)) {
        if (Status status = plugin::write_identity(directory, plugin_name, format); !status) return status.error();
    }
    return std::make_unique<LmdbLog>(directory, std::move(*environment), facts);
}

LmdbLog::LmdbLog(const std::string& directory, std::unique_ptr<Environment> environment, const Facts& facts)
    : reserve_(directory + "/RESERVE"), environment_(std::move(environment)), facts_(facts) {
    (void)reserve_.hold(reserve_bytes);  // without it appends are refused
}

Result<plugin::LogState> LmdbLog::state() {
    return plugin::LogState{
        facts_.boundary.next(), facts_.last, facts_.boundary, facts_.boundary_term, facts_.term, facts_.voted_for, 0};
}

// On an error nothing of it is left.
template <class Body>
Status LmdbLog::in_transaction(uint64_t pages, Body&& body) {
    if (Status status = environment_->allocate(pages); !status) return status;
    Result<Txn> txn = environment_->begin();
    if (!txn) return txn.error();
    if (Status status = body(txn->get()); !status) return status;
    const int rc = mdb_txn_commit(txn->release());
    return rc == 0 ? Status{} : lmdb_error(rc, "writing the log");
}

// For what must work on a full disk too.
template <class Body>
Status LmdbLog::in_transaction_with_reserve(uint64_t pages, Body&& body) {
    Status status = in_transaction(pages, body);
    if (!status && status.error().code == Code::no_space) {
        reserve_.release();
        status = in_transaction(pages, body);
    }
    (void)reserve_.hold(reserve_bytes);
    return status;
}

Status LmdbLog::append(std::span<const belfry_log_entry> entries) {
    uint64_t next = facts_.last.value + 1, pages = append_pages_min;
    for (const belfry_log_entry& entry : entries) {
        if (entry.index != next) {
            return wrong("append of entry " + std::to_string(entry.index) + ", the next one is " + std::to_string(next));
        }
        if (entry.payload.size > BELFRY_LOG_PAYLOAD_BYTES_MAX) {
            return Error{Code::too_large,
                         "log_lmdb: a payload of " + std::to_string(entry.payload.size) + " octets; 16 MiB are the most"};
        }
        pages += entry_pages + entry.payload.size / page_bytes;
        ++next;
    }
    if (entries.empty()) return {};
    if (Status status = reserve_.hold(reserve_bytes); !status) return status;
    const Status status = in_transaction(pages, [&](MDB_txn* txn) -> Status {
        for (const belfry_log_entry& entry : entries) {
            if (Status added = environment_->add(txn, entry); !added) return added;
        }
        return {};
    });
    if (status) facts_.last = {next - 1};
    return status;
}

Status LmdbLog::truncate_after(Index last_kept) {
    if (last_kept < facts_.boundary) {
        return wrong("entries up to " + std::to_string(facts_.boundary.value) + " are compacted; a truncation after " +
                     std::to_string(last_kept.value) + " is not possible");
    }
    if (last_kept >= facts_.last) return {};
    const Status status = in_transaction_with_reserve(delete_pages, [&](MDB_txn* txn) -> Status {
        const Result<Cursor> cursor = environment_->entries(txn);
        if (!cursor) return cursor.error();
        MDB_val key = {}, value = {};
        for (uint64_t index = facts_.last.value; index > last_kept.value; --index) {
            int rc = mdb_cursor_get(cursor->get(), &key, &value, MDB_LAST);
            if (rc == 0) rc = mdb_cursor_del(cursor->get(), 0);
            if (rc != 0) return lmdb_error(rc, "truncating the log");
        }
        return {};
    });
    if (status) facts_.last = last_kept;
    return status;
}

Status LmdbLog::sync() { return environment_->sync(); }

Status LmdbLog::read(Index first, const plugin::LogVisitor& visitor) {
    if (first <= facts_.boundary) {
        return Error{Code::compacted, "log_lmdb: entry " + std::to_string(first.value) +
                                          " is compacted; the log begins at " + std::to_string(facts_.boundary.value + 1)};
    }
    if (first > facts_.last) return {};
    const Result<Txn> txn = environment_->begin(MDB_RDONLY);
    if (!txn) return txn.error();
    const Result<Cursor> cursor = environment_->entries(txn->get());
    if (!cursor) return cursor.error();
    uint64_t index = first.value;
    MDB_val key = {sizeof(index), &index}, value = {};
    int rc = mdb_cursor_get(cursor->get(), &key, &value, MDB_SET_KEY);
    for (; rc == 0; rc = mdb_cursor_get(cursor->get(), &key, &value, MDB_NEXT)) {
        const Result<belfry_log_entry> entry = environment_->decode(key, value);
        if (!entry) return entry.error();
        if (!visitor(*entry)) return {};
    }
    return rc == MDB_NOTFOUND ? Status{} : lmdb_error(rc, "reading the log");
}

Status LmdbLog::compact(Index first_kept) {
    if (first_kept > facts_.last.next()) {
        return wrong("compaction up to " + std::to_string(first_kept.value) + ", the last entry is " +
                     std::to_string(facts_.last.value));
    }
    while (facts_.boundary.next() < first_kept) {
        const Index step{std::min(first_kept.value, facts_.boundary.value + 1 + compact_entries_max)};
        if (Status status = compact_some(step); !status) return status;
    }
    return {};
}

Status LmdbLog::compact_some(Index first_kept) {
    Term term;
    const Status status = in_transaction_with_reserve(delete_pages, [&](MDB_txn* txn) -> Status {
        const Result<Cursor> cursor = environment_->entries(txn);
        if (!cursor) return cursor.error();
        MDB_val key = {}, value = {};
        for (uint64_t index = facts_.boundary.value + 1; index < first_kept.value; ++index) {
            int rc = mdb_cursor_get(cursor->get(), &key, &value, MDB_FIRST);
            if (rc == 0 && index + 1 == first_kept.value) {
                const Result<belfry_log_entry> entry = environment_->decode(key, value);
                if (!entry) return entry.error();
                term = {entry->term};
            }
            if (rc == 0) rc = mdb_cursor_del(cursor->get(), 0);
            if (rc != 0) return lmdb_error(rc, "compacting the log");
        }
        return environment_->save_boundary(txn, Index{first_kept.value - 1}, term);
    });
    if (!status) return status;
    facts_.boundary = {first_kept.value - 1};
    facts_.boundary_term = term;
    return {};
}

Status LmdbLog::reset(Index boundary, Term boundary_term) {
    Status status = in_transaction_with_reserve(delete_pages, [&](MDB_txn* txn) -> Status {
        if (Status dropped = environment_->drop_entries(txn); !dropped) return dropped;
        return environment_->save_boundary(txn, boundary, boundary_term);
    });
    if (status) status = environment_->sync();
    if (!status) return status;
    facts_.boundary = facts_.last = boundary;
    facts_.boundary_term = boundary_term;
    return {};
}

Status LmdbLog::save_vote(Term term, uint64_t voted_for) {
    Status status = in_transaction_with_reserve(
        vote_pages, [&](MDB_txn* txn) { return environment_->save_vote(txn, term, voted_for); });
    if (status) status = environment_->sync();
    if (!status) return status;
    facts_.term = term;
    facts_.voted_for = voted_for;
    return {};
}

Result<plugin::LogStoreStats> LmdbLog::stats() { return plugin::LogStoreStats{environment_->disk_bytes(), 1}; }

}  // namespace belfry::log_lmdb

// A log store on LMDB: the second one, which shares nothing with log_wal, neither code nor idea. There a file is only ever
// written at its end, and what a crash left is made out from the records; here a tree is copied on write, and a crash
// leaves the last transaction whole or not at all: nothing is ever torn, nothing replayed. The price: an append writes its
// pages, those above them and a root, and takes two waits for the disk where log_wal takes one.
//
// append() is one transaction and waits for its pages; so a full disk shows there, and nothing of it remains. sync() makes
// the root durable. A vote and a reset are transactions that are synced at once. RESERVE holds disk space for what must
// work on a full disk too: votes, truncations, compaction (sdk/plugin/space_reserve.hpp).
#pragma once

#include "plugins/log_lmdb/environment.hpp"
#include "sdk/plugin/log_store.hpp"
#include "sdk/plugin/space_reserve.hpp"

namespace belfry::log_lmdb {

class LmdbLog {
public:
    static Result<std::unique_ptr<LmdbLog>> open(const plugin::OpenArguments& arguments);
    LmdbLog(const std::string& directory, std::unique_ptr<Environment> environment, const Facts& facts);

    Result<plugin::LogState> state();
    Status append(std::span<const belfry_log_entry> entries);
    Status truncate_after(Index last_kept);
    Status sync();
    Status read(Index first, const plugin::LogVisitor& visitor);
    Status compact(Index first_kept);
    Status reset(Index boundary, Term boundary_term);
    Status save_vote(Term term, uint64_t voted_for);
    Result<plugin::LogStoreStats> stats();

private:
    template <class Body>
    Status in_transaction(uint64_t pages, Body&& body);
    template <class Body>
    Status in_transaction_with_reserve(uint64_t pages, Body&& body);
    Status compact_some(Index first_kept);

    plugin::SpaceReserve reserve_;
    const std::unique_ptr<Environment> environment_;
    Facts facts_;
};

}  // namespace belfry::log_lmdb

#include "plugins/storage_lmdb/lmdb_env.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace belfry::storage_lmdb {

namespace {

constexpr unsigned readers_max = 16;  // the core's, one snapshot's, and a few of `mdb_stat` and the like
constexpr BytesView key_plugin = "plugin", key_format = "format", key_applied = "applied";

// Of one allocation beyond what is needed now; the disk may refuse that and still give what is needed.
constexpr uint64_t allocation_pages = 64 * 1024 * 1024 / 4096;
// Name, format and applied index, the trees' roots, the list of free pages.
constexpr uint64_t batch_pages_min = 256;
constexpr MDB_dbi free_pages_dbi = 0;  // LMDB's own, numbered so since ever

// True where allocated space can be overwritten for certain: no copy on write.
bool keeps_allocations(const std::string& directory) {
    struct statfs system = {};
    if (::statfs(directory.c_str(), &system) != 0) return false;
    const auto type = static_cast<uint64_t>(system.f_type);
    return type == EXT4_SUPER_MAGIC || type == XFS_SUPER_MAGIC || type == TMPFS_MAGIC;
}

BytesView octets_of(const auto& number) { return {reinterpret_cast<const char*>(&number), sizeof(number)}; }

int put(MDB_txn* txn, MDB_dbi dbi, BytesView key, BytesView value) {
    MDB_val k = to_val(key), v = to_val(value);
    return mdb_put(txn, dbi, &k, &v, 0);
}

Code code_of(int rc) {
    switch (rc) {
        case MDB_NOTFOUND: return Code::not_found;
        case MDB_MAP_FULL:
        case ENOSPC:
        case EDQUOT:
        case EFBIG: return Code::no_space;
        case MDB_TXN_FULL: return Code::too_large;
        case MDB_CORRUPTED:
        case MDB_PAGE_NOTFOUND:
        case MDB_INVALID: return Code::corrupt;
        case MDB_VERSION_MISMATCH:
        case MDB_INCOMPATIBLE: return Code::incompatible;
        case EACCES:
        case EPERM: return Code::denied;
        default: return Code::io;
    }
}

}  // namespace

Error lmdb_error(int rc, const std::string& what) {
    std::string detail = what + ": " + mdb_strerror(rc);
    if (rc == MDB_MAP_FULL) detail += " (raise the setting map_bytes)";
    if (rc == ENOSPC || rc == EDQUOT) detail += " (free disk space)";
    if (rc == EFBIG) detail += " (the largest file size allowed is met)";
    return {code_of(rc), std::move(detail)};
}

Result<std::unique_ptr<Env>> Env::open(const std::string& directory, uint64_t map_bytes, Write write) {
    if (write == Write::safest_fast && keeps_allocations(directory)) {
        Result<std::unique_ptr<Env>> env = open_as(directory, map_bytes, true);
        // A limit on file sizes or a file system without fallocate; both are fine for the plain way.
        if (env || (env.error().code != Code::no_space && env.error().code != Code::unsupported)) return env;
    }
    return open_as(directory, map_bytes, false);
}

Result<std::unique_ptr<Env>> Env::open_as(const std::string& directory, uint64_t map_bytes, bool through_map) {
    MDB_env* raw = nullptr;
    if (const int rc = mdb_env_create(&raw); rc != 0) return lmdb_error(rc, "mdb_env_create");
    std::unique_ptr<Env> env(new Env(raw));
    env->through_map_ = through_map;
    mdb_env_set_maxdbs(raw, BELFRY_TABLE_COUNT + 1);
    mdb_env_set_maxreaders(raw, readers_max);
    if (const int rc = mdb_env_set_mapsize(raw, map_bytes); rc != 0) return lmdb_error(rc, "mdb_env_set_mapsize");
    if (mdb_env_get_maxkeysize(raw) < BELFRY_STORE_KEY_BYTES_MAX) {
        return Error{Code::unsupported, "this LMDB allows keys of " + std::to_string(mdb_env_get_maxkeysize(raw)) +
                                            " octets only, 511 are needed"};
    }
    const unsigned flags = MDB_NOSYNC | MDB_NORDAHEAD | MDB_NOTLS | (through_map ? MDB_WRITEMAP : 0);
    const int rc = mdb_env_open(raw, directory.c_str(), flags, 0600);
    if (rc == ENOMEM) {
        return Error{Code::io, directory + ": " + std::to_string(map_bytes) +
                                   " octets of address space cannot be had; lift the limit (ulimit -v) or lower map_bytes"};
    }
    if (rc != 0) return lmdb_error(rc, directory);
    MDB_envinfo info = {};
    mdb_env_info(raw, &info);
    MDB_stat stat = {};
    mdb_env_stat(raw, &stat);
    if (through_map && stat.ms_psize != page_bytes) return Error{Code::unsupported, "pages are not of 4 KiB"};
    env->map_pages_ = info.me_mapsize / page_bytes;
    int dead = 0;
    mdb_reader_check(raw, &dead);  // readers that a killed process left would pin pages for ever
    if (Status status = env->probe_allocation(); !status) return status.error();
    if (Status status = env->open_tables(directory); !status) return status.error();
    int fd = -1;
    mdb_env_get_fd(raw, &fd);
    if (through_map) env->page_ahead_ = std::make_unique<PageAhead>(find_map(fd));
    return env;
}

// At the start of a batch: what it can add beside pages_per_change of each change.
void Env::count_batch(MDB_txn* txn) {
    MDB_envinfo info = {};
    mdb_env_info(env_, &info);
    MDB_stat stat = {};
    mdb_stat(txn, free_pages_dbi, &stat);
    uint64_t pages = 2 * (stat.ms_branch_pages + stat.ms_leaf_pages + stat.ms_overflow_pages);
    for (const MDB_dbi table : tables_) {
        if (mdb_stat(txn, table, &stat) != 0) continue;
        pages += stat.ms_branch_pages + stat.ms_overflow_pages / (page_bytes / sizeof(size_t) / 2);
    }
    batch_pages_ = info.me_last_pgno + 1 + pages + batch_pages_min;
    if (page_ahead_) page_ahead_->follow(info.me_last_pgno + 1, allocated_pages_);
}

Status Env::allocate() {
    if (allocated_pages_ >= map_pages_) return {};  // LMDB itself says when the map is full
    int fd = -1;
    mdb_env_get_fd(env_, &fd);
    const uint64_t needed = std::min(batch_pages_, map_pages_);
    for (const uint64_t step : {allocation_pages, uint64_t{0}}) {
        const uint64_t pages = std::min(needed + step, map_pages_);
        const auto from = static_cast<off_t>(allocated_pages_ * page_bytes);
        int rc = 0;
        do {
            rc = ::fallocate(fd, 0, from, static_cast<off_t>(pages * page_bytes) - from) == 0 ? 0 : errno;
        } while (rc == EINTR);
        if (rc == 0) {
            allocated_pages_ = pages;
            return {};
        }
        if (rc == EOPNOTSUPP || rc == ENOSYS)
            return Error{Code::unsupported, "the file system cannot allocate space ahead"};
        if (step == 0) return lmdb_error(rc, "allocating " + std::to_string(needed * page_bytes) + " octets for the state");
    }
    return {};
}

// A full disk is no reason against opening: what is there can be read, and every put is refused.
Status Env::probe_allocation() {
    MDB_envinfo info = {};
    mdb_env_info(env_, &info);
    batch_pages_ = info.me_last_pgno + 1 + batch_pages_min;
    Status status = allocate();
    if (status || status.error().code != Code::unsupported) return {};
    allocates_ = false;
    return through_map_ ? status : Status{};
}

uint64_t Env::disk_bytes() const {
    int fd = -1;
    struct stat file = {};
    if (mdb_env_get_fd(env_, &fd) != 0 || ::fstat(fd, &file) != 0) return 0;
    return static_cast<uint64_t>(file.st_blocks) * 512;
}

Status Env::open_tables(const std::string& directory) {
    Result<Txn> txn = begin(0);
    if (!txn) return txn.error();
    MDB_stat stat = {};
    MDB_dbi main = 0;
    if (const int rc = mdb_dbi_open(txn->get(), nullptr, 0, &main); rc != 0) return lmdb_error(rc, directory);
    if (const int rc = mdb_stat(txn->get(), main, &stat); rc != 0) return lmdb_error(rc, directory);
    const bool fresh = stat.ms_entries == 0;
    const unsigned create = fresh ? MDB_CREATE : 0;
    if (fresh) {
        if (Status status = reserve(0); !status) return status;
    }
    const auto open_table = [&](const std::string& name, MDB_dbi* dbi) -> Status {
        const int rc = mdb_dbi_open(txn->get(), name.c_str(), create, dbi);
        if (rc == 0) return {};
        if (rc != MDB_NOTFOUND && rc != MDB_INCOMPATIBLE) return lmdb_error(rc, directory);
        return Error{Code::incompatible, directory + ": the LMDB file there was not written by storage_lmdb (no table '" +
                                             name + "'); choose another directory"};
    };
    if (Status status = open_table("belfry", &meta_); !status) return status;
    for (uint32_t i = 0; i < BELFRY_TABLE_COUNT; ++i) {
        if (Status status = open_table("table" + std::to_string(i), &tables_[i]); !status) return status;
    }
    if (fresh) {
        int rc = put(txn->get(), meta_, key_plugin, plugin_name);
        if (rc == 0) rc = put(txn->get(), meta_, key_format, octets_of(format));
        if (rc != 0) return lmdb_error(rc, directory);
        if (Status status = save_applied(txn->get(), Index{0}); !status) return status;
    } else {
        MDB_val key = to_val(key_plugin), value = {};
        if (mdb_get(txn->get(), meta_, &key, &value) != 0 || from_val(value) != plugin_name) {
            return Error{Code::incompatible, directory + ": the data there belongs to another plugin than storage_lmdb"};
        }
        uint32_t found = 0;
        key = to_val(key_format);
        if (mdb_get(txn->get(), meta_, &key, &value) != 0 || value.mv_size != sizeof(found)) {
            return Error{Code::corrupt, directory + ": the data names no format"};
        }
        std::memcpy(&found, value.mv_data, sizeof(found));
        if (found > format) {
            return Error{Code::incompatible, directory + ": the data has format " + std::to_string(found) +
                                                 ", this release knows formats up to " + std::to_string(format)};
        }
    }
    // Also without changes: only a commit makes the handles known to later transactions.
    if (const int rc = mdb_txn_commit(txn->release()); rc != 0) return lmdb_error(rc, directory);
    return {};
}

Result<Txn> Env::begin(unsigned flags) {
    MDB_txn* txn = nullptr;
    if (const int rc = mdb_txn_begin(env_, nullptr, flags, &txn); rc != 0) return lmdb_error(rc, "mdb_txn_begin");
    Txn owned(txn);
    if ((flags & MDB_RDONLY) == 0) count_batch(txn);
    return owned;
}

Status Env::save_applied(MDB_txn* txn, Index index) {
    if (Status status = reserve(0); !status) return status;
    const int rc = put(txn, meta_, key_applied, octets_of(index.value));
    return rc == 0 ? Status{} : lmdb_error(rc, "the applied index");
}

Result<Index> Env::load_applied(MDB_txn* txn) {
    MDB_val key = to_val(key_applied), value = {};
    if (const int rc = mdb_get(txn, meta_, &key, &value); rc != 0) return lmdb_error(rc, "the applied index");
    Index index;
    if (value.mv_size != sizeof(index.value)) return Error{Code::corrupt, "the applied index has a wrong size"};
    std::memcpy(&index.value, value.mv_data, sizeof(index.value));
    return index;
}

Result<Cursor> Env::cursor(MDB_txn* txn, uint32_t table) {
    MDB_cursor* cursor = nullptr;
    if (const int rc = mdb_cursor_open(txn, tables_[table], &cursor); rc != 0) return lmdb_error(rc, "mdb_cursor_open");
    return Cursor(cursor);
}

}  // namespace belfry::storage_lmdb

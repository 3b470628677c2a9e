#include "plugins/log_lmdb/environment.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "sdk/base/crc32c.hpp"

namespace belfry::log_lmdb {

namespace {

constexpr BytesView fact_plugin = "plugin", fact_format = "format", fact_vote = "vote", fact_boundary = "boundary";
constexpr size_t head_bytes = 8 + 4 + 4;
constexpr uint64_t first_pages = 16;
constexpr uint64_t allocation_pages = 1024;  // of one allocation beyond what is needed; the disk may refuse that

MDB_val to_val(BytesView bytes) { return {bytes.size(), const_cast<char*>(bytes.data())}; }
BytesView from_val(const MDB_val& val) { return {static_cast<const char*>(val.mv_data), val.mv_size}; }

template <class Integer>
void append(Bytes& out, Integer value) {
    out.append(reinterpret_cast<const char*>(&value), sizeof(value));
}
template <class Integer>
Integer load_at(BytesView bytes, size_t at) {
    Integer value;
    std::memcpy(&value, bytes.data() + at, sizeof(value));
    return value;
}
Bytes pair_of(uint64_t first, uint64_t second) {
    Bytes bytes;
    append(bytes, first);
    append(bytes, second);
    return bytes;
}

uint32_t checksum_of(const belfry_log_entry& entry) {
    Bytes head = pair_of(entry.index, entry.term);
    append(head, entry.type);
    return crc32c(crc32c(0, head), plugin::from_c(entry.payload));
}

Code code_of(int rc) {
    switch (rc) {
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

Result<std::unique_ptr<Environment>> Environment::open(const std::string& directory, uint64_t map_bytes, Facts& facts) {
    MDB_env* raw = nullptr;
    if (const int rc = mdb_env_create(&raw); rc != 0) return lmdb_error(rc, "mdb_env_create");
    std::unique_ptr<Environment> environment(new Environment(raw, directory + "/data.mdb"));
    mdb_env_set_maxdbs(raw, 2);
    if (const int rc = mdb_env_set_mapsize(raw, map_bytes); rc != 0) return lmdb_error(rc, "mdb_env_set_mapsize");
    // NOMETASYNC: a commit waits until its pages are on disk, not until the page that names them is; sync() waits for that.
    // NOLOCK: one process, one call at a time.
    const int rc = mdb_env_open(raw, directory.c_str(), MDB_NOMETASYNC | MDB_NOLOCK | MDB_NOTLS, 0600);
    if (rc != 0) return lmdb_error(rc, environment->path_);
    if (Status status = environment->open_trees(); !status) return status.error();
    const Result<Facts> loaded = environment->load();
    if (!loaded) return loaded.error();
    facts = *loaded;
    return environment;
}

Status Environment::open_trees() {
    (void)allocate(first_pages);  // a full disk is no reason against opening what is there
    Result<Txn> txn = begin();
    if (!txn) return txn.error();
    MDB_dbi main = 0;
    MDB_stat stat = {};
    int rc = mdb_dbi_open(txn->get(), nullptr, 0, &main);
    if (rc == 0) rc = mdb_stat(txn->get(), main, &stat);
    if (rc != 0) return lmdb_error(rc, path_);
    const bool fresh = stat.ms_entries == 0;
    const unsigned create = fresh ? MDB_CREATE : 0;
    rc = mdb_dbi_open(txn->get(), "entries", create | MDB_INTEGERKEY, &entries_);
    if (rc == 0) rc = mdb_dbi_open(txn->get(), "facts", create, &facts_);
    if (rc == MDB_NOTFOUND || rc == MDB_INCOMPATIBLE) {
        return Error{Code::incompatible, path_ + ": this LMDB file was not written by log_lmdb; choose another directory"};
    }
    if (rc != 0) return lmdb_error(rc, path_);
    if (!fresh) {
        if (Status status = check_owner(txn->get()); !status) return status;
    } else {
        Bytes number;
        append(number, format);
        Status status = put_fact(txn->get(), fact_plugin, plugin_name);
        if (status) status = put_fact(txn->get(), fact_format, number);
        if (status) status = save_vote(txn->get(), {}, 0);
        if (status) status = save_boundary(txn->get(), {}, {});
        if (!status) return status;
    }
    // Also without changes: only a commit makes the handles known to later transactions.
    if (rc = mdb_txn_commit(txn->release()); rc != 0) return lmdb_error(rc, path_);
    return sync();  // what is told as stored is durable, also what a killed process had not synced
}

Status Environment::check_owner(MDB_txn* txn) {
    MDB_val key = to_val(fact_plugin), value = {};
    if (mdb_get(txn, facts_, &key, &value) != 0 || from_val(value) != plugin_name) {
        return Error{Code::incompatible, path_ + ": the data there belongs to another plugin than log_lmdb"};
    }
    key = to_val(fact_format);
    if (mdb_get(txn, facts_, &key, &value) != 0 || value.mv_size != sizeof(format)) {
        return Error{Code::corrupt, path_ + ": the data names no format"};
    }
    const auto found = load_at<uint32_t>(from_val(value), 0);
    if (found <= format) return {};
    return Error{Code::incompatible, path_ + ": the data has format " + std::to_string(found) +
                                         ", this release knows formats up to " + std::to_string(format)};
}

Result<Facts> Environment::load() {
    const Result<Txn> txn = begin(MDB_RDONLY);
    if (!txn) return txn.error();
    Facts facts;
    for (const BytesView name : {fact_vote, fact_boundary}) {
        MDB_val key = to_val(name), value = {};
        if (mdb_get(txn->get(), facts_, &key, &value) != 0 || value.mv_size != 16) {
            return Error{Code::corrupt, path_ + ": the fact '" + std::string(name) + "' is lost"};
        }
        const auto first = load_at<uint64_t>(from_val(value), 0), second = load_at<uint64_t>(from_val(value), 8);
        if (name == fact_vote) {
            facts.term = {first};
            facts.voted_for = second;
        } else {
            facts.boundary = {first};
            facts.boundary_term = {second};
        }
    }
    facts.last = facts.boundary;
    const Result<Cursor> cursor = entries(txn->get());
    if (!cursor) return cursor.error();
    MDB_val key = {}, value = {};
    int rc = 0;
    while ((rc = mdb_cursor_get(cursor->get(), &key, &value, MDB_NEXT)) == 0) {
        const Result<belfry_log_entry> entry = decode(key, value);
        if (!entry) return entry.error();
        if (entry->index != facts.last.value + 1) {
            return Error{Code::corrupt, path_ + ": entry " + std::to_string(facts.last.value + 1) +
                                            " is missing; restore this member from the others or from a backup"};
        }
        facts.last = {entry->index};
    }
    if (rc != MDB_NOTFOUND) return lmdb_error(rc, path_);
    return facts;
}

Result<belfry_log_entry> Environment::decode(const MDB_val& key, const MDB_val& value) const {
    const BytesView octets = from_val(value);
    belfry_log_entry entry = {};
    if (key.mv_size == sizeof(entry.index)) std::memcpy(&entry.index, key.mv_data, sizeof(entry.index));
    if (octets.size() >= head_bytes) {
        entry.term = load_at<uint64_t>(octets, 0);
        entry.type = load_at<uint32_t>(octets, 8);
        entry.payload = plugin::to_c(octets.substr(head_bytes));
        if (load_at<uint32_t>(octets, 12) == checksum_of(entry)) return entry;
    }
    return Error{Code::corrupt, path_ + ": entry " + std::to_string(entry.index) +
                                    " is damaged; restore this member from the others or from a backup"};
}

Result<Txn> Environment::begin(unsigned flags) {
    MDB_txn* txn = nullptr;
    if (const int rc = mdb_txn_begin(env_, nullptr, flags, &txn); rc != 0) return lmdb_error(rc, path_);
    return Txn(txn);
}

Status Environment::allocate(uint64_t pages) {
    MDB_envinfo info = {};
    mdb_env_info(env_, &info);
    const uint64_t map_pages = info.me_mapsize / page_bytes;  // LMDB itself says when that is full
    const uint64_t needed = std::min(info.me_last_pgno + 1 + pages, map_pages);
    if (needed <= allocated_pages_ || !allocates_) return {};
    int fd = -1;
    mdb_env_get_fd(env_, &fd);
    for (const uint64_t step : {allocation_pages, uint64_t{0}}) {
        const auto length = static_cast<off_t>(std::min(needed + step, map_pages) * page_bytes);
        int rc = 0;
        do {
            rc = ::fallocate(fd, 0, 0, length) == 0 ? 0 : errno;
        } while (rc == EINTR);
        if (rc == 0) return allocated_pages_ = static_cast<uint64_t>(length) / page_bytes, Status{};
        if (rc == EOPNOTSUPP || rc == ENOSYS) return allocates_ = false, Status{};
        if (step == 0) return lmdb_error(rc, path_ + ": cannot be allocated");
    }
    return {};
}

Result<Cursor> Environment::entries(MDB_txn* txn) {
    MDB_cursor* cursor = nullptr;
    if (const int rc = mdb_cursor_open(txn, entries_, &cursor); rc != 0) return lmdb_error(rc, path_);
    return Cursor(cursor);
}

Status Environment::add(MDB_txn* txn, const belfry_log_entry& entry) {
    const BytesView payload = plugin::from_c(entry.payload);
    uint64_t index = entry.index;
    MDB_val key = {sizeof(index), &index}, value = {head_bytes + payload.size(), nullptr};
    // Room in the page, filled in place: the payload is copied once.
    if (const int rc = mdb_put(txn, entries_, &key, &value, MDB_APPEND | MDB_RESERVE); rc != 0)
        return lmdb_error(rc, path_);
    const uint32_t checksum = checksum_of(entry);
    auto* at = static_cast<char*>(value.mv_data);
    std::memcpy(at, &entry.term, 8);
    std::memcpy(at + 8, &entry.type, 4);
    std::memcpy(at + 12, &checksum, 4);
    if (!payload.empty()) std::memcpy(at + head_bytes, payload.data(), payload.size());
    return {};
}

Status Environment::put_fact(MDB_txn* txn, BytesView name, BytesView value) {
    MDB_val k = to_val(name), v = to_val(value);
    const int rc = mdb_put(txn, facts_, &k, &v, 0);
    return rc == 0 ? Status{} : lmdb_error(rc, path_);
}

Status Environment::save_vote(MDB_txn* txn, Term term, uint64_t voted_for) {
    return put_fact(txn, fact_vote, pair_of(term.value, voted_for));
}

Status Environment::save_boundary(MDB_txn* txn, Index boundary, Term term) {
    return put_fact(txn, fact_boundary, pair_of(boundary.value, term.value));
}

Status Environment::drop_entries(MDB_txn* txn) {
    const int rc = mdb_drop(txn, entries_, 0);
    return rc == 0 ? Status{} : lmdb_error(rc, path_);
}

Status Environment::sync() {
    const int rc = mdb_env_sync(env_, 1);
    return rc == 0 ? Status{} : lmdb_error(rc, path_ + ": cannot be synced");
}

uint64_t Environment::disk_bytes() const {
    struct stat file = {};
    int fd = -1;
    if (mdb_env_get_fd(env_, &fd) != 0 || ::fstat(fd, &file) != 0) return 0;
    return static_cast<uint64_t>(file.st_blocks) * 512;
}

}  // namespace belfry::log_lmdb

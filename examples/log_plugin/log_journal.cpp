// A whole log store: the entries in memory, and everything that happened to them at the end of one file.
//
//     file  = "BLFJLOG1" frame*                       sdk/plugin/frame_file.hpp; a frame holds one of
//     entry = u8:1 u64:index u64:term u32:type payload
//     cut   = u8:2 u64:last_index_kept
//     begin = u8:3 u64:boundary_index u64:boundary_term      entries up to there are gone
//     vote  = u8:4 u64:term u64:voted_for
//
// What a crash may take is what no sync had covered: a file beside it, "synced", says how far that was. Damage before it is
// refused, damage after it is cut off.
#include <atomic>
#include <deque>

#include "sdk/plugin/frame_file.hpp"
#include "sdk/plugin/identity.hpp"
#include "sdk/plugin/log_store.hpp"

namespace {

using namespace belfry;
using plugin::FrameFile;
using plugin::image::append;
using plugin::image::load;

constexpr const char* name = "log_journal";
constexpr uint32_t format = 1;
constexpr BytesView magic = "BLFJLOG1";
constexpr BytesView mark_magic = "BLFJMRK1";
constexpr uint64_t garbage_bytes_max = 64 * 1024 * 1024;  // of entries that are gone, before the file is written anew
constexpr size_t fields_bytes = 1 + 8 + 8;                // of begin and vote
constexpr size_t entry_bytes = 1 + 8 + 8 + 4;

enum Kind : char { entry_kind = 1, cut_kind = 2, begin_kind = 3, vote_kind = 4 };

Bytes record(Kind kind, uint64_t first, uint64_t second) {
    Bytes octets(1, kind);
    append(octets, first);
    append(octets, second);
    return octets;
}

struct Entry {
    Term term;
    uint32_t type;
    Bytes payload;
};

// What the file adds up to.
struct Log {
    std::deque<Entry> entries;
    Index boundary;
    Term boundary_term, term;
    uint64_t voted_for = 0;
    uint64_t live_bytes = 0;  // of the entries' frames

    Index last() const { return {boundary.value + entries.size()}; }
    static uint64_t cost_of(const Entry& entry) { return FrameFile::head_bytes + entry_bytes + entry.payload.size(); }

    void add(Entry entry) {
        live_bytes += cost_of(entry);
        entries.push_back(std::move(entry));
    }
    void truncate_after(Index last_kept) {
        for (; last() > last_kept && !entries.empty(); entries.pop_back()) live_bytes -= cost_of(entries.back());
    }
    // Entries past the end of the log: all of it goes.
    void begin_after(Index index, Term index_term) {
        for (; boundary < index && !entries.empty(); boundary = boundary.next(), entries.pop_front())
            live_bytes -= cost_of(entries.front());
        boundary = index;
        boundary_term = index_term;
    }

    // False if the octets are no record, or one that cannot follow what came before.
    bool apply(BytesView octets) {
        const char kind = octets.empty() ? '\0' : octets[0];
        if (octets.size() < (kind == entry_kind ? entry_bytes : fields_bytes)) return false;
        const auto first = load<uint64_t>(octets.data() + 1), second = load<uint64_t>(octets.data() + 9);
        switch (kind) {
            case entry_kind:
                if (first != last().value + 1) return false;
                add({{second}, load<uint32_t>(octets.data() + 17), Bytes(octets.substr(entry_bytes))});
                return true;
            case cut_kind: truncate_after({first}); return true;
            case begin_kind: begin_after({first}, {second}); return true;
            case vote_kind:
                term = {second};
                voted_for = first;
                return true;
            default: return false;
        }
    }
    Bytes entry_record(Index index) const {
        const Entry& entry = entries[index.value - boundary.value - 1];
        Bytes octets = record(entry_kind, index.value, entry.term.value);
        append(octets, entry.type);
        return octets += entry.payload;
    }
};

class JournalLog {
public:
    static Result<std::unique_ptr<JournalLog>> open(const plugin::OpenArguments& arguments) {
        for (const auto& [setting, value] : arguments.settings)
            return Error{Code::invalid_argument, std::string(name) + " knows no setting '" + setting + "'"};
        if (Status status = plugin::check_identity(arguments.directory, name, format); !status) return status.error();
        auto log = std::make_unique<JournalLog>();
        log->directory_ = arguments.directory;
        if (Status status = log->open_files(); !status) return status.error();
        if (Status status = plugin::write_identity(arguments.directory, name, format); !status) return status.error();
        return log;
    }

    Result<plugin::LogState> state() {
        return plugin::LogState{log_.boundary.next(), log_.last(), log_.boundary, log_.boundary_term, log_.term,
                                log_.voted_for,       cut_bytes_};
    }
    Status append(std::span<const belfry_log_entry> entries) {
        for (size_t i = 0; i < entries.size(); ++i) {
            const std::string which = "entry " + std::to_string(entries[i].index);
            if (entries[i].index != log_.last().value + 1 + i)
                return Error{Code::invalid_argument, which + " leaves a gap"};
            if (entries[i].payload.size > BELFRY_LOG_PAYLOAD_BYTES_MAX)
                return Error{Code::too_large, which + " is larger than 16 MiB"};
        }
        const Index before = log_.last();
        const uint64_t end = end_;
        for (const belfry_log_entry& entry : entries) {
            log_.add({{entry.term}, entry.type, Bytes(plugin::from_c(entry.payload))});
            Status status = write(log_.entry_record(log_.last()));
            if (status) continue;
            log_.truncate_after(before);  // nothing of it may remain
            end_ = end;
            const Status clean = file_->cut(end);
            return clean ? status : clean;
        }
        return {};
    }
    Status truncate_after(Index last_kept) {
        if (last_kept < log_.boundary) return Error{Code::invalid_argument, "cannot truncate before the log's beginning"};
        if (last_kept >= log_.last()) return {};
        log_.truncate_after(last_kept);
        return write(record(cut_kind, last_kept.value, 0));
    }
    // The mark comes after what it speaks of.
    Status sync() {
        if (Status status = file_->sync(); !status) return status;
        return mark(end_);
    }
    Status read(Index first, const plugin::LogVisitor& visitor) {
        if (first <= log_.boundary) return Error{Code::compacted, "entry " + std::to_string(first.value) + " is compacted"};
        for (Index index = first; index <= log_.last(); index = index.next()) {
            const Entry& entry = log_.entries[index.value - log_.boundary.value - 1];
            if (!visitor({index.value, entry.term.value, entry.type, 0, plugin::to_c(BytesView(entry.payload))})) break;
        }
        return {};
    }
    Status compact(Index first_kept) {
        if (first_kept > log_.last().next()) return Error{Code::invalid_argument, "cannot compact past the end of the log"};
        if (first_kept <= log_.boundary.next()) return {};
        const Index boundary{first_kept.value - 1};
        const Term boundary_term = log_.entries[boundary.value - log_.boundary.value - 1].term;
        log_.begin_after(boundary, boundary_term);
        if (end_ > 2 * log_.live_bytes + garbage_bytes_max) return rewrite();
        return write(record(begin_kind, boundary.value, boundary_term.value));
    }
    Status reset(Index boundary, Term boundary_term) {
        log_.truncate_after(log_.boundary);
        log_.begin_after(boundary, boundary_term);
        return rewrite();
    }
    Status save_vote(Term term, uint64_t voted_for) {
        log_.term = term;
        log_.voted_for = voted_for;
        if (Status status = write(record(vote_kind, voted_for, term.value)); !status) return status;
        return sync();
    }
    Result<plugin::LogStoreStats> stats() { return plugin::LogStoreStats{end_, 1}; }

private:
    Status open_files() {
        const auto marks = FrameFile::open(directory_ + "/synced", mark_magic);
        if (!marks) return marks.error();
        marks_ = *marks;
        uint64_t synced = 0;
        const auto read = marks_->read(marks_->size(), 0, [&](BytesView octets) {
            synced = octets.size() == sizeof(synced) ? load<uint64_t>(octets.data()) : 0;
            return synced != 0;
        });
        if (!read) return read.error();
        const auto file = FrameFile::open(path(), magic);
        if (!file) return file.error();
        file_ = *file;
        const auto end = file_->read(file_->size(), synced, [this](BytesView octets) { return log_.apply(octets); });
        if (!end) return end.error();
        if (*end < synced) return file_->damaged(*end);
        cut_bytes_ = file_->size() - *end;
        end_ = *end;
        return cut_bytes_ > 0 ? file_->cut(*end) : Status();
    }
    std::string path() const { return directory_ + "/log"; }

    Status write(const Bytes& octets) {
        const auto end = file_->write(end_, octets);
        if (!end) return end.error();
        end_ = *end;
        return {};
    }
    // The one frame of the file of marks. It need not be durable: an older one only trusts less.
    Status mark(uint64_t end) {
        Bytes octets;
        plugin::image::append(octets, end);
        const auto written = marks_->write(FrameFile::magic_bytes, octets);
        return written ? Status() : written.error();
    }

    // A file of what is left, durable with its name. If it cannot be made, the former one stays.
    Status rewrite() {
        const auto file = FrameFile::open(path() + ".new", magic, O_TRUNC);
        if (!file) return file.error();
        const auto former = std::exchange(file_, *file);
        const uint64_t former_end = end_.exchange(FrameFile::magic_bytes);
        const Status status = fill_and_rename();
        if (status) return status;
        file_ = former;
        end_ = former_end;
        return status;
    }
    // While names change nothing is trusted.
    Status fill_and_rename() {
        Status status = write(record(vote_kind, log_.voted_for, log_.term.value));
        if (status) status = write(record(begin_kind, log_.boundary.value, log_.boundary_term.value));
        for (Index index = log_.boundary.next(); status && index <= log_.last(); index = index.next())
            status = write(log_.entry_record(index));
        if (status) status = file_->sync();
        if (status) status = mark(0);
        if (status) status = marks_->sync();
        if (status) status = file_->rename_to(path());
        if (status) status = plugin::write_identity(directory_, name, format);  // makes the folder durable as well
        return status ? mark(end_) : status;
    }

    std::string directory_;
    std::shared_ptr<FrameFile> file_, marks_;
    Log log_;
    std::atomic<uint64_t> end_ = 0;  // of the last whole frame; stats() reads it on any thread
    uint64_t cut_bytes_ = 0;
};

}  // namespace

BELFRY_PLUGIN(log_journal, "1.0.0", "Keeps the log in memory and in a file.", belfry::plugin::log_store<JournalLog>())

// One member of a simulated cluster: a Raft, its log in memory and on disk, its state (a running digest of what it
// applied).
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "hub/raft/raft.hpp"
#include "hub/raft/read_barrier.hpp"
#include "tests/sim/random.hpp"

namespace belfry::sim {

// A message and, for a snapshot, the state that goes with it.
struct Packet {
    uint64_t to = 0;
    hub::raft::Message message;
    uint64_t digest = 0;
};

class MemberWorld {
public:
    virtual ~MemberWorld() = default;
    virtual uint64_t now_ms() const = 0;
    virtual Random& random() = 0;
    virtual void after(uint64_t delay_ms, std::function<void()> what) = 0;
    virtual void send(uint64_t from, Packet packet) = 0;
    virtual void applied(uint64_t member, Index index, const hub::raft::Entry& entry, uint64_t digest) = 0;
    virtual void leads(uint64_t member, Term term) = 0;
    virtual void fail(const std::string& what) = 0;
    virtual void trace(const std::string& line) = 0;
    virtual uint64_t digest_at(Index index) const = 0;
    virtual Index newest_applied() const = 0;  // by any member, ever
};

class SimMember {
public:
    // `bootstrap`: the first entry of a cluster's first members; none for a member that joins.
    // `ask_before_reads` false: a leader believes that it is one; only to show that it must not.
    SimMember(MemberWorld& world, uint64_t id, const hub::raft::Guards& guards, bool ask_before_reads,
              std::optional<hub::raft::Entry> bootstrap);

    uint64_t id() const { return id_; }
    bool up() const { return raft_ != nullptr; }
    void start();
    // The machine goes down: what was not durable is lost, and of a write under way all but a beginning.
    void crash();
    void receive(const Packet& packet);
    // The answer comes when this member applies the entry; never, if it goes down or another entry takes the place.
    bool submit(Bytes payload, std::function<void(Index)> acknowledged);
    // A linearizable read; the world hears of it if it sees less than was applied anywhere when it came.
    void read();
    void change(const hub::raft::MemberChange& change);
    void catch_up(uint64_t id);
    void transfer(uint64_t id);
    void take_snapshot();
    void stall_disk(uint64_t ms) { disk_ready_ms_ = std::max(disk_ready_ms_, world_.now_ms() + ms); }

    const hub::raft::Raft& raft() const { return *raft_; }
    Index applied() const { return applied_; }
    uint64_t digest() const { return digest_; }
    uint64_t installs() const { return installs_; }
    uint64_t reads() const { return reads_; }

private:
    using Entries = std::deque<hub::raft::Entry>;
    struct Log {
        Index boundary;
        Term boundary_term;
        Entries entries;
        Index last() const { return Index{boundary.value + entries.size()}; }
        const hub::raft::Entry& at(Index index) const { return entries.at(index.value - boundary.value - 1); }
        void truncate_after(Index index) { entries.resize(index.value - boundary.value); }
        void drop_to(Index index, Term term);
    };
    struct Disk {
        hub::raft::Vote vote;
        Log log;
        Index snapshot;
        uint64_t snapshot_digest = 0;
        Index configuration_index;  // in force at the log's boundary
        Bytes configuration;
    };
    struct Write {
        std::optional<hub::raft::Install> install;
        std::optional<Index> truncate_after;
        std::vector<hub::raft::Entry> entries;
        uint64_t generation = 0;
        uint64_t digest = 0;  // of install
    };

    void act(hub::raft::Effects& effects);
    void send(hub::raft::Message message);
    void write(Write job);
    void finish_write();
    void carry_out(const Write& job);
    void apply();
    void serve_reads();
    void arm();
    bool check(const Status& status, const char* what);

    MemberWorld& world_;
    const uint64_t id_;
    const hub::raft::Guards guards_;
    const bool ask_before_reads_;
    Disk disk_;
    uint64_t life_ = 0;  // things meant for an earlier one are void

    // Gone with a crash:
    std::unique_ptr<hub::raft::Raft> raft_;
    Log memory_;
    std::deque<Write> writes_;
    uint64_t generation_ = 0;  // of the log on disk
    uint64_t disk_ready_ms_ = 0;
    uint64_t armed_for_ms_ = 0;
    uint64_t incoming_digest_ = 0;  // of the snapshot in the message that is being received
    Index applied_;
    uint64_t digest_ = 0;
    Index durable_;
    std::map<uint64_t, std::pair<Term, std::function<void(Index)>>> waiting_;  // by index
    uint64_t installs_ = 0;
    struct Read {
        uint64_t number = 0;
        Index newest;                // applied anywhere when it came
        std::optional<Index> index;  // to be applied first
    };
    std::optional<hub::raft::ReadBarrier> barrier_;
    std::deque<Read> reading_;
    uint64_t reads_ = 0;
};

}  // namespace belfry::sim

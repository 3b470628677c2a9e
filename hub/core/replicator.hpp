// What goes to other members: fills the entries into AppendEntries messages, from memory or from the log, and splits them.
//
//     Raft's messages ─▶ add() ─▶ per member: in order, as far as the entries are at hand ─▶ out
//                                     │ older entries                  ▲
//                                     ▼                                │
//                                 wants_read() ─▶ the log store ─▶ on_read()
//
// It keeps the newest entries of the log in memory: all that is not durable here yet, and as much before that as the bound
// allows. Pure; one thread.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "hub/core/core.hpp"
#include "hub/core/sent_marks.hpp"

namespace belfry::hub::core {

class Replicator {
public:
    // The Raft outlives the replicator. `bytes_max`: payloads kept of what is durable, if there is anybody to send it to.
    Replicator(const raft::Raft& raft, size_t bytes_max) : raft_(raft), bytes_max_(bytes_max) {}

    // ---- the log's newest entries ----
    void append(const raft::Entry& entry);
    void truncate_after(Index last_kept);
    void forget_entries();  // a snapshot takes their place
    void trim(Index durable);
    const raft::Entry* find(Index index) const;  // NULL: not in memory; valid until the next change

    // ---- messages ----
    // What an InstallSnapshot is to offer; index 0: nothing, then such messages are dropped. A member that is fetching the
    // one before goes on with that: beginning again at each new one it might never come to an end.
    void offer(raft::InstallSnapshot snapshot) { previous_offer_ = std::exchange(offer_, std::move(snapshot)); }
    // The snapshot before the newest, if a member is still fetching it: it will need the log from that entry on
    // (the entry itself too: Raft asks for its term). 0 = nobody is.
    Index fetched_still() const;
    // Never fails: what cannot be filled or is one too many is dropped, Raft asks again. Entries that the member was sent
    // already are left out.
    void add(raft::Message message, std::vector<MemberMessage>& out);
    // Before Raft sees it: a member that refuses entries has lost some of those before.
    void note(const raft::Message& received, uint64_t now_ms);
    // The entries that the oldest waiting message needs from the log.
    std::optional<ReadEntries> wants_read();
    // The answer; what still lacks entries goes on waiting.
    void on_read(const std::vector<raft::Entry>& entries, std::vector<MemberMessage>& out);

private:
    using Queue = std::deque<raft::Message>;
    // Gives `find` for each entry of the message, in parts; true when all of it has left.
    template <class Find>
    bool send(raft::Message& message, Find find_entry, std::vector<MemberMessage>& out);
    void leave_out_sent(raft::Message& message) const;
    bool is_current(const raft::Message& message) const;
    const raft::InstallSnapshot& offer_to(uint64_t peer);
    bool still_fetches(uint64_t peer, Index offered) const;

    const raft::Raft& raft_;
    const size_t bytes_max_;
    std::deque<raft::Entry> entries_;  // contiguous
    size_t bytes_ = 0;
    SentMarks sent_;
    std::map<uint64_t, Queue> waiting_;  // by member; AppendEntries only
    uint64_t read_for_ = 0;              // the member whose first message the read under way is for
    raft::InstallSnapshot offer_;
    raft::InstallSnapshot previous_offer_;
    std::map<uint64_t, Index> offered_;  // by member; what it was offered last
};

}  // namespace belfry::hub::core

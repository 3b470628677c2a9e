// A core with a log made of vectors, for tests: what was written, what of it is durable, what was answered.
#pragma once

#include <catch2/catch_test_macros.hpp>

#include "hub/core/core.hpp"
#include "hub/plugin/plugin.hpp"

extern "C" const belfry_plugin_descriptor* belfry_plugin_entry_storage_memory(const belfry_host_v1*, belfry_error*);

namespace belfry::hub::core {

// The one filter kind these tests need.
extern const belfry_filter_v1 prefix_filter;

class World {
public:
    explicit World(Options options = default_options());
    static Options default_options();

    // ---- the process ----
    void start();
    void crash() {  // the store keeps what it committed
        core.reset();
        if (store->in_batch()) store->rollback();
    }
    void lose_unsynced();  // with it the machine: the log keeps what is durable, the store nothing
    void restart(bool machine_too = false);

    // ---- the clients ----
    uint64_t send(protocol::RequestOp op, protocol::Ticket ticket = {});     // one request in a round of its own; its id
    uint64_t enqueue(protocol::RequestOp op, protocol::Ticket ticket = {});  // without ending the round
    uint64_t try_out(protocol::RequestOp op);                                // a dry run
    const protocol::Reply* reply(uint64_t id) const;
    uint64_t put(const Bytes& key, const Bytes& value);
    protocol::Reply write(protocol::RequestOp op);  // send, sync, and the reply
    Bytes get(const Bytes& key);                    // "(none)", or "(error: ...)"

    // ---- the disk ----
    void sync();  // makes what is written durable and tells the core, until nothing is left
    size_t unsynced() const { return written.size() - durable; }
    void give_read();                                            // answers Output.read
    std::pair<Index, Bytes> snapshot();                          // takes one and tells the core, which may cut the log
    void install(const Bytes& image, const Boundary& boundary);  // what Output.install asks for

    void step(Input input);
    void flush();
    void pass(uint64_t ms);  // time goes by

    Options options;
    plugin::Filters filters;
    CompileRule compile_rule = no_rules;
    std::unique_ptr<plugin::Authority> authority;  // none: everybody may do everything
    std::shared_ptr<const Bytes> credential;       // of the frames that clients send from now on
    std::shared_ptr<const Bytes> public_key;       // that their connections have
    Labels labels;                                 // of their writes
    std::unique_ptr<plugin::StateStore> store;
    std::unique_ptr<Core> core;
    Instant now{1'000'000, 1'700'000'000'000};
    bool log_is_full = false;

    raft::Vote vote;
    std::vector<raft::Entry> written;  // after the boundary
    size_t durable = 0;                // of `written`
    Index boundary;
    Term boundary_term;
    raft::Entry configuration;

    std::vector<OutgoingReply> replies;
    std::vector<feed::Message> deliveries;
    std::optional<protocol::JoinMessage> join;
    std::optional<ReadEntries> read;
    std::vector<MemberMessage> messages;
    std::optional<Fetch> fetch;
    bool take_snapshot = false;
    std::vector<ReadBackupPiece> backup_pieces;
    std::vector<WriteQuestions> questions;
    std::vector<PasswordQuestion> logins;
    std::vector<Audit> audit;
    std::optional<ClientKeys> keys;  // told last
    std::optional<Index> compact_to;
    std::optional<Boundary> to_install;
    uint64_t generation = 0;
    std::optional<Error> fatal;
    uint64_t wake_at_ms = 0;
    bool may_end = false;
    Bytes trace;  // everything that came out, as text

private:
    void open_store();
    void act();
    Output output_;
    Index refused_from_;  // a full log has not taken the entries from here on
    uint64_t next_id_ = 1;
};

// It has started and leads.
struct Ready : World {
    explicit Ready(Options wanted = default_options()) : World(wanted) {
        start();
        sync();
    }
};

inline protocol::PutRequest put_of(const Bytes& key, const Bytes& value) { return {key, value, {}, false}; }

}  // namespace belfry::hub::core

// A write on its way to the proposer, at the leader.
//
//   on_write ─▶ may he? ─▶ policies ─▶ proposer      a dry run: tried on the state as it is, and forgotten
//                           │    ▲
//                           ▼    │ RulesAnswered
//                      slow rules (the shell's thread)
#include <algorithm>

#include "hub/core/impl.hpp"
#include "sdk/protocol/codec.hpp"

namespace belfry::hub::core {

namespace {

// Writes that wait for slow rules: each holds its request, and one such rule may take seconds.
constexpr size_t asked_max = 1024;
constexpr size_t asked_bytes_max = 64 * 1024 * 1024;  // of those requests, and of the values that the rules are shown

// REQUIRES: can_change(op), or a transaction.
log::Command command_of(protocol::Request& request) {
    log::Command command{
        std::move(request.author), std::move(request.comment), {}, request.ticket, std::move(request.labels)};
    if (auto* put = std::get_if<protocol::PutRequest>(&request.op)) command.op = std::move(*put);
    if (auto* erase = std::get_if<protocol::DeleteRequest>(&request.op)) command.op = std::move(*erase);
    if (auto* txn = std::get_if<protocol::TxnRequest>(&request.op)) command.op = std::move(*txn);
    if (auto* compact = std::get_if<protocol::CompactRequest>(&request.op)) command.op = *compact;
    if (auto* change = std::get_if<protocol::RecordChangeRequest>(&request.op)) command.op = std::move(*change);
    if (auto* grant = std::get_if<protocol::LeaseGrantRequest>(&request.op)) command.op = *grant;
    if (auto* revoke = std::get_if<protocol::LeaseRevokeRequest>(&request.op)) command.op = log::LeaseRevoke{revoke->lease};
    return command;
}

// That entries of this format follow (releases.hpp).
log::Command announcement(uint64_t format) {
    return {"belfry",
            "every member reads it",
            protocol::RecordChangeRequest{Releases::record_name, false, Releases::content_of(format), {}},
            {}};
}

}  // namespace

uint64_t format_of(const protocol::Request& request) {
    if (is_about_leases(request.op)) return log::entry_format_leases;  // of an older leader none of them is understood
    if (!protocol::can_change(request.op)) return 0;
    protocol::Request copy = request;
    return log::format_of(command_of(copy));
}

void Core::Impl::on_write(RequestReceived& input, Instant now, Output& output) {
    const Client client{input.connection, input.request.id, false};
    auto writable = can_write_now();
    if (writable && proposer_.full()) writable = Error{Code::busy, "too many writes wait to be proposed"};
    if (!writable) return answer(client.connection, client.request, writable.error(), output);
    if (!is_permitted(input, now, output)) return;
    if (!may_revoke(input, output)) return;
    if (!input.checked && !check_policies(input, output)) return;
    if (input.request.dry_run) {
        const Status readable = may_write(format_of(input.request));
        if (!readable) return answer(client.connection, client.request, readable.error(), output);
        return try_out(input, now, output);
    }
    const auto reach = keyspace_.check_reach(input.request.op, limits::scan_keys_max);
    if (!reach) return answer(client.connection, client.request, reach.error(), output);
    count(input.request.op);
    const size_t bytes = protocol::approximate_bytes(input.request);
    log::Command command = command_of(input.request);
    name_lease(command);
    if (options_.plants.forget_tickets) command.ticket = {};
    if (Status readable = all_can_read(command); !readable) {
        return answer(client.connection, client.request, readable.error(), output);
    }
    proposer_.add(client, std::move(command), bytes, *reach);
}

Status Core::Impl::may_write(uint64_t format) const {
    if (format <= announced_format_) return {};
    return releases_.may_write(format, members_, leads_since_ms_, now_ms_);
}

// The announcement stands in the log before what it allows. Whoever leads next finds it there.
Status Core::Impl::all_can_read(const log::Command& command) {
    const uint64_t format = log::format_of(command);
    if (format <= std::max(releases_.allowed(), announced_format_)) return {};
    if (Status may = may_write(format); !may) return may;
    announced_format_ = format;
    proposer_.add({0, 0, true}, announcement(format), sizeof(protocol::RecordChangeRequest));
    if (proposer_.full()) return Error{Code::busy, "too many writes wait to be proposed"};
    return {};
}

void Core::Impl::count(const protocol::RequestOp& op) {
    if (std::holds_alternative<protocol::PutRequest>(op)) ++counters_.puts;
    if (std::holds_alternative<protocol::DeleteRequest>(op)) ++counters_.deletes;
    if (std::holds_alternative<protocol::TxnRequest>(op)) ++counters_.txns;
    if (std::holds_alternative<protocol::CompactRequest>(op)) ++counters_.compactions;
}

// ---- policies ----

// False: it is answered, or waits for somebody.
bool Core::Impl::check_policies(RequestReceived& input, Output& output) {
    const auto refuse_write = [&](const Error& why) {
        answer(input.connection, input.request.id, why, output);
        return false;
    };
    if (const auto* change = std::get_if<protocol::RecordChangeRequest>(&input.request.op)) {
        const bool about_access = change->name.starts_with(auth::prefix);
        const Status understood = about_access ? access_.check_record(*change) : policies_.check_record(*change);
        return understood ? true : refuse_write(understood.error());
    }
    if (policies_.count() == 0) return true;
    auto questions = policies_.questions(input.request.op, keyspace_);
    if (!questions) return refuse_write(questions.error());
    std::vector<RuleQuestion> slow;
    for (RuleQuestion& question : questions->all) {
        if (question.rule->may_block()) {
            slow.push_back(std::move(question));
        } else if (const Status accepted = question.ask(); !accepted) {
            return refuse_write(accepted.error());
        }
    }
    if (slow.empty()) return true;
    if (asked_.size() >= asked_max || asked_bytes_ >= asked_bytes_max) {
        return refuse_write({Code::busy, "too many writes wait for slow validators"});
    }
    output.questions.push_back({++last_asked_, std::move(slow)});
    const size_t bytes = protocol::approximate_bytes(input.request) + questions->value_bytes;
    asked_bytes_ += bytes;
    asked_.emplace(last_asked_, Asked{std::move(input), bytes});
    return false;
}

void Core::Impl::on(RulesAnswered& input, Instant now, Output& output) {
    auto found = asked_.extract(input.write);
    if (found.empty()) return;
    asked_bytes_ -= found.mapped().bytes;
    RequestReceived write = std::move(found.mapped().write);
    if (!input.verdict) return answer(write.connection, write.request.id, input.verdict.error(), output);
    write.checked = true;
    role() == raft::Role::leader ? lead(write, now, output) : resume(write, now, output);
}

Status Core::Impl::load_policies() {
    std::vector<protocol::Record> all;
    for (protocol::RecordsRequest page{Bytes(protocol::policy_prefix), {}};;) {
        auto records = keyspace_.records(page);
        if (!records) return records.error();
        for (protocol::Record& record : records->records) all.push_back(std::move(record));
        if (!records->more) break;
        page.after = all.back().name;
    }
    policies_.set(all);
    return load_allowed_format();
}

Status Core::Impl::load_allowed_format() {
    const auto records = keyspace_.records({Releases::record_name, {}});
    if (!records) return records.error();
    const uint64_t format = records->records.empty() ? 0 : Releases::format_in(records->records[0].content);
    if (format > options_.entry_format) {
        return Error{Code::incompatible, "the members of this cluster write log entries of format " +
                                             std::to_string(format) + ", and this one reads up to " +
                                             std::to_string(options_.entry_format) + ": run a newer release"};
    }
    releases_.set_allowed(format);
    return {};
}

// ---- without a log entry ----

// A dry run, or a transaction that only reads: it runs on the state as it is, in a batch that is thrown away.
void Core::Impl::try_out(RequestReceived& input, Instant now, Output& output) {
    const auto connection = input.connection;
    const auto id = input.request.id;
    if (auto readable = can_read(); !readable) return answer(connection, id, readable.error(), output);
    const auto reach = keyspace_.check_reach(input.request.op, limits::scan_keys_max);
    if (!reach) return answer(connection, id, reach.error(), output);
    ++counters_.other_reads;
    if (auto committed = commit_held(); !committed) {
        on_apply_error(committed.error(), now, output);
        return answer(connection, id, committed.error(), output);
    }
    if (auto begun = store_.begin(); !begun) return answer(connection, id, begun.error(), output);
    log::Command command = command_of(input.request);
    name_lease(command);
    auto applied = keyspace_.apply(command, keyspace_.time_ms(), model::Keyspace::Tell::nothing);
    if (auto forgotten = forget_batch(); !forgotten) return stop(forgotten.error(), output);
    if (!applied) return answer(connection, id, applied.error(), output);
    if (!applied->reply) return answer(connection, id, applied->reply.error(), output);
    protocol::Reply reply{id, keyspace_.revision(), {}, *std::move(applied->reply)};
    const bool fits = (connection & member_connection_bit) == 0 ||
                      protocol::approximate_bytes(reply) <= limits::forwarded_reply_bytes_max;
    if (!fits) return answer(connection, id, Error{Code::too_large, too_large_to_forward}, output);
    deliver({connection, std::move(reply), {}}, output);
}

}  // namespace belfry::hub::core

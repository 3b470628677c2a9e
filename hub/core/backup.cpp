// Backups: a copy of the state store that holds all that was acknowledged when the client asked, handed out in pieces. The
// copy is a snapshot like any other; the shell keeps its file while it is being read.
#include <algorithm>

#include "hub/core/impl.hpp"

namespace belfry::hub::core {

namespace {

// As many as the shell keeps files of.
constexpr size_t copies_max = 2;
// Pieces that are being read: each takes a mebibyte until its client has it.
constexpr size_t pieces_in_flight_max = 16;

}  // namespace

void Core::Impl::on_backup(const RequestReceived& input, Instant now, Output& output) {
    const auto& op = std::get<protocol::BackupRequest>(input.request.op);
    const auto refuse = [&](Error why) { answer(input.connection, input.request.id, std::move(why), output); };
    if (op.index != 0) return read_copy(input, Index{op.index}, op.offset, output);
    const Index at_least = op.at_least != 0 ? Index{op.at_least} : applied_;
    if (at_least > applied_) {
        return refuse({Code::invalid_argument, "backup: there is no entry " + std::to_string(op.at_least) + " here"});
    }
    if (!copies_.empty() && copies_.back().index >= at_least) return read_copy(input, copies_.back().index, 0, output);
    if (!snapshot_running_ && now.monotonic_ms < snapshot_not_before_ms_) return refuse(snapshot_error_);
    if (op.at_least == 0) audit_administration(input, "backup", output);
    if (!snapshot_running_) begin_snapshot(now, output);
    protocol::BackupReply reply;
    reply.at_least = at_least.value;
    deliver({input.connection, {input.request.id, keyspace_.revision(), {}, std::move(reply)}, {}}, output);
}

void Core::Impl::read_copy(const RequestReceived& input, Index index, uint64_t offset, Output& output) {
    const auto known = [&](const Copy& copy) { return copy.index == index; };
    if (std::none_of(copies_.begin(), copies_.end(), known)) {
        return answer(input.connection, input.request.id,
                      Error{Code::not_found, "this member does not keep the copy at entry " + std::to_string(index.value) +
                                                 "; begin the backup again"},
                      output);
    }
    if (backup_pieces_in_flight_ >= pieces_in_flight_max) {
        return answer(input.connection, input.request.id, Error{Code::busy, "too many backups are being made"}, output);
    }
    ++backup_pieces_in_flight_;
    output.backup_pieces.push_back({input.connection, input.request.id, index, offset});
}

void Core::Impl::on(BackupPieceRead& input, Instant, Output& output) {
    --backup_pieces_in_flight_;
    const auto copy = std::find_if(copies_.begin(), copies_.end(), [&](const Copy& c) { return c.index == input.index; });
    if (!input.piece || copy == copies_.end()) {
        Error why = input.piece ? Error{Code::not_found, "newer copies took this one's place; begin the backup again"}
                                : std::move(input.piece).error();
        return answer(input.connection, input.request, std::move(why), output);
    }
    protocol::BackupReply reply{0,
                                options_.epoch,
                                copy->index.value,
                                copy->term.value,
                                copy->revision,
                                options_.store_plugin,
                                input.file_bytes,
                                *std::move(input.piece)};
    deliver({input.connection, {input.request, keyspace_.revision(), {}, std::move(reply)}, {}}, output);
}

// The snapshot of this index has been made.
void Core::Impl::keep_copy(Index index) {
    const auto committed = std::find_if(committed_meanwhile_.begin(), committed_meanwhile_.end(),
                                        [&](const auto& point) { return point.first == index; });
    const Revision revision = committed == committed_meanwhile_.end() ? Revision{} : committed->second;
    committed_meanwhile_.clear();
    std::erase_if(copies_, [&](const Copy& copy) { return copy.index == index; });
    copies_.push_back({index, raft_->term_of(index), revision});
    if (copies_.size() > copies_max) copies_.pop_front();
}

}  // namespace belfry::hub::core

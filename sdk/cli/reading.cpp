#include "sdk/cli/reading.hpp"

namespace belfry::cli {

namespace {

std::optional<uint64_t> number_in(const protocol::StatusReply& status, std::string_view figure) {
    for (const auto& [name, value] : status.figures) {
        const auto* number = std::get_if<uint64_t>(&value);
        if (name == figure && number != nullptr) return *number;
    }
    return std::nullopt;
}

}  // namespace

Result<Revision> walk_snapshot(Client& client, const protocol::FilterSpec& filter, Revision at,
                               const std::function<Status(const KeyValue&)>& visit) {
    protocol::SnapshotRequest request;
    request.filter = filter;
    request.at = at;
    while (true) {
        auto chunk = answer_of<protocol::SnapshotReply>(client.call(request));
        if (!chunk) return chunk.error();
        for (const KeyValue& kv : chunk->kvs) {
            if (auto status = visit(kv); !status) return status.error();
        }
        request.at = chunk->at;
        if (!chunk->more) return chunk->at;
        if (chunk->after_key.empty() && !chunk->kvs.empty()) chunk->after_key = chunk->kvs.back().key;
        if (chunk->after_key <= request.after_key)
            return Error{Code::corrupt, "the hub gave a chunk of a snapshot that does not go on"};
        request.after_key = chunk->after_key;
    }
}

Result<Revision> walk_changes(Client& client, const protocol::FilterSpec& filter, Revision from, Revision to,
                              const std::function<Status(const ChangeSet&)>& visit) {
    protocol::ChangesRequest request;
    request.filter = filter;
    request.from = from;
    request.to = to;
    while (true) {
        auto chunk = client.changes(request);
        if (!chunk) return chunk.error();
        for (const ChangeSet& change : chunk->changes) {
            if (auto status = visit(change); !status) return status.error();
        }
        if (!chunk->more) return chunk->to;
        if (chunk->to <= request.from) return Error{Code::corrupt, "the hub gave a piece of history that does not go on"};
        request.from = chunk->to;
    }
}

Result<Revision> newest_revision(Client& client, const protocol::FilterSpec& filter) {
    protocol::ChangesRequest request;
    request.filter = filter;
    request.to = {1};                               // the least work; every answer tells the hub's revision
    const auto reply = client.send(request).get();  // not call(): a refusal names the revision too
    if (!reply) return reply.error();
    if (reply->error.code != Code::ok && reply->error.code != Code::compacted) return reply->error;
    return reply->revision;
}

Result<Revision> newest_revision(const protocol::StatusReply& status) {
    if (const auto newest = number_in(status, "revision")) return Revision{*newest};
    return Error{Code::incompatible, "the hub's status has no figure 'revision'"};
}

Revision oldest_kept(const protocol::StatusReply& status) { return {number_in(status, "compacted").value_or(0) + 1}; }

protocol::FilterSpec filter_of(std::string_view spec, std::string_view kind) {
    protocol::FilterSpec filter;
    filter.kind = kind.empty() ? "prefix" : std::string(kind);
    filter.spec = Bytes(spec);
    return filter;
}

}  // namespace belfry::cli

// Reading from a hub; much of it piece by piece: nothing is held that was already handed over.
#pragma once

#include <functional>

#include "sdk/client/client.hpp"

namespace belfry::cli {

// The answer of the kind that was asked for.
template <class Answer>
Result<Answer> answer_of(Result<protocol::Reply> reply) {
    if (!reply) return reply.error();
    if (reply->error.code != Code::ok) return reply->error;
    if (auto* answer = std::get_if<Answer>(&reply->result)) return std::move(*answer);
    return Error{Code::incompatible, "the hub answered with another kind of message"};
}

// Hands over the filter's keys at a revision (0 = newest), in key order; answers with the revision they all belong to.
// `visit` may refuse; the walk then ends with its error.
Result<Revision> walk_snapshot(Client& client, const protocol::FilterSpec& filter, Revision at,
                               const std::function<Status(const KeyValue&)>& visit);

// Hands over the filter's change sets in (from, to], oldest first; to = 0: up to the newest. Answers with the last
// revision.
Result<Revision> walk_changes(Client& client, const protocol::FilterSpec& filter, Revision from, Revision to,
                              const std::function<Status(const ChangeSet&)>& visit);

// The hub's newest revision, asked with a filter that it must know and let this user read: a subscription of another would
// go on trying for ever.
Result<Revision> newest_revision(Client& client, const protocol::FilterSpec& filter);
// The same of whoever may see the status.
Result<Revision> newest_revision(const protocol::StatusReply& status);

// The first revision whose changes are still kept, as far as the hub's status tells (1 otherwise).
Revision oldest_kept(const protocol::StatusReply& status);

// The filter's words as the command line gave them; kind defaults to "prefix".
protocol::FilterSpec filter_of(std::string_view spec, std::string_view kind);

}  // namespace belfry::cli

// How clients and subscribers ask: a request on its way, and what comes back.
#pragma once

#include <functional>

#include "sdk/base/error.hpp"
#include "sdk/protocol/messages.hpp"

namespace belfry::sim {

struct Call {
    protocol::RequestOp op;
    Bytes comment;  // of a write: like no other, so that it is known again in the log
    protocol::Ticket ticket = {};
    Labels labels = {};
};

// Sends a request; the answer comes later, twice, or never.
using Answer = std::function<void(Result<protocol::Reply>)>;
using Send = std::function<void(Call, Answer)>;

// What became of it, also where there is no answer.
inline Code code_of(const Result<protocol::Reply>& reply) { return reply ? reply->error.code : reply.error().code; }
// The one key that was asked for. NULL: it is not there, or this is no range.
inline const KeyValue* first_of(const protocol::RangeReply* range) {
    return range == nullptr || range->kvs.empty() ? nullptr : &range->kvs[0];
}

}  // namespace belfry::sim

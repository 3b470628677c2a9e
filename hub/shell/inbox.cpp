#include "hub/shell/inbox.hpp"

#include <algorithm>
#include <iterator>

#include "hub/base/limits.hpp"
#include "sdk/protocol/codec.hpp"

namespace belfry::hub::shell {

namespace {

constexpr size_t refusals_max = 4 * limits::inbox_requests_max;

protocol::Reply refusal(uint64_t id, Error error) {
    protocol::Reply reply;
    reply.id = id;
    reply.error = std::move(error);
    return reply;
}

}  // namespace

Status Inbox::on_frame(uint64_t connection, BytesView public_key, BytesView frame) {
    auto decoded = protocol::decode_request_frame(frame);
    if (!decoded) {
        malformed_.fetch_add(1, std::memory_order_relaxed);
        return refuse(connection, protocol::salvage_request_ids(frame), decoded.error());
    }
    core::Caller caller;
    if (!decoded->credential.empty()) {
        caller.credential = std::make_shared<const Bytes>(std::move(decoded->credential));
    }
    if (!public_key.empty()) caller.public_key = std::make_shared<const Bytes>(public_key);
    std::vector<Item> admitted;
    admitted.reserve(decoded->requests.size());
    Status answer;
    for (auto& request : decoded->requests) {
        if (auto valid = protocol::validate(request); !valid) {
            answer = refuse(connection, {request.id}, valid.error());
            continue;
        }
        admitted.emplace_back(core::Input(core::RequestReceived{connection, std::move(request), false, caller}));
    }
    bool full = false;
    mailbox_.put_all([&](std::vector<Item>& items) {
        full =
            waiting_requests_ + admitted.size() > bounds_.requests_max || waiting_bytes_ + frame.size() > bounds_.bytes_max;
        if (full) return;
        waiting_requests_ += admitted.size();
        waiting_bytes_ += frame.size();
        if (items.empty()) {
            items.swap(admitted);
        } else {
            std::move(admitted.begin(), admitted.end(), std::back_inserter(items));
        }
    });
    if (!full) return answer;
    std::vector<uint64_t> ids;
    for (const Item& item : admitted) {
        ids.push_back(std::get<core::RequestReceived>(std::get<core::Input>(item)).request.id);
    }
    return refuse(connection, ids, {Code::busy, "the hub has as many requests waiting as it takes; try again"});
}

void Inbox::take_all(std::vector<Item>& items, std::chrono::steady_clock::time_point deadline) {
    mailbox_.take_all(items, deadline, [this] { waiting_requests_ = waiting_bytes_ = 0; });
}

// An unreadable frame is answered with id 0.
Status Inbox::refuse(uint64_t connection, const std::vector<uint64_t>& ids, Error error) {
    refused_.fetch_add(ids.size(), std::memory_order_relaxed);
    mailbox_.put_all([&](std::vector<Item>& items) {
        if (items.size() > refusals_max) return;  // nobody is served by refusals alone; the client's timeout tells it
        if (ids.empty()) items.push_back(Refusal{connection, refusal(0, error)});
        for (const uint64_t id : ids) items.push_back(Refusal{connection, refusal(id, error)});
    });
    return error;
}

}  // namespace belfry::hub::shell

#include "sdk/cli/importer.hpp"

#include <algorithm>

namespace belfry::cli {

Importer::Importer(std::shared_ptr<Client> client, size_t keys_per_change, std::string comment)
    : client_(std::move(client)), keys_per_change_(keys_per_change), options_{std::move(comment), false, {}} {}

Status Importer::put(Item item) {
    const size_t bytes = item.key.size() + item.value.size() + item.content_type.size();
    return add({protocol::PutRequest{std::move(item.key), std::move(item.value), {}, false, std::move(item.content_type)}},
               bytes, true);
}

Status Importer::erase(Bytes key) {
    const size_t bytes = key.size();
    return add({protocol::DeleteRequest{KeyRange::one(key), false}}, bytes, false);
}

Status Importer::add(protocol::TxnOp op, size_t bytes, bool is_put) {
    if (!open_.then_ops.empty() && open_bytes_ + bytes > bytes_per_change_max) {
        if (auto status = send(); !status) return status;
    }
    open_.then_ops.push_back(std::move(op));
    open_bytes_ += bytes;
    open_puts_ += is_put ? 1 : 0;
    return open_.then_ops.size() >= keys_per_change_ ? send() : Status();
}

Status Importer::send() {
    while (sent_.size() >= changes_in_flight_max) {
        if (auto status = collect_one(); !status) return status;
    }
    const uint64_t erases = open_.then_ops.size() - open_puts_;
    sent_.push_back({client_->send(std::exchange(open_, {}), options_), open_puts_, erases, open_bytes_});
    open_puts_ = 0;
    open_bytes_ = 0;
    return {};
}

Status Importer::collect_one() {
    Sent sent = std::move(sent_.front());
    sent_.pop_front();
    auto reply = sent.reply.get();
    if (!reply) return reply.error();
    if (reply->error.code != Code::ok) return reply->error;
    figures_.written += sent.puts;
    figures_.bytes += sent.bytes;
    if (const auto* txn = std::get_if<protocol::TxnReply>(&reply->result)) {
        for (const auto& op : txn->replies) {
            if (const auto* erased = std::get_if<protocol::DeleteReply>(&op.reply)) figures_.deleted += erased->deleted;
        }
    }
    ++figures_.change_sets;
    figures_.revision = std::max(figures_.revision, reply->revision);
    return {};
}

Status Importer::finish() {
    Status first;
    if (!open_.then_ops.empty()) first = send();
    const Status settled = settle();
    return first ? settled : first;
}

Status Importer::settle() {
    Status first;
    while (!sent_.empty()) {
        auto status = collect_one();
        if (!status && first) first = status;
    }
    return first;
}

}  // namespace belfry::cli

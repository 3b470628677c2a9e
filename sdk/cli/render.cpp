#include "sdk/cli/render.hpp"

#include <algorithm>

#include "sdk/cli/text.hpp"

namespace belfry::cli {
namespace {

void write_author(JsonWriter& json, uint64_t time_ms, BytesView author, BytesView comment, const Labels& labels) {
    json.field("time_ms", time_ms).field("time", std::string_view(utc_time(time_ms)));
    json.field("author", author);
    if (!comment.empty()) json.field("comment", comment);
    if (labels.empty()) return;
    json.name("labels").begin_array();
    for (const Bytes& label : labels) json.value(label);
    json.end_array();
}

void write_json(JsonWriter& json, const protocol::TxnOpReply& op) {
    json.begin_object();
    if (const auto* range = std::get_if<protocol::RangeReply>(&op.reply)) {
        json.name("get").begin_object().field("count", range->count).name("kvs").begin_array();
        for (const KeyValue& kv : range->kvs) write_json(json, kv);
        json.end_array().end_object();
    } else if (const auto* put = std::get_if<protocol::PutReply>(&op.reply)) {
        json.name("put").begin_object();
        if (!put->key.empty()) json.field("key", put->key);
        if (put->previous) write_json(json.name("previous"), *put->previous);
        json.end_object();
    } else if (const auto* erase = std::get_if<protocol::DeleteReply>(&op.reply)) {
        json.name("delete").begin_object().field("deleted", erase->deleted).end_object();
    } else if (const auto* claim = std::get_if<protocol::ClaimReply>(&op.reply)) {
        json.name("claim").begin_object().name("items").begin_array();
        for (const auto& claimed : claim->items) {
            json.begin_object().field("attempts", claimed.attempts);
            write_json(json.name("item"), claimed.item);
            json.end_object();
        }
        json.end_array().field("more", claim->more).end_object();
    } else {
        write_json(json.name("txn"), std::get<protocol::TxnReply>(op.reply));
    }
    json.end_object();
}

std::string op_text(const protocol::TxnOpReply& op, size_t depth) {
    const std::string indent(depth * 2, ' ');
    if (const auto* range = std::get_if<protocol::RangeReply>(&op.reply)) {
        std::string text = indent + "get: " + plural(range->count, "key") + "\n";
        for (const KeyValue& kv : range->kvs) text += indent + "  " + printable(kv.key) + "\t" + printable(kv.value) + "\n";
        return text;
    }
    if (const auto* put = std::get_if<protocol::PutReply>(&op.reply)) {
        return indent + "put: " + (put->key.empty() ? "ok" : printable(put->key)) + "\n";
    }
    if (const auto* claim = std::get_if<protocol::ClaimReply>(&op.reply)) {
        std::string text = indent + "claim: " + plural(claim->items.size(), "item") + "\n";
        for (const auto& claimed : claim->items)
            text += indent + "  " + printable(claimed.item.key) + "\t" + printable(claimed.item.value) + "\n";
        return text;
    }
    if (const auto* erase = std::get_if<protocol::DeleteReply>(&op.reply)) {
        return indent + "del: " + plural(erase->deleted, "key") + "\n";
    }
    return indent + "txn:\n" + txn_text(std::get<protocol::TxnReply>(op.reply), depth + 1);
}

std::string event_text(const Event& event, size_t value_max) {
    if (event.type == EventType::erase) return "DEL " + printable(event.kv.key);
    return "PUT " + printable(event.kv.key) + " = " + printable(event.kv.value, value_max);
}

}  // namespace

void write_json(JsonWriter& json, const KeyValue& kv, bool with_value) {
    json.begin_object().field("key", kv.key);
    if (with_value) json.field("value", kv.value);
    json.field("create_revision", kv.create_revision).field("mod_revision", kv.mod_revision).field("version", kv.version);
    if (kv.lease.value != 0) json.field("lease", kv.lease.value);
    if (!kv.content_type.empty()) json.field("content_type", kv.content_type);
    json.end_object();
}

void write_json(JsonWriter& json, const ChangeSet& change) {
    json.begin_object().field("revision", change.revision);
    write_author(json, change.time_ms, change.author, change.comment, change.labels);
    json.name("events").begin_array();
    for (const Event& event : change.events) {
        json.begin_object().field("type", event.type == EventType::put ? "put" : "delete");
        json.field("key", event.kv.key);
        if (event.type == EventType::put) {
            json.field("value", event.kv.value).field("create_revision", event.kv.create_revision);
            json.field("version", event.kv.version);
            if (!event.kv.content_type.empty()) json.field("content_type", event.kv.content_type);
        }
        json.end_object();
    }
    json.end_array().end_object();
}

void write_json(JsonWriter& json, const protocol::HistoryVersion& version) {
    json.begin_object().field("revision", version.kv.mod_revision);
    json.field("type", version.type == EventType::put ? "put" : "delete");
    write_author(json, version.time_ms, version.author, version.comment, version.labels);
    if (version.type == EventType::put) {
        json.field("value", version.kv.value).field("create_revision", version.kv.create_revision);
        json.field("version", version.kv.version);
        if (!version.kv.content_type.empty()) json.field("content_type", version.kv.content_type);
    }
    json.end_object();
}

void write_json(JsonWriter& json, const protocol::TxnReply& reply) {
    json.begin_object().field("succeeded", reply.succeeded).name("replies").begin_array();
    for (const auto& op : reply.replies) write_json(json, op);
    json.end_array().end_object();
}

std::string detail_text(const KeyValue& kv) {
    return "key              " + printable(kv.key) + "\nvalue            " + printable(kv.value) + "\nsize             " +
           std::to_string(kv.value.size()) + "\ncreate_revision  " + std::to_string(kv.create_revision.value) +
           "\nmod_revision     " + std::to_string(kv.mod_revision.value) + "\nversion          " +
           std::to_string(kv.version) + "\nlease            " + std::to_string(kv.lease.value) +
           (kv.content_type.empty() ? "" : "\ncontent_type     " + printable(kv.content_type)) + "\n";
}

std::string credit_text(BytesView author, BytesView comment, const Labels& labels) {
    std::string text;
    if (!author.empty() || !comment.empty()) {
        text = " (" + printable(author);
        if (!comment.empty()) text += (author.empty() ? "" : ": ") + printable(comment);
        text += ")";
    }
    for (const Bytes& label : labels) text += (&label == &labels.front() ? " [" : " ") + printable(label);
    return labels.empty() ? text : text + "]";
}

std::string change_text(const ChangeSet& change, size_t value_max) {
    const std::string head = "[" + local_time(change.time_ms) + "] rev " + std::to_string(change.revision.value) + " ";
    const std::string credit = credit_text(change.author, change.comment, change.labels);
    std::string text;
    const size_t shown =
        value_max == std::string::npos ? change.events.size() : std::min(change.events.size(), events_shown_max);
    for (size_t i = 0; i < shown; ++i) text += head + event_text(change.events[i], value_max) + credit + "\n";
    const size_t left = change.events.size() - shown;
    if (left > 0) text += head + "... and " + plural(left, "key") + " more in this change set (--full shows them)\n";
    return text;
}

std::string history_text(const protocol::HistoryVersion& version, size_t value_max) {
    std::string text = "[" + local_time(version.time_ms) + "] rev " + std::to_string(version.kv.mod_revision.value);
    if (version.type == EventType::erase) {
        text += " DEL";
    } else {
        text += " PUT v" + std::to_string(version.kv.version) + " = " + printable(version.kv.value, value_max);
    }
    return text + credit_text(version.author, version.comment, version.labels) + "\n";
}

std::string txn_text(const protocol::TxnReply& reply, size_t depth) {
    std::string text = std::string(depth * 2, ' ') + (reply.succeeded ? "SUCCESS\n" : "FAILURE\n");
    for (const auto& op : reply.replies) text += op_text(op, depth);
    return text;
}

size_t shown_max(const Context& context) { return context.has("full") ? std::string::npos : value_shown_max; }

}  // namespace belfry::cli

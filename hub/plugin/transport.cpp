#include "hub/plugin/transport.hpp"

#include <algorithm>
#include <cstring>

namespace belfry::hub::plugin {

namespace {

BytesView from_c(belfry_bytes bytes) { return {static_cast<const char*>(bytes.data), bytes.size}; }

Error to_error(belfry_status status, const belfry_error& error) { return {static_cast<Code>(status), error.message}; }

template <class Owned>
belfry_frame frame_of(Owned* owned, const Bytes& bytes) {
    return {{bytes.data(), bytes.size()}, owned, [](void* context) { delete static_cast<Owned*>(context); }};
}

}  // namespace

Transport::Transport(const belfry_transport_v1& table, std::string name, Hooks hooks)
    : table_(table), name_(std::move(name)), hooks_(std::move(hooks)) {
    host_.struct_size = sizeof host_;
    host_.context = &hooks_;
    host_.on_frame = [](void* context, uint64_t connection, belfry_bytes frame) -> belfry_status {
        const auto status = static_cast<Hooks*>(context)->on_frame(connection, {}, from_c(frame));
        return status ? BELFRY_OK : static_cast<belfry_status>(status.error().code);
    };
    host_.on_frame_from = [](void* context, uint64_t connection, belfry_bytes key, belfry_bytes frame) -> belfry_status {
        const auto status = static_cast<Hooks*>(context)->on_frame(connection, from_c(key), from_c(frame));
        return status ? BELFRY_OK : static_cast<belfry_status>(status.error().code);
    };
    host_.on_close = [](void* context, uint64_t connection) { static_cast<Hooks*>(context)->on_close(connection); };
    host_.on_topic = [](void* context, belfry_bytes topic, int32_t subscribed) {
        static_cast<Hooks*>(context)->on_topic(from_c(topic), subscribed != 0);
    };
    host_.join_answer = [](void* context, void* buffer, uint64_t capacity) -> uint64_t {
        const Bytes answer = static_cast<Hooks*>(context)->join_answer();
        const uint64_t size = std::min<uint64_t>(answer.size(), capacity);
        std::memcpy(buffer, answer.data(), size);
        return size;
    };
}

Result<std::unique_ptr<Transport>> Transport::open(const belfry_host_v1& host, const belfry_transport_v1& table,
                                                   std::string name, const Settings& settings, Hooks hooks) {
    std::unique_ptr<Transport> transport(new Transport(table, std::move(name), std::move(hooks)));
    std::vector<belfry_setting> c_settings;
    for (const auto& [key, value] : settings) c_settings.push_back({key.c_str(), value.c_str()});
    belfry_error error{sizeof(belfry_error), 0, {}};
    const auto status =
        table.open(&host, &transport->host_, c_settings.data(), c_settings.size(), &transport->transport_, &error);
    if (status != BELFRY_OK) {
        transport->transport_ = nullptr;
        return to_error(status, error);
    }
    return transport;
}

Transport::~Transport() {
    if (transport_ != nullptr) table_.close(transport_);
}

void Transport::send(uint64_t connection, Bytes frame) {
    auto* owned = new Bytes(std::move(frame));
    table_.send(transport_, connection, frame_of(owned, *owned));
}

void Transport::publish(Message message) {
    if (!publishes_) return;
    auto* owned = new Message(std::move(message));
    table_.publish(transport_, frame_of(owned, **owned));
}

void Transport::set_keys(const Keys& keys) {
    if (!BELFRY_HAS(&table_, belfry_transport_v1, set_keys)) {
        publishes_ = keys.feed_open;
        return;
    }
    const auto to_c = [](const std::vector<std::string>& texts) {
        std::vector<belfry_bytes> all;
        for (const std::string& text : texts) all.push_back({text.data(), text.size()});
        return all;
    };
    const auto known = to_c(keys.known), feed = to_c(keys.feed);
    const belfry_transport_keys all{sizeof all, keys.feed_open ? 1 : 0, known.data(), known.size(), feed.data(),
                                    feed.size()};
    table_.set_keys(transport_, &all);
}

void Transport::flush() { table_.flush(transport_); }

Result<belfry_transport_stats> Transport::stats() {
    belfry_transport_stats stats{};
    stats.struct_size = sizeof stats;
    belfry_error error{sizeof(belfry_error), 0, {}};
    const auto status = table_.stats(transport_, &stats, &error);
    if (status != BELFRY_OK) return to_error(status, error);
    return stats;
}

std::string Transport::endpoints() {
    if (!BELFRY_HAS(&table_, belfry_transport_v1, endpoints)) return {};
    char text[1024] = {};
    belfry_error error{sizeof(belfry_error), 0, {}};
    return table_.endpoints(transport_, text, sizeof text, &error) == BELFRY_OK ? text : std::string();
}

}  // namespace belfry::hub::plugin

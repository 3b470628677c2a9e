// Drives a transport through its table: a hub that records what it is told and answers as it should, and frames that count.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "sdk/plugin/transport.hpp"

namespace belfry::testing {

using namespace std::chrono_literals;

inline constexpr auto patience = 20s;  // for what must happen
inline constexpr auto moment = 50ms;   // for what must not

// A release counter: every frame given to a transport must come back exactly once.
class FrameSource {
public:
    belfry_frame frame(Bytes octets) {
        ++made_;
        auto* held = new Held{std::move(octets), this};
        return {plugin::to_c(held->octets), held, [](void* context) {
                    auto* mine = static_cast<Held*>(context);
                    ++mine->source->released_;
                    delete mine;
                }};
    }
    uint64_t made() const { return made_; }
    uint64_t released() const { return released_; }

private:
    struct Held {
        Bytes octets;
        FrameSource* source;
    };
    std::atomic<uint64_t> made_ = 0;
    std::atomic<uint64_t> released_ = 0;
};

class RecordingHost {
public:
    using Frames = std::vector<std::pair<uint64_t, Bytes>>;
    using Topics = std::vector<std::pair<Bytes, bool>>;

    RecordingHost() {
        logger_ = {sizeof(belfry_host_v1), BELFRY_ABI_MAJOR, BELFRY_ABI_MINOR, this,
                   [](void* context, int32_t, const char* message, const char*) {
                       auto& self = *static_cast<RecordingHost*>(context);
                       const std::lock_guard lock(self.mutex_);
                       self.lines_.emplace_back(message);
                   }};
        table_.struct_size = sizeof table_;
        table_.context = this;
        table_.on_frame = [](void* context, uint64_t connection, belfry_bytes frame) {
            auto& self = *static_cast<RecordingHost*>(context);
            if (self.answer) {
                return self.answer(connection, plugin::from_c(frame));
            }
            const std::lock_guard lock(self.mutex_);
            self.frames_.emplace_back(connection, plugin::from_c(frame));
            self.changed_.notify_all();
            return belfry_status{BELFRY_OK};
        };
        table_.on_frame_from = [](void* context, uint64_t connection, belfry_bytes public_key, belfry_bytes frame) {
            auto& self = *static_cast<RecordingHost*>(context);
            {
                const std::lock_guard lock(self.mutex_);
                self.keys_[connection] = plugin::from_c(public_key);
            }
            return self.table_.on_frame(context, connection, frame);
        };
        table_.on_close = [](void* context, uint64_t connection) {
            auto& self = *static_cast<RecordingHost*>(context);
            const std::lock_guard lock(self.mutex_);
            self.closed_.push_back(connection);
            self.changed_.notify_all();
        };
        table_.on_topic = [](void* context, belfry_bytes topic, int32_t subscribed) {
            auto& self = *static_cast<RecordingHost*>(context);
            const std::lock_guard lock(self.mutex_);
            self.topics_.emplace_back(plugin::from_c(topic), subscribed != 0);
            self.changed_.notify_all();
        };
        table_.join_answer = [](void* context, void* buffer, uint64_t capacity) -> uint64_t {
            auto& self = *static_cast<RecordingHost*>(context);
            const std::lock_guard lock(self.mutex_);
            const size_t size = std::min<size_t>(self.join_answer_.size(), capacity);
            std::memcpy(buffer, self.join_answer_.data(), size);
            return size;
        };
    }

    const belfry_host_v1* logger() const { return &logger_; }
    const belfry_transport_host_v1* table() const { return &table_; }

    // Set before open(): answers instead of recording.
    std::function<belfry_status(uint64_t connection, BytesView frame)> answer;

    void set_join_answer(Bytes answer_bytes) {
        change([&] { join_answer_ = std::move(answer_bytes); });
    }

    // That the connection proved with its last frame; "" = none.
    Bytes key_of(uint64_t connection) {
        const std::lock_guard lock(mutex_);
        return keys_[connection];
    }
    // Waits until there are so many; then all there are.
    Frames frames(size_t count) { return wait(frames_, count); }
    Topics topics(size_t count) { return wait(topics_, count); }
    std::vector<uint64_t> closed(size_t count) { return wait(closed_, count); }
    std::vector<std::string> lines(size_t count) { return wait(lines_, count); }

private:
    template <class Change>
    void change(Change&& body) {
        const std::lock_guard lock(mutex_);
        body();
        changed_.notify_all();
    }
    template <class List>
    List wait(List& list, size_t count) {
        std::unique_lock lock(mutex_);
        changed_.wait_for(lock, patience, [&] { return list.size() >= count; });
        return list;
    }

    belfry_host_v1 logger_ = {};
    belfry_transport_host_v1 table_ = {};
    std::mutex mutex_;
    std::condition_variable changed_;
    std::map<uint64_t, Bytes> keys_;
    Frames frames_;
    Topics topics_;
    std::vector<uint64_t> closed_;
    std::vector<std::string> lines_;
    Bytes join_answer_ = "joined";
};

// A transport opened through its C table, as the hub does it: the first thing it tells is whose keys it knows, here that
// the feed is for everybody.
class OpenTransport {
public:
    static Result<OpenTransport> open(belfry_plugin_entry_function entry, RecordingHost& host,
                                      const std::vector<std::pair<std::string, std::string>>& settings) {
        Result<OpenTransport> opened = open_untold(entry, host, settings);
        if (opened) opened->tell_that_feed_is_open();
        return opened;
    }
    // As long as the hub has not told.
    static Result<OpenTransport> open_untold(belfry_plugin_entry_function entry, RecordingHost& host,
                                             const std::vector<std::pair<std::string, std::string>>& settings) {
        belfry_error error = {sizeof error, 0, {}};
        const belfry_plugin_descriptor* descriptor = entry(host.logger(), &error);
        return open_untold(*static_cast<const belfry_transport_v1*>(descriptor->interfaces[0].table), host, settings);
    }
    static Result<OpenTransport> open(const belfry_transport_v1& table, RecordingHost& host,
                                      const std::vector<std::pair<std::string, std::string>>& settings) {
        Result<OpenTransport> opened = open_untold(table, host, settings);
        if (opened) opened->tell_that_feed_is_open();
        return opened;
    }
    static Result<OpenTransport> open_untold(const belfry_transport_v1& table, RecordingHost& host,
                                             const std::vector<std::pair<std::string, std::string>>& settings) {
        belfry_error error = {sizeof error, 0, {}};
        std::vector<belfry_setting> list;
        for (const auto& [name, value] : settings) {
            list.push_back({name.c_str(), value.c_str()});
        }
        belfry_transport* transport = nullptr;
        const belfry_status status = table.open(host.logger(), host.table(), list.data(), list.size(), &transport, &error);
        if (status != BELFRY_OK) {
            return Error{static_cast<Code>(status), error.message};
        }
        return OpenTransport(&table, transport);
    }
    OpenTransport(OpenTransport&& other) noexcept
        : slots_(other.slots_), transport_(std::exchange(other.transport_, nullptr)) {}
    ~OpenTransport() { close(); }

    void send(uint64_t connection, belfry_frame frame) { slots_->send(transport_, connection, frame); }
    void publish(belfry_frame frame) { slots_->publish(transport_, frame); }
    void flush() { slots_->flush(transport_); }
    // REQUIRES: the slot is there.
    void set_keys(bool feed_open, const std::vector<Bytes>& known, const std::vector<Bytes>& feed) {
        const auto to_list = [](const std::vector<Bytes>& keys) {
            std::vector<belfry_bytes> list;
            for (const Bytes& key : keys) list.push_back(plugin::to_c(key));
            return list;
        };
        const auto known_list = to_list(known), feed_list = to_list(feed);
        const belfry_transport_keys keys = {sizeof keys,       feed_open ? 1 : 0, known_list.data(),
                                            known_list.size(), feed_list.data(),  feed_list.size()};
        slots_->set_keys(transport_, &keys);
    }
    belfry_transport_stats stats() {
        belfry_transport_stats stats = {};
        stats.struct_size = sizeof stats;
        belfry_error error = {sizeof error, 0, {}};
        slots_->stats(transport_, &stats, &error);
        return stats;
    }
    // Of "request" or "feed".
    std::string endpoint(const std::string& which) {
        char text[512] = {};
        belfry_error error = {sizeof error, 0, {}};
        slots_->endpoints(transport_, text, sizeof text, &error);
        const std::string all = text;
        const size_t begin = all.find(which + "=") + which.size() + 1;
        return all.substr(begin, all.find(' ', begin) - begin);
    }
    const belfry_transport_v1& table() const { return *slots_; }
    belfry_transport* raw() const { return transport_; }
    void close() {
        if (transport_ != nullptr) {
            slots_->close(transport_);  // callbacks may use this object until it returns
            transport_ = nullptr;
        }
    }

private:
    void tell_that_feed_is_open() {
        if (BELFRY_HAS(slots_, belfry_transport_v1, set_keys)) set_keys(true, {}, {});
    }
    OpenTransport(const belfry_transport_v1* slots, belfry_transport* transport) : slots_(slots), transport_(transport) {}
    const belfry_transport_v1* slots_;
    belfry_transport* transport_;
};

}  // namespace belfry::testing

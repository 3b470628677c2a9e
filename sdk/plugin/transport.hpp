// Transports in C++: write a class with the members of TransportConcept and name it in BELFRY_PLUGIN:
//     BELFRY_PLUGIN(transport_mine, "1.0.0", "Carries frames my way.", belfry::plugin::transport<MyTransport>())
// The meanings are those of sdk/plugin/transport.h; the adapter only carries the calls over. open() and stats() may throw;
// the adapter answers `io`. send(), publish(), flush() and close() must not.
#pragma once

#include <concepts>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "sdk/plugin/plugin.hpp"
#include "sdk/plugin/transport.h"

namespace belfry::plugin {

// A frame that is owned: released when the last owner lets go.
class Frame {
public:
    Frame() = default;
    explicit Frame(const belfry_frame& frame) : frame_(frame) {}
    // A frame of the octets' own: moved, not copied.
    static Frame of(Bytes octets) {
        auto* held = new Bytes(std::move(octets));
        return Frame({to_c(*held), held, [](void* context) { delete static_cast<Bytes*>(context); }});
    }
    Frame(Frame&& other) noexcept : frame_(std::exchange(other.frame_, {})) {}
    Frame& operator=(Frame&& other) noexcept {
        std::swap(frame_, other.frame_);
        return *this;
    }
    ~Frame() {
        if (frame_.release != nullptr) {
            frame_.release(frame_.context);
        }
    }

    BytesView bytes() const { return from_c(frame_.bytes); }
    // Gives the ownership away: the receiver calls release(context).
    belfry_frame take() { return std::exchange(frame_, {}); }

private:
    belfry_frame frame_ = {};
};

// What the host offers, as methods. Valid until close() returns; callable from any thread.
class TransportHost {
public:
    explicit TransportHost(const belfry_transport_host_v1* host) : host_(host) {}

    // False: the host is busy and has queued the refusal; call flush() soon.
    bool on_frame(uint64_t connection, BytesView frame) const { return on_frame(connection, {}, frame); }
    // `public_key`: which the other end has proved to have; "" = none. A host of 1.0 does not hear of it.
    bool on_frame(uint64_t connection, BytesView public_key, BytesView frame) const {
        if (public_key.empty() || !BELFRY_HAS(host_, belfry_transport_host_v1, on_frame_from)) {
            return host_->on_frame(host_->context, connection, to_c(frame)) == BELFRY_OK;
        }
        return host_->on_frame_from(host_->context, connection, to_c(public_key), to_c(frame)) == BELFRY_OK;
    }
    // It will call set_keys, at the start. A host of 1.1 or older never does: its feed is for everybody.
    bool tells_keys() const { return BELFRY_HAS(host_, belfry_transport_host_v1, on_frame_from); }
    void on_close(uint64_t connection) const { host_->on_close(host_->context, connection); }
    void on_topic(BytesView topic, bool subscribed) const {
        host_->on_topic(host_->context, to_c(topic), subscribed ? 1 : 0);
    }
    // The answer to a join token, without the topic. Empty if the host has none.
    Bytes join_answer() const {
        constexpr size_t join_answer_bytes_max = 4096;
        Bytes answer(join_answer_bytes_max, '\0');
        answer.resize(static_cast<size_t>(host_->join_answer(host_->context, answer.data(), answer.size())));
        return answer;
    }

private:
    const belfry_transport_host_v1* host_;
};

struct TransportStats {
    uint64_t subscriptions = 0;
    uint64_t frames_received = 0;
    uint64_t frames_sent = 0;
    uint64_t frames_published = 0;
    uint64_t sends_refused = 0;
    uint64_t joins = 0;
    uint64_t frames_ignored = 0;
};

// Whose keys the hub knows (belfry_transport_keys).
struct TransportKeys {
    bool feed_open = true;
    std::vector<std::string> known;
    std::vector<std::string> feed;
};

struct TransportArguments {
    Host host;
    TransportHost transport_host;
    Settings settings;
};

template <class T>
concept TransportConcept = requires(T transport, const TransportArguments& arguments, uint64_t connection, Frame frame) {
    { T::scheme } -> std::convertible_to<const char*>;
    // Binds and starts its threads; an unknown setting is refused by name.
    { T::open(arguments) } -> std::same_as<Result<std::unique_ptr<T>>>;
    { transport.send(connection, std::move(frame)) } -> std::same_as<void>;
    { transport.publish(std::move(frame)) } -> std::same_as<void>;
    { transport.flush() } -> std::same_as<void>;
    { transport.stats() } -> std::same_as<TransportStats>;
    { transport.endpoints() } -> std::same_as<std::string>;  // "request=... feed=..."
    // May have: void set_keys(const TransportKeys&).
    // Ends the threads; afterwards no callback comes. Then it is destroyed.
    { transport.close() } -> std::same_as<void>;
};

template <class T>
concept TransportWithKeys = requires(T transport, const TransportKeys& keys) {
    { transport.set_keys(keys) } -> std::same_as<void>;
};

template <TransportConcept T>
class TransportTable {
    static T& of(belfry_transport* transport) { return *reinterpret_cast<T*>(transport); }

    static belfry_status open(const belfry_host_v1* host, const belfry_transport_host_v1* transport_host,
                              const belfry_setting* settings, uint64_t setting_count, belfry_transport** transport,
                              belfry_error* error) {
        return guarded(error, [&] {
            auto opened = T::open({Host(host), TransportHost(transport_host), settings_from_c(settings, setting_count)});
            if (!opened) return fail(error, opened.error().code, opened.error().detail);
            *transport = reinterpret_cast<belfry_transport*>(std::move(*opened).release());
            return belfry_status{BELFRY_OK};
        });
    }
    static void send(belfry_transport* transport, uint64_t connection, belfry_frame frame) {
        of(transport).send(connection, Frame(frame));
    }
    static void publish(belfry_transport* transport, belfry_frame frame) { of(transport).publish(Frame(frame)); }
    static void flush(belfry_transport* transport) { of(transport).flush(); }
    static belfry_status stats(belfry_transport* transport, belfry_transport_stats* out, belfry_error* error) {
        return guarded(error, [&] {
            const TransportStats stats = of(transport).stats();
            copy_out({sizeof(*out), 0, stats.subscriptions, stats.frames_received, stats.frames_sent,
                      stats.frames_published, stats.sends_refused, stats.joins, stats.frames_ignored},
                     out);
            return belfry_status{BELFRY_OK};
        });
    }
    static void close(belfry_transport* transport) {
        const std::unique_ptr<T> owned(&of(transport));
        owned->close();
    }
    static belfry_status endpoints(belfry_transport* transport, char* buffer, uint64_t capacity, belfry_error* error) {
        return guarded(error, [&] {
            const std::string text = of(transport).endpoints();
            if (text.size() >= capacity) {
                return fail(error, Code::too_large, "the endpoints need " + std::to_string(text.size() + 1) + " octets");
            }
            std::memcpy(buffer, text.c_str(), text.size() + 1);
            return belfry_status{BELFRY_OK};
        });
    }

    static std::vector<std::string> texts(const belfry_bytes* items, uint64_t count) {
        std::vector<std::string> all;
        for (uint64_t i = 0; i < count; ++i) all.emplace_back(from_c(items[i]));
        return all;
    }
    static void set_keys(belfry_transport* transport, const belfry_transport_keys* keys) {
        if constexpr (TransportWithKeys<T>) {
            of(transport).set_keys({keys->feed_open != 0, texts(keys->known_keys, keys->known_key_count),
                                    texts(keys->feed_keys, keys->feed_key_count)});
        }
    }

public:
    static constexpr belfry_transport_v1 slots = {sizeof(belfry_transport_v1),
                                                  0,
                                                  T::scheme,
                                                  open,
                                                  send,
                                                  publish,
                                                  flush,
                                                  stats,
                                                  close,
                                                  endpoints,
                                                  TransportWithKeys<T> ? set_keys : nullptr};
};

template <TransportConcept T>
belfry_interface transport() {
    return {BELFRY_KIND_TRANSPORT, 0, &TransportTable<T>::slots};
}

}  // namespace belfry::plugin

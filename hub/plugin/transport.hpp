// The host's side of the transport seam: one wrapper per slot. Callbacks come on the transport's own threads.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "hub/plugin/state_store.hpp"
#include "sdk/plugin/transport.h"

namespace belfry::hub::plugin {

using Message = std::shared_ptr<const Bytes>;

class Transport {
public:
    struct Hooks {
        std::function<Status(uint64_t connection, BytesView frame)> on_frame;
        std::function<void(uint64_t connection)> on_close;
        std::function<void(BytesView topic, bool subscribed)> on_topic;
        std::function<Bytes()> join_answer;
    };

    static Result<std::unique_ptr<Transport>> open(const belfry_host_v1& host, const belfry_transport_v1& table,
                                                   std::string name, const Settings& settings, Hooks hooks);
    ~Transport();  // afterwards no callback comes
    Transport(const Transport&) = delete;
    Transport& operator=(const Transport&) = delete;

    const std::string& name() const { return name_; }
    void send(uint64_t connection, Bytes frame);
    void publish(Message message);
    void flush();
    Result<belfry_transport_stats> stats();
    std::string endpoints();  // for people; empty if the transport cannot tell

private:
    Transport(const belfry_transport_v1& table, std::string name, Hooks hooks);
    const belfry_transport_v1& table_;
    std::string name_;
    Hooks hooks_;
    belfry_transport_host_v1 host_{};
    belfry_transport* transport_ = nullptr;
};

}  // namespace belfry::hub::plugin

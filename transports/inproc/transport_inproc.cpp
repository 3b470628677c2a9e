// The plugin transport_inproc, and the list of open ones by name.
#include "transports/inproc/hub.hpp"

namespace belfry::transports::inproc {

namespace {

// The one list per process: a test's client must find a transport that the hub opened through the C table.
struct Names {
    std::mutex mutex;
    std::map<std::string, std::shared_ptr<Hub>, std::less<>> hubs;
};
Names& names() {
    static Names list;
    return list;
}

class InprocTransport {
public:
    static constexpr const char* scheme = "inproc";

    static Result<std::unique_ptr<InprocTransport>> open(const plugin::TransportArguments& arguments);
    ~InprocTransport() { close(); }

    void send(uint64_t connection, plugin::Frame frame) { hub_->send(connection, std::move(frame)); }
    void publish(plugin::Frame frame) { hub_->publish(std::move(frame)); }
    void flush() { hub_->flush(); }
    plugin::TransportStats stats() const { return hub_->stats(); }
    std::string endpoints() const { return "request=inproc://" + name_ + " feed=inproc://" + name_; }
    void close();

private:
    InprocTransport(std::string name, std::shared_ptr<Hub> hub) : name_(std::move(name)), hub_(std::move(hub)) {}

    std::string name_;
    std::shared_ptr<Hub> hub_;
};

Result<std::unique_ptr<InprocTransport>> InprocTransport::open(const plugin::TransportArguments& arguments) {
    std::string name = "belfry";
    for (const auto& [setting, value] : arguments.settings) {
        // The endpoints are the hub's common settings, of no use here.
        if (setting == "name") {
            name = value;
        } else if (setting != "request_endpoint" && setting != "feed_endpoint" && setting != "insecure") {
            return Error{Code::invalid_argument, "transport_inproc: there is no setting '" + setting + "'; known is name"};
        }
    }
    auto hub = std::make_shared<Hub>(arguments.transport_host);
    const std::lock_guard lock(names().mutex);
    if (!names().hubs.emplace(name, hub).second) {
        return Error{Code::conflict, "cannot listen on inproc://" + name + ": it is in use; give it another name"};
    }
    return std::unique_ptr<InprocTransport>(new InprocTransport(std::move(name), std::move(hub)));
}

void InprocTransport::close() {
    if (hub_ == nullptr) {
        return;
    }
    {
        const std::lock_guard lock(names().mutex);
        names().hubs.erase(name_);
    }
    hub_->close();
    hub_.reset();
}

}  // namespace

Result<std::unique_ptr<Client>> Client::connect(std::string_view name) {
    std::shared_ptr<Hub> hub;
    {
        const std::lock_guard lock(names().mutex);
        const auto found = names().hubs.find(name);
        if (found == names().hubs.end()) {
            return Error{Code::not_found, "no transport_inproc named '" + std::string(name) + "' is open"};
        }
        hub = found->second;
    }
    const Result<uint64_t> connection = hub->join();
    if (!connection) {
        return connection.error();
    }
    return std::unique_ptr<Client>(new Client(std::move(hub), *connection));
}

Client::~Client() { hub_->leave(connection_); }
Status Client::send(BytesView frame) { return hub_->frame_from(connection_, frame); }
std::optional<Bytes> Client::receive(std::chrono::milliseconds timeout) { return hub_->receive(connection_, timeout); }
Status Client::subscribe(BytesView topic) { return hub_->subscribe(connection_, topic); }
void Client::unsubscribe(BytesView topic) { hub_->unsubscribe(connection_, topic); }
std::optional<Bytes> Client::receive_feed(std::chrono::milliseconds timeout) {
    return hub_->receive_feed(connection_, timeout);
}
void Client::lose_feed(bool lose) { hub_->lose_feed(connection_, lose); }

}  // namespace belfry::transports::inproc

BELFRY_PLUGIN(transport_inproc, "1.0.0", "Clients in the hub's own process, for tests.",
              belfry::plugin::transport<belfry::transports::inproc::InprocTransport>())

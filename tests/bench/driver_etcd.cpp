// etcd over gRPC, by its own rpc.proto.
#include <grpcpp/grpcpp.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <thread>

#include "etcd/etcdserver/etcdserverpb/rpc.grpc.pb.h"
#include "tests/bench/driver.hpp"
#include "tests/bench/etcd_command.hpp"
#include "tests/support/process.hpp"

namespace belfry::bench {

using namespace belfry::test;

namespace {

namespace pb = etcdserverpb;

std::string prefix_end(std::string prefix) {
    prefix.back() = static_cast<char>(prefix.back() + 1);
    return prefix;
}

template <class Request, class Response>
struct Call {
    grpc::ClientContext context;
    Request request;
    Response response;
};

// One subscriber: a bidirectional watch stream on a channel of its own.
class Watcher : public grpc::ClientBidiReactor<pb::WatchRequest, pb::WatchResponse> {
public:
    Watcher(std::unique_ptr<pb::Watch::Stub> stub, const std::string& prefix, std::atomic<size_t>& live,
            const std::function<void(const std::string&)>& on_event)
        : stub_(std::move(stub)), live_(live), on_event_(on_event) {
        auto* create = request_.mutable_create_request();
        create->set_key(prefix);
        create->set_range_end(prefix_end(prefix));
        stub_->async()->Watch(&context_, this);
        StartWrite(&request_);
        StartRead(&response_);
        StartCall();
    }
    void OnReadDone(bool ok) override {
        if (!ok) return;
        if (response_.created()) ++live_;
        for (const auto& event : response_.events()) on_event_(event.kv().value());
        StartRead(&response_);
    }
    void OnDone(const grpc::Status&) override {
        const std::lock_guard lock(mutex_);
        done_ = true;
        ended_.notify_all();
    }
    void end() {
        context_.TryCancel();
        std::unique_lock lock(mutex_);
        ended_.wait(lock, [&] { return done_; });
    }

private:
    std::unique_ptr<pb::Watch::Stub> stub_;
    grpc::ClientContext context_;
    pb::WatchRequest request_;
    pb::WatchResponse response_;
    std::atomic<size_t>& live_;
    const std::function<void(const std::string&)>& on_event_;
    std::mutex mutex_;
    std::condition_variable ended_;
    bool done_ = false;
};

class Etcd : public Driver {
public:
    explicit Etcd(const DriverOptions& options) : options_(options), processes_(options.members) {
        for (size_t i = 0; i < options.members; ++i) ports_.push_back(free_port_pair());
        std::filesystem::create_directories(options_.directory);
        start();
    }
    ~Etcd() override {
        Etcd::unsubscribe();
        settle();
    }

    std::string name() const override { return "etcd"; }
    std::string version() const override { return version_; }
    int pid() const override { return processes_[leader_]->pid(); }

    void put(const std::string& key, const std::string& value, Done done) override {
        ++pending_;
        auto* call = new Call<pb::PutRequest, pb::PutResponse>;
        call->request.set_key(key);
        call->request.set_value(value);
        next_stub().async()->Put(&call->context, &call->request, &call->response,
                                 [this, call, done = std::move(done)](const grpc::Status& status) {
                                     done(status.ok());
                                     delete call;
                                     --pending_;
                                 });
    }

    void get(const std::string& key, Done done) override { range_call(key, "", 1, std::move(done)); }

    void range(const std::string& prefix, size_t expected, Done done) override {
        range_call(prefix, prefix_end(prefix), expected, std::move(done));
    }

    bool subscribe(size_t count, const std::string& prefix, std::function<void(const std::string&)> on_event) override {
        on_event_ = std::move(on_event);
        live_ = 0;
        for (size_t at = 0; at < count; ++at) {
            watchers_.push_back(std::make_unique<Watcher>(pb::Watch::NewStub(channel(100000 + static_cast<int>(at))),
                                                          prefix, live_, on_event_));
        }
        for (int waited = 0; live_ < count && waited < 6000; ++waited)
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
        return live_ == count;
    }
    void unsubscribe() override {
        for (auto& watcher : watchers_) watcher->end();
        watchers_.clear();
    }

    double restart() override {
        settle();
        processes_[leader_]->kill_now();
        const auto begun = std::chrono::steady_clock::now();
        start();
        return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begun).count();
    }

    double fail_over() override {
        const size_t victim = leader_;
        auto other = pb::KV::NewStub(channel_to((victim + 1) % processes_.size(), 777));
        const auto put = [&] {
            Call<pb::PutRequest, pb::PutResponse> call;
            call.context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(3));
            call.request.set_key("fail-over");
            return other->Put(&call.context, call.request, &call.response).ok();
        };
        put();
        processes_[victim]->kill_now();
        const auto begun = std::chrono::steady_clock::now();
        while (!put()) {
        }
        const auto took = std::chrono::steady_clock::now() - begun;
        start_member(victim);
        await_all();
        return std::chrono::duration<double, std::milli>(took).count();
    }

private:
    std::shared_ptr<grpc::Channel> channel(int number) { return channel_to(leader_, number); }
    std::shared_ptr<grpc::Channel> channel_to(size_t member, int number) {
        grpc::ChannelArguments arguments;
        arguments.SetInt("belfry.bench.channel", number);  // different arguments: a connection of its own
        arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 10);
        arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 10);
        arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 50);
        arguments.SetMaxReceiveMessageSize(64 << 20);
        return grpc::CreateCustomChannel("127.0.0.1:" + std::to_string(ports_[member]), grpc::InsecureChannelCredentials(),
                                         arguments);
    }
    pb::KV::Stub& next_stub() { return *stubs_[next_.fetch_add(1, std::memory_order_relaxed) % stubs_.size()]; }

    // Callbacks of finished calls may still be on their way out; gRPC must not lose its channel under them.
    void settle() const {
        while (pending_ != 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }

    void start_member(size_t member) {
        processes_[member].reset();
        processes_[member] = std::make_unique<Process>(etcd_command(options_.binary, options_.directory, ports_, member),
                                                       options_.directory + "/etcd-m" + std::to_string(member) + ".log");
    }

    // Each answers a linearizable read; then the one who says that it leads is the leader.
    void await_all() {
        for (size_t member = 0; member < processes_.size(); ++member) {
            auto stub = pb::KV::NewStub(channel_to(member, 888));
            for (int tries = 0; tries < 3000; ++tries) {
                Call<pb::RangeRequest, pb::RangeResponse> call;
                call.context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(2));
                call.request.set_key("ready");
                if (stub->Range(&call.context, call.request, &call.response).ok()) break;
                std::this_thread::sleep_for(std::chrono::milliseconds(5));
            }
            grpc::ClientContext context;
            pb::StatusResponse status;
            pb::Maintenance::NewStub(channel_to(member, 888))->Status(&context, pb::StatusRequest(), &status);
            version_ = status.version();
            if (status.leader() != 0 && status.leader() == status.header().member_id()) leader_ = member;
        }
    }

    void start() {
        for (size_t member = 0; member < processes_.size(); ++member) start_member(member);
        await_all();
        stubs_.clear();
        for (size_t at = 0; at < options_.connections; ++at)
            stubs_.push_back(pb::KV::NewStub(channel(static_cast<int>(at))));
    }

    void range_call(const std::string& key, const std::string& end, size_t expected, Done done) {
        ++pending_;
        auto* call = new Call<pb::RangeRequest, pb::RangeResponse>;
        call->request.set_key(key);
        if (!end.empty()) call->request.set_range_end(end);
        next_stub().async()->Range(&call->context, &call->request, &call->response,
                                   [this, call, expected, done = std::move(done)](const grpc::Status& status) {
                                       done(status.ok() && static_cast<size_t>(call->response.kvs_size()) == expected);
                                       delete call;
                                       --pending_;
                                   });
    }

    DriverOptions options_;
    std::vector<int> ports_;  // for clients; the one after it for other members
    std::string version_;
    std::vector<std::unique_ptr<Process>> processes_;
    size_t leader_ = 0;
    std::vector<std::unique_ptr<pb::KV::Stub>> stubs_;
    std::atomic<size_t> next_{0};
    std::atomic<size_t> pending_{0};
    std::function<void(const std::string&)> on_event_;
    std::atomic<size_t> live_{0};
    std::vector<std::unique_ptr<Watcher>> watchers_;
};

}  // namespace

std::unique_ptr<Driver> make_etcd(const DriverOptions& options) { return std::make_unique<Etcd>(options); }

}  // namespace belfry::bench

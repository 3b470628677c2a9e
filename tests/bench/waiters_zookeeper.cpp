// ZooKeeper through its C client, by the recipe that its documentation gives for locks (and for elections: the same): an
// ephemeral sequential node; whoever has the lowest has it, all others watch the one just below their own.
#include <zookeeper/zookeeper.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <stdexcept>
#include <thread>

#include "tests/bench/waiters.hpp"
#include "tests/support/process.hpp"

namespace belfry::bench {

namespace {

using namespace std::chrono_literals;

constexpr int session_ms = 30'000;
constexpr auto patience = 120s;

void must(int code, const char* what) {
    if (code != ZOK) throw std::runtime_error(std::string(what) + ": " + zerror(code));
}

// Fired once, by the client's thread.
class Signal {
public:
    static void fire(zhandle_t*, int, int, const char*, void* context) {
        auto* const self = static_cast<Signal*>(context);
        const std::lock_guard lock(self->mutex_);
        self->fired_ = true;
        self->changed_.notify_one();
    }
    void wait() {
        std::unique_lock lock(mutex_);
        if (!changed_.wait_for(lock, patience, [&] { return fired_; })) throw std::runtime_error("no event came");
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    bool fired_ = false;
};

class Session {
public:
    explicit Session(const std::string& servers) {
        zoo_set_debug_level(ZOO_LOG_LEVEL_ERROR);
        handle_ = zookeeper_init(servers.c_str(), on_event, session_ms, nullptr, nullptr, 0);
        for (int tries = 0; handle_ != nullptr && zoo_state(handle_) != ZOO_CONNECTED_STATE; ++tries) {
            if (tries > 600) throw std::runtime_error("no session");
            std::this_thread::sleep_for(100ms);
        }
        if (handle_ == nullptr) throw std::runtime_error("no client");
    }
    ~Session() { zookeeper_close(handle_); }
    Session(const Session&) = delete;
    zhandle_t* handle() const { return handle_; }

private:
    static void on_event(zhandle_t*, int, int, const char*, void*) {}
    zhandle_t* handle_ = nullptr;
};

std::vector<std::string> children_of(zhandle_t* handle, const std::string& folder) {
    String_vector found{};
    must(zoo_get_children(handle, folder.c_str(), 0, &found), "children");
    std::vector<std::string> names(found.data, found.data + found.count);
    deallocate_String_vector(&found);
    std::sort(names.begin(), names.end());  // of equal prefixes: in the order of their numbers
    return names;
}

class NodeWaiter : public Waiter {
public:
    NodeWaiter(zhandle_t* handle, std::string folder) : handle_(handle), folder_(std::move(folder)) {
        const int made = zoo_create(handle_, folder_.c_str(), "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, nullptr, 0);
        if (made != ZNODEEXISTS) must(made, "create");
    }
    void acquire() override {
        char path[256];
        must(zoo_create(handle_, (folder_ + "/n-").c_str(), "me", 2, &ZOO_OPEN_ACL_UNSAFE, ZOO_EPHEMERAL | ZOO_SEQUENCE,
                        path, sizeof path),
             "create");
        node_ = path;
        const std::string own = node_.substr(folder_.size() + 1);
        for (;;) {
            const auto line = children_of(handle_, folder_);
            const auto at = std::find(line.begin(), line.end(), own);
            if (at == line.end()) throw std::runtime_error("the node is gone");
            if (at == line.begin()) return;
            Signal gone;
            const std::string before = folder_ + "/" + *(at - 1);
            const int there = zoo_wexists(handle_, before.c_str(), Signal::fire, &gone, nullptr);
            // Without the node the watch is for its creation, which does not come: numbers are not used again. It must not
            // outlive `gone`.
            if (there == ZNONODE) {
                must(zoo_remove_all_watches(handle_, before.c_str(), ZWATCHTYPE_DATA, 0), "watch");
                continue;
            }
            must(there, "exists");
            gone.wait();
        }
    }
    void release() override { must(zoo_delete(handle_, node_.c_str(), -1), "delete"); }

private:
    zhandle_t* const handle_;
    const std::string folder_;
    std::string node_;
};

class ZooKeeper : public Peer {
public:
    explicit ZooKeeper(const std::string& directory) {
        std::vector<int> clients, quorum;
        std::string members, servers;
        for (size_t i = 0; i < members_count; ++i) {
            clients.push_back(test::free_port_pair());
            quorum.push_back(test::free_port_pair());
            const std::string port = std::to_string(quorum[i]);
            members +=
                "server." + std::to_string(i + 1) + "=127.0.0.1:" + port + ":" + std::to_string(quorum[i] + 1) + "\n";
            servers += (i > 0 ? "," : "") + ("127.0.0.1:" + std::to_string(clients[i]));
        }
        for (size_t i = 0; i < members_count; ++i) start(directory + "/zk" + std::to_string(i), i + 1, clients[i], members);
        for (size_t i = 0; i < connections_count; ++i) sessions_.push_back(std::make_unique<Session>(servers));
    }
    std::unique_ptr<Waiter> waiter(Kind, const std::string& name) override {
        return std::make_unique<NodeWaiter>(sessions_[next_++ % sessions_.size()]->handle(), "/" + name);
    }
    size_t in_line(const std::string& name) override { return children_of(sessions_[0]->handle(), "/" + name).size(); }

private:
    void start(const std::string& directory, size_t id, int port, const std::string& members) {
        std::filesystem::create_directories(directory);
        std::ofstream(directory + "/myid") << id << "\n";
        std::ofstream(directory + "/zoo.cfg") << "dataDir=" << directory << "\nclientPort=" << port
                                              << "\ntickTime=2000\ninitLimit=10\nsyncLimit=5\nadmin.enableServer=false\n"
                                              << members;
        processes_.push_back(std::make_unique<test::Process>(
            std::vector<std::string>{"java", "-Xmx512m", "-cp", "/etc/zookeeper/conf:/usr/share/java/zookeeper.jar",
                                     "org.apache.zookeeper.server.quorum.QuorumPeerMain", directory + "/zoo.cfg"},
            directory + "/log"));
    }
    std::vector<std::unique_ptr<test::Process>> processes_;
    std::vector<std::unique_ptr<Session>> sessions_;
    size_t next_ = 0;
};

}  // namespace

std::unique_ptr<Peer> zookeeper_peer(const std::string& directory) { return std::make_unique<ZooKeeper>(directory); }

}  // namespace belfry::bench

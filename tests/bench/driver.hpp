// One face for the hub and its peers, so that every scenario drives all of them with the same loop.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace belfry::bench {

using Done = std::function<void(bool ok)>;

// A running server, its clients, and the calls the scenarios need. Completions come on the driver's own threads.
class Driver {
public:
    virtual ~Driver() = default;
    virtual std::string name() const = 0;
    virtual std::string version() const = 0;
    virtual int pid() const = 0;

    virtual void put(const std::string& key, const std::string& value, Done done) = 0;
    virtual void get(const std::string& key, Done done) = 0;  // linearizable; ok = found
    // All keys with the prefix in one answer; ok = `expected` of them came with their values.
    virtual void range(const std::string& prefix, size_t expected, Done done) = 0;

    // `count` subscribers of the prefix, each with a connection of its own. on_event is called for every delivered change
    // with its value, on any thread. Returns when all are live.
    virtual bool subscribe(size_t count, const std::string& prefix,
                           std::function<void(const std::string& value)> on_event) = 0;
    virtual void unsubscribe() = 0;

    // Of a cluster: SIGKILL of the leader; milliseconds until a write is accepted again. Then the member is started again,
    // and waited for.
    virtual double fail_over() = 0;
    // Puts over all members that go on through fail-overs, and what became of them, as figures; nothing: not for this peer.
    virtual bool begin_enduring_load(size_t) { return false; }
    virtual std::map<std::string, double> end_enduring_load() { return {}; }
    // SIGKILL, start again on the same data; milliseconds from start to the first linearizable answer.
    virtual double restart() = 0;
};

struct DriverOptions {
    std::string binary;
    std::string directory;  // data goes below it
    size_t connections = 1;
    size_t members = 1;                  // of the cluster; clients talk to its leader
    std::string store = "storage_lmdb";  // ours alone
};

std::unique_ptr<Driver> make_belfry(const DriverOptions& options);
std::unique_ptr<Driver> make_etcd(const DriverOptions& options);

}  // namespace belfry::bench

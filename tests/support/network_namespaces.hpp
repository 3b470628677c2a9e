// A network of its own for a test: each machine in a namespace, all on one bridge. Needs root; nothing of the machine's own
// network is touched.
#pragma once

#include <string>
#include <vector>

namespace belfry::test {

class NetworkNamespaces {
public:
    // Takes the calling thread into a new network, with machines 1 .. count at 10.77.0.1 ...; the test itself
    // is 10.77.0.254. Threads and processes started afterwards are in it too.
    explicit NetworkNamespaces(unsigned count);
    ~NetworkNamespaces();
    NetworkNamespaces(const NetworkNamespaces&) = delete;
    NetworkNamespaces& operator=(const NetworkNamespaces&) = delete;

    // Why there is none: no rights, no tools; empty = all is well.
    const std::string& missing() const { return missing_; }
    std::string address(unsigned machine) const { return "10.77.0." + std::to_string(machine); }
    // What to put in front of a program's arguments to run it there.
    std::vector<std::string> prefix(unsigned machine) const { return {"ip", "netns", "exec", name(machine)}; }
    // The cable; one of the two directions of the machine's way to another.
    void plug(unsigned machine, bool connected);
    // How the machine sends: a queueing discipline in tc's words; "" = at once. False: the kernel has none such.
    bool shape(unsigned machine, const std::string& discipline);
    void block(unsigned from, unsigned to, bool blocked);

private:
    std::string name(unsigned machine) const;
    bool run(const std::string& command);
    unsigned count_;
    std::string missing_;
};

}  // namespace belfry::test

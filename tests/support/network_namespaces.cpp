#include "tests/support/network_namespaces.hpp"

#include <sched.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace belfry::test {

NetworkNamespaces::NetworkNamespaces(unsigned count) : count_(count) {
    if (::unshare(CLONE_NEWNET) != 0) {
        missing_ = std::string("a network namespace cannot be made: ") + std::strerror(errno);
        return;
    }
    bool made = run("ip link set lo up") && run("ip link add bridge0 type bridge") &&
                run("ip addr add 10.77.0.254/24 dev bridge0") && run("ip link set bridge0 up");
    for (unsigned machine = 1; made && machine <= count; ++machine) {
        const std::string n = std::to_string(machine);
        const std::string inside = "ip -n " + name(machine) + " ";
        made = run("ip netns add " + name(machine)) && run("ip link add cable" + n + " type veth peer name card" + n) &&
               run("ip link set card" + n + " netns " + name(machine)) &&
               run("ip link set cable" + n + " master bridge0 up") &&
               run(inside + "addr add " + address(machine) + "/24 dev card" + n) &&
               run(inside + "link set card" + n + " up") && run(inside + "link set lo up");
    }
    if (!made) missing_ = "this machine's ip cannot make bridges and namespaces";
}

NetworkNamespaces::~NetworkNamespaces() {
    for (unsigned machine = 1; machine <= count_; ++machine) run("ip netns del " + name(machine) + " 2>/dev/null");
}

std::string NetworkNamespaces::name(unsigned machine) const {
    return "belfry-" + std::to_string(::getpid()) + "-" + std::to_string(machine);
}

bool NetworkNamespaces::run(const std::string& command) { return std::system(command.c_str()) == 0; }

void NetworkNamespaces::plug(unsigned machine, bool connected) {
    run("ip link set cable" + std::to_string(machine) + (connected ? " up" : " down"));
}

bool NetworkNamespaces::shape(unsigned machine, const std::string& discipline) {
    const std::string device = " dev card" + std::to_string(machine) + " root ";
    const std::string tc = "tc -n " + name(machine) + " qdisc ";
    run(tc + "del" + device + "2>/dev/null");  // the one before: they cannot be changed into each other
    return discipline.empty() || run(tc + "add" + device + discipline + " 2>/dev/null");
}

void NetworkNamespaces::block(unsigned from, unsigned to, bool blocked) {
    run("ip -n " + name(from) + " route " + (blocked ? "add" : "del") + " blackhole " + address(to) + "/32");
}

}  // namespace belfry::test

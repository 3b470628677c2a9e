// `belfry service` beside a real hub: registers, finds, picks, lists, watches.
#include <signal.h>

#include <catch2/catch_test_macros.hpp>
#include <cstdio>
#include <fstream>
#include <set>

#include "sdk/discovery/registry.hpp"
#include "tests/support/one_hub.hpp"

using namespace belfry;
using namespace belfry::test;
using namespace std::chrono_literals;

TEST_CASE("`belfry service pick` spreads keys, stays with each, and leaves out what takes no work",
          "[integration][discovery]") {
    const OneHub one;
    const Registry registry(one.hub.client());
    std::vector<std::unique_ptr<Registration>> registrations;
    for (const uint16_t port : {1, 2, 3}) {
        Instance instance{.service = "web", .id = "i" + std::to_string(port), .address = "10.0.0.5", .port = port};
        if (port == 3) instance.weight = 0;
        auto registration = registry.register_instance(std::move(instance));
        REQUIRE(registration);
        registrations.push_back(*std::move(registration));
        REQUIRE(registrations.back()->sync(20s));
    }
    std::set<std::string> picked;
    for (int key = 0; key < 20; ++key) {
        const std::vector<std::string> line = {"service", "pick", "web", "--key", "k" + std::to_string(key)};
        const std::string where = one.run(line).output;
        CHECK(one.run(line).output == where);
        picked.insert(where);
    }
    CHECK(picked == std::set<std::string>{"10.0.0.5:1\n", "10.0.0.5:2\n"});
}

TEST_CASE("`belfry service` registers a command, finds, lists and watches", "[integration][discovery]") {
    const OneHub one;
    const std::string output = one.directory.path() + "/output";
    CHECK(one.exit_of({"service", "find", "web"}) == 1);
    CHECK(one.run({"service", "list"}).output == "");
    Process watcher(one.line({"service", "watch", "web", "--passing"}), output + "1");
    Process service(one.line({"service", "register", "web", "--address", "::1", "--port", "8080", "--id", "a", "--label",
                              "zone=x", "--", "sh", "-c",
                              "echo $BELFRY_SERVICE $BELFRY_SERVICE_ID; trap 'exit 7' TERM; while :; do sleep 0.02; done"}),
                    output + "2");
    REQUIRE(wait_for([&] { return read_text(output + "2") == "web a\n"; }, 20s));
    REQUIRE(wait_for([&] { return one.exit_of({"service", "find", "web", "--passing"}) == 0; }, 20s));
    CHECK(one.run({"service", "find", "web", "--label", "zone=x"}).output ==
          "a\t[::1]:8080\tpassing\tweight 100\tzone=x\t\n");
    CHECK(one.exit_of({"service", "find", "web", "--label", "!zone"}) == 1);
    const auto json = one.run({"service", "find", "web", "-o", "json"}).output;
    CHECK(json.starts_with(R"([{"service":"web","id":"a","address":"::1","port":8080,"health":"passing","weight":100,)"
                           R"("labels":{"zone":"x"},"note":"","created":)"));
    CHECK(one.run({"service", "list"}).output == "web\t1 instance\t1 passing\t0 warning\t0 critical\n");
    CHECK(one.run({"service", "list", "-o", "json"}).output ==
          "[{\"service\":\"web\",\"passing\":1,\"warning\":0,\"critical\":0}]\n");
    CHECK(one.run({"service", "pick", "web"}).output == "[::1]:8080\n");
    CHECK(
        one.run({"service", "pick", "web", "--label", "zone=x", "-o", "json"}).output.starts_with(R"({"service":"web",)"));
    CHECK(one.exit_of({"service", "pick", "web", "--label", "!zone"}) == 1);
    service.signal(SIGTERM);
    CHECK(service.wait(20) == 7);
    CHECK(one.exit_of({"service", "find", "web"}) == 1);
    CHECK(wait_for([&] {
        return read_text(output + "1") ==
               "added\ta\t[::1]:8080\tpassing\tweight 100\tzone=x\t\n"
               "removed\ta\t[::1]:8080\tpassing\tweight 100\tzone=x\t\n";
    }));
    watcher.signal(SIGINT);
    CHECK(watcher.wait(20) == 0);

    for (const auto& wrong : std::vector<std::vector<std::string>>{{"service", "register", "web"},
                                                                   {"service", "register", "web", "--address", "a"},
                                                                   {"service", "find"},
                                                                   {"service", "find", "web", "--ttl", "3s"},
                                                                   {"service", "find", "web", "--label", "a b"},
                                                                   {"service", "find", "web", "--key", "k"},
                                                                   {"service", "pick", "web", "--passing"},
                                                                   {"service", "pick"},
                                                                   {"service", "list", "web"},
                                                                   {"service", "look", "web"}}) {
        INFO(wrong.back());
        CHECK(one.exit_of(wrong) == 2);
    }
    const auto bad = [&](std::vector<std::string> more) {
        more.insert(more.begin(), {"service", "register", "web", "--address", "a", "--port", "80"});
        return one.exit_of(std::move(more));
    };
    CHECK(bad({"--check", "udp"}) == 2);
    CHECK(bad({"--check", "tcp=host"}) == 2);
    CHECK(bad({"--check", "http=https://a/"}) == 2);
    CHECK(bad({"--label", "zone"}) == 2);
    CHECK(bad({"--weight", "70000"}) == 2);
}

TEST_CASE("`belfry service register`: a check takes an instance out and lets it in again, and is damped",
          "[integration][discovery]") {
    const OneHub one;
    const Registry registry(one.hub.client());
    const std::string mark = one.directory.path() + "/well", output = one.directory.path() + "/output";
    const auto health = [&] {
        const auto now = registry.find("web");
        return now && !now->instances.empty() ? std::string(to_string(now->instances[0].health)) : "none";
    };
    Process service(
        one.line({"service", "register", "web", "--address", "10.0.0.5", "--port", "80", "--id", "a", "--check",
                  "command=test -e " + mark, "--check", "command=true", "--interval", "500ms", "--failures", "2"}),
        output);
    // `test` ends with 1 for no: a warning.
    CHECK(wait_for([&] { return health() == "warning"; }, 20s));
    CHECK(std::ofstream(mark).good());
    CHECK(wait_for([&] { return health() == "passing"; }, 20s));
    REQUIRE(std::remove(mark.c_str()) == 0);
    CHECK(wait_for([&] { return health() == "warning"; }, 20s));
    CHECK(registry.find("web")->instances.at(0).note == "exit 1");
    service.signal(SIGTERM);
    CHECK(service.wait(20) == 0);
}

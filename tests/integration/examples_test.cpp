// The examples of the seven uses, two of each, all at once on three hubs, one of which, the leader, is killed in the
// middle: each goes on with its work, and ends in order when it is asked to.
#include <signal.h>

#include <catch2/catch_test_macros.hpp>

#include "tests/support/cluster_processes.hpp"
#include "tests/support/one_hub.hpp"

using namespace belfry;
using namespace belfry::test;
using namespace std::chrono_literals;

namespace {

struct Example {
    std::string name;
    std::vector<std::vector<std::string>> copies;  // the words of each
    std::string sign;                              // what a line has in it that says that work was done
};

const std::vector<Example>& examples() {
    static const std::vector<Example> all = {
        {"leases", {{"ada"}, {"bob"}}, "works, step"},
        {"lock", {{"ada"}, {"bob"}}, "counts"},
        {"election", {{"ada"}, {"bob"}}, "leads, token"},
        {"semaphore", {{"ada"}, {"bob"}, {"eve"}}, "works, one of"},
        {"barrier", {{"ada", "2"}, {"bob", "2"}}, " is done"},
        {"queue", {{"push"}, {"take"}}, "squared is"},
        {"jobs", {{"work", "ada"}, {"work", "bob"}, {"assign", "1000"}}, " of 1000"},
        {"discovery", {{"4001"}, {"4002"}}, "of us, as the hub said"},
        {"balance", {{"ada"}, {"bob", "slow"}}, ", answered ada"},
        {"once", {{"ada", "120"}, {"bob", "120"}}, " has worked for"},
    };
    return all;
}

std::string joined(const std::vector<std::string>& words) {
    std::string all;
    for (const std::string& word : words) all += (all.empty() ? "" : ",") + word;
    return all;
}

// All copies of one example.
struct Running {
    Running(const Example& the_example, const ClientOptions& where, const std::string& directory) : example(the_example) {
        for (size_t copy = 0; copy < example.copies.size(); ++copy) {
            std::vector<std::string> line = {"env", "BELFRY_ENDPOINT=" + joined(where.endpoints),
                                             "BELFRY_FEED=" + joined(where.feed_endpoints),
                                             program("belfry-example-" + example.name)};
            line.insert(line.end(), example.copies[copy].begin(), example.copies[copy].end());
            outputs.push_back(directory + "/" + example.name + std::to_string(copy));
            processes.push_back(std::make_unique<Process>(line, outputs.back()));
        }
    }
    size_t signs() const {
        size_t count = 0;
        for (const std::string& output : outputs) {
            const std::string text = read_text(output);
            for (size_t at = 0; (at = text.find(example.sign, at)) != std::string::npos; ++at) ++count;
        }
        return count;
    }
    std::string text() const {
        std::string all = "--- " + example.name + "\n";
        for (const std::string& output : outputs) all += read_text(output) + "\n";
        return all;
    }
    const Example& example;
    std::vector<std::string> outputs;
    std::vector<std::unique_ptr<Process>> processes;
};

}  // namespace

TEST_CASE("examples: all of them work on, on three hubs of which the leader is killed", "[integration][examples]") {
    const TemporaryDirectory directory;
    ClusterProcesses cluster(directory.path(), 3);
    const bool started = cluster.start();
    INFO(cluster.logs());
    REQUIRE(started);
    std::vector<std::unique_ptr<Running>> running;
    for (const Example& example : examples())
        running.push_back(std::make_unique<Running>(example, cluster.client_options(), directory.path()));
    const auto all_reach = [&](const std::vector<size_t>& wanted) {
        for (size_t i = 0; i < running.size(); ++i) {
            if (running[i]->signs() < wanted[i]) return false;
        }
        return true;
    };
    const auto texts = [&] {
        std::string all;
        for (const auto& one : running) all += one->text();
        return all;
    };
    const bool began = wait_for([&] { return all_reach(std::vector<size_t>(running.size(), 2)); }, 90s);
    INFO(texts());
    REQUIRE(began);
    const uint64_t leader = cluster.leader();
    REQUIRE(leader != 0);
    cluster.at(leader).kill();
    std::this_thread::sleep_for(1s);  // what was under way has ended
    std::vector<size_t> wanted;
    for (const auto& one : running) wanted.push_back(one->signs() + 2);
    const bool went_on = wait_for([&] { return all_reach(wanted); }, 60s);
    INFO(texts());
    CHECK(went_on);
    CHECK(cluster.at(leader).start());
    for (const auto& one : running) {
        for (const auto& process : one->processes) process->signal(SIGTERM);
    }
    for (const auto& one : running) {
        for (const auto& process : one->processes) {
            INFO(one->text());
            const int code = process->wait(20);
            CHECK((code == 0 || code == 128 + SIGTERM));  // the assigner of jobs does not wait for its job then
        }
    }
}

// belfry_filter_bench: what filters cost the feed. One thread does what the core does of a change: it makes the change set,
// asks the filters, encodes a message for each channel that wants it. Prints one line for each case.
// The share is that of one core at 10,000 changes/s; docs/plugins.md has the figures. What counts is the time this thread
// worked, not the time that passed: other programs on the machine change little then.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include "hub/feed/feed.hpp"
#include "hub/plugin/plugin.hpp"
#include "tests/support/cpu_time.hpp"

extern "C" {
const belfry_plugin_descriptor* belfry_plugin_entry_filter_prefix(const belfry_host_v1*, belfry_error*);
const belfry_plugin_descriptor* belfry_plugin_entry_filter_glob(const belfry_host_v1*, belfry_error*);
const belfry_plugin_descriptor* belfry_plugin_entry_filter_regex(const belfry_host_v1*, belfry_error*);
const belfry_plugin_descriptor* belfry_plugin_entry_filter_json(const belfry_host_v1*, belfry_error*);
}

using namespace belfry;
namespace feed = belfry::hub::feed;

namespace {

constexpr size_t filters_count = 1000;
constexpr double rate = 10'000;  // changes per second of the question
constexpr auto measured = std::chrono::seconds(2);

hub::plugin::Filters make_filters() {
    static const belfry_host_v1 host = {sizeof(belfry_host_v1), BELFRY_ABI_MAJOR, BELFRY_ABI_MINOR, nullptr, nullptr};
    hub::plugin::Filters filters;
    for (const auto entry : {&belfry_plugin_entry_filter_prefix, &belfry_plugin_entry_filter_glob,
                             &belfry_plugin_entry_filter_regex, &belfry_plugin_entry_filter_json}) {
        const auto plugin = hub::plugin::link_plugin(entry, host);
        if (!plugin || !filters.add(*plugin->filters().at(0))) std::abort();
    }
    return filters;
}

struct Case {
    const char* name;
    std::function<protocol::FilterSpec(const std::string& number)> filter;
};

Bytes value_of(uint64_t revision) {
    return R"({"db": {"host": "db-7.example.org", "port": )" + std::to_string(revision % 4096) +
           R"(, "pool": {"size": 32, "idle_ms": 5000}}, "name": "service", "tags": ["a", "b"], "enabled": true})";
}

void run(const Case& one, const hub::plugin::Filters& filters) {
    feed::Feed hub({1, 2, filters_count + 1});
    const auto everything = *filters.compile({"prefix", ""});
    for (size_t i = 0; i < filters_count; ++i) {
        const auto filter = filters.compile(one.filter(std::to_string(i)));
        if (!filter || !hub.open_channel(*filter, everything, 0)) std::abort();
    }
    if (hub.channel_count() != filters_count) std::abort();
    uint64_t revision = 0;
    uint64_t messages_sent = 0;
    std::vector<feed::Message> messages;
    const auto begin = test::cpu_time();
    auto now = begin;
    while (now - begin < measured) {
        for (int i = 0; i < 32; ++i) {
            ++revision;
            const Bytes key = "fleet/service-" + std::to_string(revision * 7919 % filters_count) + "/config";
            ChangeSet change{{revision}, revision, "bench", "", {}};
            change.events.push_back({EventType::put, {key, value_of(revision), {revision}, {revision}, 1, {}}});
            hub.add(change, {value_of(revision - 1)});
            hub.flush({revision}, 0, messages);
            messages_sent += messages.size();
            messages.clear();
        }
        now = test::cpu_time();
    }
    const double seconds = std::chrono::duration<double>(now - begin).count();
    const double each_us = seconds * 1e6 / static_cast<double>(revision);
    std::printf("%-44s %9.0f changes/s  %6.1f %% of a core at 10,000/s  %8.2f us each  %6.2f messages each\n", one.name,
                1e6 / each_us, each_us * rate / 1e4, each_us,
                static_cast<double>(messages_sent) / static_cast<double>(revision));
}

}  // namespace

int main() {
    const auto filters = make_filters();
    const std::vector<Case> cases = {
        {"prefix, one service each",
         [](const auto& n) {
             return protocol::FilterSpec{"prefix", "fleet/service-" + n + "/"};
         }},
        {"regex, one service each",
         [](const auto& n) {
             return protocol::FilterSpec{"regex", "fleet/service-" + n + "/[a-z]+"};
         }},
        {"json, one service each",
         [](const auto& n) {
             return protocol::FilterSpec{"json", "fleet/service-" + n + "/* /db/port >= 1024"};
         }},
        {"glob, all asked about each key",
         [](const auto& n) {
             return protocol::FilterSpec{"glob", "*/*-" + n + "/config"};
         }},
        {"regex, all asked about each key",
         [](const auto& n) {
             return protocol::FilterSpec{"regex", ".*-" + n + "/[a-z]+"};
         }},
        {"json, all asked about each value, none holds",
         [](const auto& n) {
             return protocol::FilterSpec{"json", "fleet/** /db/port = 9" + n + "00"};
         }},
        {"json, all asked, one finds it and one loses it",
         [](const auto& n) {
             return protocol::FilterSpec{"json", "** /db/port = " + n};
         }},
    };
    for (const Case& one : cases) run(one, filters);
}

// `belfry plugin list`: every member answers for itself, so each endpoint is asked.
#include <algorithm>
#include <functional>

#include "sdk/cli/commands.hpp"
#include "sdk/cli/json_writer.hpp"
#include "sdk/cli/plugin_list.hpp"
#include "sdk/cli/reading.hpp"
#include "sdk/cli/text.hpp"

namespace belfry::cli {
namespace {

using protocol::PluginsReply;

// Of the members, those that are none of `asked`. Empty if nobody can tell: that is said by others.
std::vector<uint64_t> unasked(const Context& context, const std::vector<PluginsReply>& asked) {
    std::vector<uint64_t> ids;
    auto client = context.connect(context.settings.endpoints);
    if (!client) return ids;
    const auto members = answer_of<protocol::MembersReply>((*client)->call(protocol::MembersRequest{}));
    if (!members) {
        context.note("who the members are is not known: " + to_string(members.error()));
        return ids;
    }
    for (const auto& member : members->members) {
        const bool known =
            std::any_of(asked.begin(), asked.end(), [&](const PluginsReply& each) { return each.member == member.id; });
        if (!known) ids.push_back(member.id);
    }
    return ids;
}

void print_json(const Context& context, const std::vector<PluginsReply>& members,
                const std::vector<std::string>& differences, const std::vector<uint64_t>& missing) {
    JsonWriter json;
    json.begin_object().name("members").begin_array();
    for (const PluginsReply& member : members) {
        json.begin_object().field("member", member.member).name("plugins").begin_array();
        for (const auto& plugin : member.plugins) {
            json.begin_object().field("name", plugin.name).field("version", plugin.version).field("kind", plugin.kind);
            json.field("origin", plugin.origin).field("sha256", plugin.sha256).field("used", plugin.used).end_object();
        }
        json.end_array().end_object();
    }
    json.end_array().name("differences").begin_array();
    for (const std::string& difference : differences) json.value(difference);
    json.end_array().name("not_asked").begin_array();
    for (const uint64_t id : missing) json.value(id);
    context.line(json.end_array().end_object().take());
}

// What the members that answer run, by member. `failed`: an endpoint did not answer.
std::vector<PluginsReply> ask_members(const Context& context, const std::function<void(Error)>& failed) {
    std::vector<PluginsReply> members;
    for (const std::string& endpoint : context.settings.endpoints) {
        auto client = context.connect({endpoint});
        auto reply = answer_of<PluginsReply>(client ? (*client)->call(protocol::PluginsRequest{}) : client.error());
        if (!reply) {
            failed({reply.error().code, endpoint + ": " + reply.error().detail});
            continue;
        }
        const bool twice = std::any_of(members.begin(), members.end(),
                                       [&](const PluginsReply& each) { return each.member == reply->member; });
        if (!twice) members.push_back(std::move(*reply));
    }
    std::sort(members.begin(), members.end(), [](const auto& a, const auto& b) { return a.member < b.member; });
    return members;
}

}  // namespace

std::vector<std::string> differences_of_members(const Context& context) {
    return plugin_differences(ask_members(context, [](const Error&) {}));
}

Exit list_plugins(Context& context) {
    Exit exit = Exit::ok;
    const std::vector<PluginsReply> members = ask_members(context, [&](const Error& error) { exit = context.fail(error); });
    if (members.empty()) return exit;
    const auto differences = plugin_differences(members);
    const auto missing = unasked(context, members);
    if (context.settings.json) {
        print_json(context, members, differences, missing);
    } else {
        for (const std::string& line : plugin_table(members)) context.line(line);
    }
    for (const std::string& difference : differences) context.note("members differ: " + difference);
    for (const uint64_t id : missing) {
        context.note("member " + std::to_string(id) + " was not asked: name its request endpoint too (--endpoint A,B,C)");
    }
    return exit == Exit::ok && !differences.empty() ? Exit::negative : exit;
}

}  // namespace belfry::cli

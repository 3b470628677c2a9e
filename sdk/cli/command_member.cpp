// `belfry member` and `belfry leader`: who the cluster is made of.
#include <algorithm>
#include <thread>

#include "sdk/cli/commands.hpp"
#include "sdk/cli/json_writer.hpp"
#include "sdk/cli/text.hpp"

namespace belfry::cli {
namespace {

using protocol::MemberChangeRequest;
using protocol::MembersReply;
using namespace std::chrono_literals;

constexpr auto promote_pause = 300ms;

const char* role_of(const MembersReply& reply, const protocol::MemberFacts& member) {
    if (member.id == reply.leader) return "leader";
    return member.votes ? "voter" : "learner";
}

std::string cluster_id(uint64_t id) { return hex64(id); }

void show(const Context& context, const MembersReply& reply) {
    if (context.settings.json) {
        JsonWriter json;
        json.begin_object()
            .field("cluster", cluster_id(reply.cluster))
            .field("leader", reply.leader)
            .field("term", reply.term);
        json.field("last", reply.last).name("members").begin_array();
        for (const auto& member : reply.members) {
            json.begin_object().field("id", member.id).field("role", std::string(role_of(reply, member)));
            json.field("holds", member.match).field("address", member.address).end_object();
        }
        context.line(json.end_array().end_object().take());
        return;
    }
    context.line("cluster " + cluster_id(reply.cluster) + ", term " + std::to_string(reply.term));
    size_t width = 0;
    for (const auto& member : reply.members) width = std::max(width, std::to_string(member.id).size());
    for (const auto& member : reply.members) {
        const std::string id = std::to_string(member.id);
        const std::string role = role_of(reply, member);
        context.line(id + std::string(width + 2 - id.size(), ' ') + role + std::string(9 - role.size(), ' ') + "holds " +
                     std::to_string(member.match) + " of " + std::to_string(reply.last) + "  " + printable(member.address));
    }
}

Result<MembersReply> ask(const Context& context, protocol::RequestOp op) {
    auto client = context.connect();
    if (!client) return client.error();
    auto reply = (*client)->call(std::move(op));
    if (!reply) return reply.error();
    if (reply->error.code != Code::ok) return reply->error;
    return std::get<MembersReply>(std::move(reply->result));
}

Exit ask_and_show(const Context& context, protocol::RequestOp op) {
    const auto reply = ask(context, std::move(op));
    if (!reply) return context.fail(reply.error());
    return show(context, *reply), Exit::ok;
}

// What the new member's settings must say.
void show_settings(const Context& context, uint64_t id, const MembersReply& reply) {
    std::string members;
    for (const auto& member : reply.members) {
        // One that was started alone did not say where it is.
        const std::string address = member.address == "local" ? "ITS-CLUSTER.ENDPOINT" : member.address;
        members += (members.empty() ? "" : ", ") + std::to_string(member.id) + "=" + address;
    }
    context.line("");
    context.line("# settings of the new member (belfry.toml); then start belfryd there with an empty data directory");
    context.line("member.id = " + std::to_string(id));
    context.line("[cluster]");
    context.line("join = true");
    context.line("id = \"" + cluster_id(reply.cluster) + "\"");
    for (const auto& member : reply.members) {
        if (member.id != id) continue;
        const size_t space = member.address.find(' ');
        context.line("endpoint = \"" + member.address.substr(0, space) + "\"");
        if (space != std::string::npos) context.line("key_file = \"FILE\"  # where `belfry keygen` put the keys there");
    }
    context.line("members = \"" + members + "\"");
}

Exit add(const Context& context, uint64_t id) {
    std::string address = context.word(2);
    if (context.has("key")) address += " " + context.arguments.text("key");
    const auto reply = ask(context, MemberChangeRequest{MemberChangeRequest::Kind::add, id, address});
    if (!reply) return context.fail(reply.error());
    show(context, *reply);
    if (!context.settings.json) show_settings(context, id, *reply);
    return Exit::ok;
}

// The leader promotes by itself; this waits for it.
Exit promote(const Context& context, uint64_t id) {
    for (const auto end = std::chrono::steady_clock::now() + context.settings.timeout;;) {
        const auto reply = ask(context, MemberChangeRequest{MemberChangeRequest::Kind::promote, id, {}});
        if (reply) return show(context, *reply), Exit::ok;
        const bool wait = reply.error().code == Code::busy && std::chrono::steady_clock::now() < end;
        if (!wait) return context.fail(reply.error());
        std::this_thread::sleep_for(promote_pause);
    }
}

Exit run_member(Context& context) {
    const std::string& what = context.word(0);
    const size_t words = context.arguments.words().size();
    if (what == "list" && words == 1) return ask_and_show(context, protocol::MembersRequest{});
    const bool known = (what == "add" && words == 3) || ((what == "promote" || what == "remove") && words == 2);
    if (!known) return context.misuse("write member list, member add ID ADDRESS, member promote ID or member remove ID");
    const auto id = parse_number(context.word(1));
    if (!id) return context.misuse(id.error().detail);
    if (what == "add") return add(context, *id);
    if (what == "promote") return promote(context, *id);
    return ask_and_show(context, MemberChangeRequest{MemberChangeRequest::Kind::remove, *id, {}});
}

Exit run_leader(Context& context) {
    if (context.word(0) != "transfer") return context.misuse("write leader transfer [ID]");
    uint64_t to = 0;
    if (context.arguments.words().size() == 2) {
        const auto id = parse_number(context.word(1));
        if (!id) return context.misuse(id.error().detail);
        to = *id;
    }
    return ask_and_show(context, protocol::LeaderTransferRequest{to});
}

constexpr Flag member_flags[] = {
    {"key", FlagKind::text, "KEY", "add: the new member's public key, as `belfry keygen` printed it there"},
};

}  // namespace

const Command member_command = {
    .name = "member",
    .summary = "the cluster's members: list, add, promote, remove",
    .usage = "list | add ID ADDRESS [--key KEY] | promote ID | remove ID",
    .details =
        "A new member starts as a learner: it gets everything and has no vote. The leader makes it a voter when it has "
        "caught\n"
        "up; `promote` waits for that (--timeout). ID is a number that no member ever had. A member that lost its disk is\n"
        "removed and comes back under a new ID. The leader hands its office on before it is removed.\n\n"
        "  belfry member add 4 tcp://10.0.0.4:7422 --key 'Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID'\n"
        "  belfry member promote 4 --timeout 10m\n"
        "  belfry member remove 1",
    .flags = member_flags,
    .words_min = 1,
    .words_max = 3,
    .run = run_member,
};

const Command leader_command = {
    .name = "leader",
    .summary = "hand the leader's office to another member",
    .usage = "transfer [ID]",
    .details =
        "Clients notice a pause of some milliseconds. Without ID the voter that holds most takes over.\n\n"
        "  belfry leader transfer 2",
    .words_min = 1,
    .words_max = 2,
    .run = run_leader,
};

}  // namespace belfry::cli

// `belfry member` and `belfry leader`: who the cluster is made of.
#include <algorithm>
#include <thread>

#include "sdk/base/curve_keys.hpp"
#include "sdk/base/endpoint.hpp"
#include "sdk/base/hash.hpp"
#include "sdk/cli/commands.hpp"
#include "sdk/cli/json_writer.hpp"
#include "sdk/cli/reading.hpp"
#include "sdk/cli/text.hpp"
#include "sdk/cli/verbs.hpp"

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

void show(const Context& context, const MembersReply& reply) {
    if (context.settings.json) {
        JsonWriter json;
        json.begin_object().field("cluster", hex64(reply.cluster)).field("leader", reply.leader).field("term", reply.term);
        json.field("last", reply.last).name("members").begin_array();
        for (const auto& member : reply.members) {
            json.begin_object().field("id", member.id).field("role", std::string(role_of(reply, member)));
            json.field("holds", member.match).field("address", member.address).end_object();
        }
        context.line(json.end_array().end_object().take());
        return;
    }
    context.line("cluster " + hex64(reply.cluster) + ", term " + std::to_string(reply.term));
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
    return answer_of<MembersReply>((*client)->call(std::move(op)));
}

Exit ask_and_show(const Context& context, protocol::RequestOp op) {
    const auto reply = ask(context, std::move(op));
    if (!reply) return context.fail(reply.error());
    return show(context, *reply), Exit::ok;
}

std::string endpoint_of(const std::string& address) { return address.substr(0, address.find(' ')); }

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
    context.line("id = \"" + hex64(reply.cluster) + "\"");
    for (const auto& member : reply.members) {
        if (member.id != id) continue;
        const std::string endpoint = endpoint_of(member.address);
        context.line("endpoint = \"" + endpoint + "\"");
        if (endpoint != member.address) context.line("key_file = \"FILE\"  # where `belfry keygen` put the keys there");
    }
    context.line("members = \"" + members + "\"");
}

// What the hub keeps as a member's address. Nobody could reach a wrong one, and a voter that nobody reaches costs a vote.
Status check_address(std::string_view endpoint) {
    const auto parts = parse_tcp_endpoint(endpoint);
    const auto port = parts ? parse_number(parts->port) : Result<uint64_t>(uint64_t{0});
    const bool reachable = parts && port && *port > 0 && *port <= 65535 && parts->host != "*";
    if (reachable && endpoint.find_first_of(" \t\r\n,=\"") == std::string_view::npos) return {};
    return Error{Code::invalid_argument,
                 "'" + printable(endpoint) + "' is not where another member can be reached: write tcp://HOST:PORT"};
}

// The address and the key that the line gives, if it does.
Status check_place(const Context& context, size_t address_word) {
    if (context.arguments.words().size() > address_word) {
        if (Status good = check_address(context.word(address_word)); !good) return good;
    }
    if (!context.has("key")) return {};
    if (is_curve_key(context.arguments.text("key"))) return {};
    return Error{Code::invalid_argument, "--key: '" + printable(context.arguments.text("key"), 60) +
                                             "' is no public key; belfry keygen prints one, of " +
                                             std::to_string(curve_key_characters) + " characters"};
}

Exit add_member(Context& context) {
    if (Status good = check_place(context, 2); !good) return context.misuse(good.error().detail);
    const auto number = parse_number(context.word(1));
    if (!number) return context.misuse(number.error().detail);
    const uint64_t id = *number;
    std::string address = context.word(2);
    if (context.has("key")) address += " " + context.arguments.text("key");
    const auto reply = ask(context, MemberChangeRequest{MemberChangeRequest::Kind::add, id, address});
    if (!reply) return context.fail(reply.error());
    show(context, *reply);
    if (!context.settings.json) show_settings(context, id, *reply);
    return Exit::ok;
}

// The leader promotes by itself; this waits for it.
Result<MembersReply> ask_until_promoted(const Context& context, uint64_t id) {
    for (const auto end = std::chrono::steady_clock::now() + context.settings.timeout;;) {
        auto reply = ask(context, MemberChangeRequest{MemberChangeRequest::Kind::promote, id, {}});
        // The hub answers late, perhaps after this client has gone to another endpoint; asking twice does no harm.
        const bool waits = !reply && (reply.error().code == Code::busy || reply.error().code == Code::uncertain);
        if (!waits) return reply;
        if (std::chrono::steady_clock::now() >= end) {
            if (reply.error().code == Code::busy) return reply;
            return Error{Code::busy,
                         "member " + std::to_string(id) + " has not caught up in time; it will vote when it has"};
        }
        std::this_thread::sleep_for(promote_pause);
    }
}

Exit promote_member(Context& context) {
    const auto id = parse_number(context.word(1));
    if (!id) return context.misuse(id.error().detail);
    const auto reply = ask_until_promoted(context, *id);
    if (!reply) return context.fail(reply.error());
    return show(context, *reply), Exit::ok;
}

const protocol::MemberFacts* find(const MembersReply& reply, uint64_t id) {
    const auto found = std::find_if(reply.members.begin(), reply.members.end(), [&](const auto& m) { return m.id == id; });
    return found == reply.members.end() ? nullptr : &*found;
}

// Where the new member is: as the words say, or where the old one was, with its key unless another is given. "" = unknown.
std::string new_address(const Context& context, const protocol::MemberFacts* old) {
    const bool said = context.arguments.words().size() == 4;
    std::string address = said ? context.word(3) : old != nullptr ? old->address : "";
    if (context.has("key")) address = endpoint_of(address) + " " + context.arguments.text("key");
    return address;
}

// The members as they are when the new one is among them. The old one is removed before if the new one takes its place: it
// is gone then, and a dead voter is worse than none. Otherwise it stays until the new one votes.
Result<MembersReply> add_in_place_of(const Context& context, const MembersReply& before, uint64_t old_id, uint64_t id) {
    const auto* old = find(before, old_id);
    const std::string address = new_address(context, old);
    if (address.empty() || address == "local") {
        return Error{Code::not_found, old == nullptr ? "there is no member " + std::to_string(old_id) +
                                                           " (any more); say where the new one is"
                                                     : "where the old member was is not known; say where the new one is"};
    }
    for (const auto& member : before.members) {
        if (member.id < id) continue;
        return Error{Code::conflict, "take an ID above " + std::to_string(member.id) +
                                         ": a number that a member ever had is never used again"};
    }
    const bool in_its_place = old != nullptr && endpoint_of(old->address) == endpoint_of(address);
    if (in_its_place) {
        const auto removed = ask(context, MemberChangeRequest{MemberChangeRequest::Kind::remove, old_id, {}});
        if (!removed) return removed.error();
    }
    auto added = ask(context, MemberChangeRequest{MemberChangeRequest::Kind::add, id, address});
    if (added || !in_its_place) return added;
    return Error{added.error().code, "member " + std::to_string(old_id) +
                                         " is removed, but the new one could not be added; repeat this with the address " +
                                         endpoint_of(address) + ". The reason: " + added.error().detail};
}

// One command for a member that is damaged, lost or to be moved; the same again goes on where the last one ended.
Exit replace(const Context& context, uint64_t old_id, uint64_t id) {
    auto reply = ask(context, protocol::MembersRequest{});
    if (!reply) return context.fail(reply.error());
    if (const auto* fresh = find(*reply, id); fresh == nullptr) {
        reply = add_in_place_of(context, *reply, old_id, id);
        if (!reply) return context.fail(reply.error());
        if (!context.settings.json) {
            show_settings(context, id, *reply);
            context.line("# it votes as soon as it has caught up: belfry member promote " + std::to_string(id) +
                         " --timeout 10m waits for that");
        }
    } else if (find(*reply, old_id) != nullptr &&
               endpoint_of(new_address(context, nullptr)) != endpoint_of(fresh->address)) {
        // Not what an earlier run of this command has left: it would only remove the old one.
        return context.fail({Code::conflict, "member " + std::to_string(id) + " is one already, at " + fresh->address});
    }
    if (find(*reply, old_id) == nullptr) {
        if (context.settings.json) show(context, *reply);
        return Exit::ok;
    }
    reply = ask_until_promoted(context, id);
    if (!reply) {
        return context.fail({reply.error().code, reply.error().detail + ". Member " + std::to_string(old_id) +
                                                     " stays until then: start the new one and repeat this command"});
    }
    return ask_and_show(context, MemberChangeRequest{MemberChangeRequest::Kind::remove, old_id, {}});
}

Exit replace_member(Context& context) {
    if (Status good = check_place(context, 3); !good) return context.misuse(good.error().detail);
    const auto old_id = parse_number(context.word(1)), id = parse_number(context.word(2));
    if (!old_id || !id) return context.misuse((old_id ? id : old_id).error().detail);
    if (*old_id == *id)
        return context.misuse("the new member needs an ID of its own: what the old one has promised is lost");
    return replace(context, *old_id, *id);
}

Exit list_members(Context& context) { return ask_and_show(context, protocol::MembersRequest{}); }

Exit remove_member(Context& context) {
    const auto id = parse_number(context.word(1));
    if (!id) return context.misuse(id.error().detail);
    return ask_and_show(context, MemberChangeRequest{MemberChangeRequest::Kind::remove, *id, {}});
}

constexpr ContextVerb member_verbs[] = {
    {{"list", 1, 1, ""}, list_members},           {{"add", 3, 3, " key "}, add_member},
    {{"promote", 2, 2, ""}, promote_member},      {{"remove", 2, 2, ""}, remove_member},
    {{"replace", 3, 4, " key "}, replace_member},
};

Exit run_member(Context& context) {
    return run_verb(context, member_verbs,
                    "write member list, member add ID ADDRESS, member promote ID, member remove ID or member replace OLD "
                    "NEW [ADDRESS]");
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
    {"key", FlagKind::text, "KEY", "add, replace: the new member's public key, as `belfry keygen` printed it there"},
};

}  // namespace

const Command member_command = {
    .name = "member",
    .summary = "the cluster's members: list, add, promote, remove, replace",
    .usage = "list | add ID ADDRESS [--key KEY] | promote ID | remove ID | replace OLD NEW [ADDRESS] [--key KEY]",
    .details =
        "A new member starts as a learner: it gets everything and has no vote. The leader makes it a voter when it has "
        "caught\n"
        "up; `promote` waits for that (--timeout). ID is a number that no member ever had. A member that lost its disk is\n"
        "replaced: it comes back under a new ID, with an empty data directory, since what it has promised to others is "
        "lost.\n"
        "`replace` without ADDRESS takes OLD out at once and lets NEW take its place; with another ADDRESS OLD stays until "
        "NEW\n"
        "votes (--timeout). It prints the new member's settings; repeated, it goes on where it ended.\n"
        "The leader hands its office on before it is removed.\n\n"
        "  belfry member add 4 tcp://10.0.0.4:7422 --key 'Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID'\n"
        "  belfry member promote 4 --timeout 10m\n"
        "  belfry member replace 3 4\n"
        "  belfry member remove 1",
    .flags = member_flags,
    .words_min = 1,
    .words_max = 4,
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

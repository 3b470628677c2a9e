#include "sdk/cli/auth_records.hpp"

#include <algorithm>
#include <iterator>

#include "sdk/cli/json_writer.hpp"
#include "sdk/cli/reading.hpp"
#include "sdk/cli/text.hpp"

namespace belfry::cli {

using protocol::Record;

Result<std::vector<Record>> read_records(Client& client, BytesView prefix) {
    std::vector<Record> all;
    for (protocol::RecordsRequest page{Bytes(prefix), {}};;) {
        auto records = answer_of<protocol::RecordsReply>(client.call(page));
        if (!records) return records.error();
        std::move(records->records.begin(), records->records.end(), std::back_inserter(all));
        if (!records->more || all.empty()) return all;
        page.after = all.back().name;
    }
}

Result<std::optional<Record>> read_record(Client& client, const Bytes& name) {
    auto records = answer_of<protocol::RecordsReply>(client.call(protocol::RecordsRequest{name, {}}));
    if (!records) return records.error();
    const bool found = !records->records.empty() && records->records[0].name == name;  // the first of its prefix
    return found ? std::optional(std::move(records->records[0])) : std::nullopt;
}

Result<uint64_t> write_record(Client& client, const Bytes& name, Bytes content, std::optional<uint64_t> expected) {
    const auto changed = answer_of<protocol::RecordChangeReply>(
        client.call(protocol::RecordChangeRequest{name, false, std::move(content), expected}));
    if (!changed) return changed.error();
    return changed->version;
}

Status remove_record(Client& client, const Bytes& name) {
    const auto removed =
        answer_of<protocol::RecordChangeReply>(client.call(protocol::RecordChangeRequest{name, true, {}, std::nullopt}));
    return removed ? Status() : Status(removed.error());
}

Result<NamedUser> read_user(Client& client, const std::string& name) {
    const auto record = read_record(client, Bytes(auth::user_prefix) + name);
    if (!record) return record.error();
    if (!*record) return Error{Code::not_found, "there is no user '" + printable(name, 64) + "'"};
    auto user = auth::decode_user((*record)->content);
    if (!user) return user.error();
    return NamedUser{*std::move(user), (*record)->version};
}

Result<NamedRole> read_role(Client& client, const std::string& name) {
    const auto record = read_record(client, Bytes(auth::role_prefix) + name);
    if (!record) return record.error();
    if (!*record) return Error{Code::not_found, "there is no role '" + printable(name, 64) + "'"};
    auto role = auth::decode_role((*record)->content);
    if (!role) return role.error();
    return NamedRole{*std::move(role), (*record)->version};
}

Status write_user(Client& client, const std::string& name, const NamedUser& user) {
    const auto written = write_record(client, Bytes(auth::user_prefix) + name, auth::encode_user(user.user), user.version);
    return written ? Status() : Status(written.error());
}

Status write_role(Client& client, const std::string& name, const NamedRole& role) {
    const auto written = write_record(client, Bytes(auth::role_prefix) + name, auth::encode_role(role.role), role.version);
    return written ? Status() : Status(written.error());
}

Result<bool> has_admin(Client& client, const auth::User& user) {
    for (const std::string& name : user.roles) {
        const auto role = read_role(client, name);
        if (!role && role.error().code == Code::not_found) continue;
        if (!role) return role.error();
        const auto& permissions = role->role.permissions;
        const bool admin = std::any_of(permissions.begin(), permissions.end(), [](const auth::Permission& permission) {
            return (permission.actions & static_cast<uint32_t>(auth::Action::admin)) != 0;
        });
        if (admin) return true;
    }
    return false;
}

Exit done(Context& context, const std::string& what) {
    if (context.settings.json) {
        JsonWriter json;
        context.line(json.begin_object().field("done", what).end_object().take());
    } else {
        context.line("OK " + what);
    }
    return Exit::ok;
}

}  // namespace belfry::cli

// `belfry snapshot`: backups.
#include <thread>

#include "sdk/base/hash.hpp"
#include "sdk/cli/backup_writer.hpp"
#include "sdk/cli/commands.hpp"
#include "sdk/cli/json_writer.hpp"
#include "sdk/cli/progress.hpp"
#include "sdk/cli/run_daemon.hpp"
#include "sdk/cli/text.hpp"
#include "sdk/cli/verbs.hpp"

namespace belfry::cli {
namespace {

using protocol::BackupReply;
using protocol::BackupRequest;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto copy_pause = 50ms;  // while the hub makes its copy
constexpr auto refused_pause = 500ms;
constexpr auto refused_patience = 30s;  // an election, a hub that starts again, a disk that is slow
constexpr unsigned attempts_max = 3;    // when copies are gone before they were read

uint64_t now_ms() {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
}

void show(const Context& context, const std::string& path, const BackupFacts& facts) {
    const std::string cluster = hex64(facts.cluster), checksum = hex64(facts.checksum).substr(8);
    if (context.settings.json) {
        JsonWriter json;
        json.begin_object().field("file", path).field("revision", facts.revision.value).field("index", facts.index);
        json.field("term", facts.term).field("cluster", cluster).field("store", facts.store);
        json.field("snapshot_bytes", facts.snapshot_bytes).field("taken_ms", facts.taken_ms).field("crc32c", checksum);
        return context.line(json.end_object().take());
    }
    context.line("revision " + std::to_string(facts.revision.value) + " of cluster " + cluster + ", taken " +
                 local_time(facts.taken_ms));
    context.line(human_bytes(facts.snapshot_bytes) + " of " + printable(facts.store) + ", at log entry " +
                 std::to_string(facts.index) + " of term " + std::to_string(facts.term) + ", crc32c " + checksum);
}

// ---- save ----

// One answer, however often it must be asked for.
Result<BackupReply> ask(Client& client, const BackupRequest& request) {
    for (const auto end = Clock::now() + refused_patience;;) {
        auto reply = client.call(request);
        Error why = reply ? reply->error : reply.error();
        if (why.code == Code::ok) return std::get<BackupReply>(std::move(reply->result));
        const bool passes = why.code == Code::unavailable || why.code == Code::busy;
        if (!passes || Clock::now() >= end) return why;
        std::this_thread::sleep_for(refused_pause);
    }
}

Result<BackupFacts> fetch(Client& client, BackupWriter& writer, Progress& progress) {
    BackupRequest request;
    for (;;) {
        const auto reply = ask(client, request);
        if (!reply) return reply.error();
        if (reply->index == 0) {
            request.at_least = reply->at_least;
            std::this_thread::sleep_for(copy_pause);
            continue;
        }
        if (auto written = writer.append(reply->piece); !written) return written.error();
        progress.show(writer.bytes(), reply->bytes);
        if (writer.bytes() == reply->bytes) {
            return BackupFacts{reply->cluster, reply->index, reply->term,  reply->at,
                               now_ms(),       reply->store, reply->bytes, 0};
        }
        if (reply->piece.empty()) return Error{Code::corrupt, "the hub's copy ended before its end"};
        request.index = reply->index;
        request.offset = writer.bytes();
    }
}

Exit save(Context& context) {
    const std::string& path = context.word(1);
    const auto client = context.connect();
    if (!client) return context.fail(client.error());
    BackupWriter writer(path, context.has("force"));
    for (unsigned attempt = 1;; ++attempt) {
        if (auto begun = writer.begin(); !begun) return context.fail(begun.error());
        Progress progress(context, "saving octets");
        const auto facts = fetch(**client, writer, progress);
        if (!facts && facts.error().code == Code::not_found && attempt < attempts_max) continue;
        if (!facts) return context.fail(facts.error());
        const auto saved = writer.finish(*facts);
        if (!saved) return context.fail(saved.error());
        return show(context, path, *saved), Exit::ok;
    }
}

// ---- status, restore ----

Exit status(Context& context) {
    Progress progress(context, "reading octets");
    const auto facts = check_backup(context.word(1), [&](uint64_t done, uint64_t total) { progress.show(done, total); });
    if (!facts) return context.fail(facts.error());
    return show(context, context.word(1), *facts), Exit::ok;
}

Exit restore(Context& context) {
    std::vector<std::string> line{"--restore", context.word(1)};
    for (const char* const flag : {"config", "data-dir"}) {
        if (context.has(flag)) line.insert(line.end(), {std::string("--") + flag, context.arguments.text(flag)});
    }
    for (const std::string& setting : context.arguments.all("set")) line.insert(line.end(), {"--set", setting});
    return run_daemon(context, std::move(line));
}

constexpr ContextVerb snapshot_verbs[] = {
    {{"save", 2, 2, " force "}, save},
    {{"status", 2, 2, ""}, status},
    {{"restore", 2, 2, " data-dir config set "}, restore},
};

Exit run_snapshot(Context& context) {
    return run_verb(context, snapshot_verbs, "write snapshot save FILE, snapshot status FILE or snapshot restore FILE");
}

constexpr Flag snapshot_flags[] = {
    {"force", FlagKind::toggle, "", "save: replace FILE if it exists"},
    {"data-dir", FlagKind::text, "DIR", "restore: the new data directory, empty or not there"},
    {"config", FlagKind::text, "FILE", "restore: the settings of the hub that will run on it (belfry.toml)"},
    {"set", FlagKind::text, "KEY=VALUE", "restore: one of its settings; may stand several times"},
};

}  // namespace

const Command snapshot_command = {
    .name = "snapshot",
    .summary = "backups: save one, look at one, start a cluster from one",
    .usage = "save FILE [--force] | status FILE | restore FILE [--config FILE] [--data-dir DIR] [--set KEY=VALUE]",
    .details =
        "`save` copies the state of a running hub; what was acknowledged before is in it, and nobody has to stop. "
        "`status`\n"
        "reads a backup whole and says what it holds, or what is wrong with it. `restore` fills an empty data directory;\n"
        "then start belfryd on it. It is a new cluster, with the keys, revisions and history of the old one.\n\n"
        "  belfry snapshot save /backup/belfry-monday\n"
        "  belfry snapshot status /backup/belfry-monday\n"
        "  belfry snapshot restore /backup/belfry-monday --data-dir /var/lib/belfry",
    .flags = snapshot_flags,
    .words_min = 2,
    .words_max = 2,
    .run = run_snapshot,
};

}  // namespace belfry::cli

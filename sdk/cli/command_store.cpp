// `belfry store migrate`: hands the work to belfryd, which knows data directories, settings and plugins. The command would
// need all three a second time; and a hub's own program is the one whose stores the hub will open afterwards.
#include "sdk/cli/commands.hpp"
#include "sdk/cli/run_daemon.hpp"

namespace belfry::cli {
namespace {

constexpr Flag store_flags[] = {
    {"data", FlagKind::text, "DIR", "the data directory of the stopped hub"},
    {"from", FlagKind::text, "STORE", "the store that its state is in"},
    {"to", FlagKind::text, "STORE", "the one that it goes into"},
    {"config", FlagKind::text, "FILE", "the hub's belfry.toml: settings of the old store, [[plugins]]"},
};

Exit migrate(Context& context) {
    for (const char* flag : {"data", "from", "to"}) {
        if (!context.has(flag)) return context.misuse(std::string("--") + flag + " is missing");
    }
    std::vector<std::string> words;
    if (context.has("config")) words = {"--config", context.arguments.text("config")};
    words.insert(words.end(),
                 {"--data-dir", context.arguments.text("data"), "--set", "store.plugin=" + context.arguments.text("from"),
                  "--migrate-store", context.arguments.text("to")});
    return run_daemon(context, std::move(words));
}

Exit run_store(Context& context) {
    if (context.word(0) == "migrate") return migrate(context);
    return context.misuse("write store migrate --data DIR --from STORE --to STORE");
}

}  // namespace

const Command store_command = {
    .name = "store",
    .summary = "move the state of a stopped hub into another kind of store",
    .usage = "migrate --data DIR --from STORE --to STORE [--config FILE]",
    .details =
        "Offline: refused while a hub runs on DIR. Copies the state into the new store, compares both by a digest over "
        "all\n"
        "tables, makes the new one durable and switches to it at once: after a crash the hub has the old store or the new "
        "one,\n"
        "whole. Needs disk space for both. The last line says what to write in belfry.toml. Log and history stay as they "
        "are;\n"
        "members of one cluster may have different stores, so do one after the other.\n\n"
        "  belfry store migrate --data /var/lib/belfry --from storage_lmdb --to storage_rocksdb",
    .flags = store_flags,
    .words_min = 1,
    .words_max = 1,
    .run = run_store,
};

}  // namespace belfry::cli

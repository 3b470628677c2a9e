// `belfry keygen`: the keys of encrypted connections.
#include "sdk/cli/commands.hpp"
#include "sdk/cli/json_writer.hpp"
#include "sdk/cli/secrets.hpp"
#include "sdk/client/curve.hpp"

namespace belfry::cli {
namespace {

constexpr const char* default_file = "belfry.key";

Exit run_keygen(Context& context) {
    const std::string path = context.arguments.words().empty() ? default_file : context.word(0);
    const auto keys = make_curve_keys();
    if (!keys) return context.fail(keys.error());
    const std::string text =
        "# Keys of Belfry's encrypted connections. The secret key never leaves this machine.\npublic_key = \"" +
        keys->public_key + "\"\nsecret_key = \"" + keys->secret_key + "\"\n";
    if (auto written = write_secret_file(path, text, false); !written) return context.fail(written.error());
    if (context.settings.json) {
        JsonWriter json;
        context.line(json.begin_object().field("file", path).field("public_key", keys->public_key).end_object().take());
    } else {
        context.line(keys->public_key);
        context.note("keys are in '" + path + "'; the line above is the public key");
    }
    return Exit::ok;
}

}  // namespace

const Command keygen_command = {
    .name = "keygen",
    .summary = "make keys for encrypted connections",
    .usage = "[FILE]",
    .details =
        "Writes FILE (belfry.key), readable by you alone, and prints the public key.\n"
        "  a member   FILE is its cluster.key_file, and cluster.members of all names its public key\n"
        "  a hub      FILE is its listen.key_file, and clients say --server-key with its public key\n"
        "  a client   says --key-file FILE, for a hub that lets in known keys alone (listen.clients)\n\n"
        "  belfry keygen /etc/belfry/member.key",
    .words_max = 1,
    .run = run_keygen,
};

}  // namespace belfry::cli

#include "sdk/balance/picker.hpp"
#include "sdk/cli/service.hpp"
#include "sdk/cli/text.hpp"
#include "sdk/discovery/registry.hpp"

namespace belfry::cli {

Exit pick_instance(Context& context, const FindOptions& options) {
    auto client = context.connect();
    if (!client) return context.fail(client.error());
    const auto found = Registry(*client).find(context.word(1), options);
    if (!found) return context.fail(found.error());
    for (const Error& error : found->unreadable) context.note("passed over: " + printable(error.detail));
    const bool keyed = context.has("key");
    Picker picker({.policy = keyed ? Policy::consistent : Policy::weighted});
    picker.update(found->instances);
    const auto picked = picker.pick(keyed ? context.arguments.text("key") : "");
    if (!picked) {
        context.note("no instance of " + printable(context.word(1)) + " takes work");
        return Exit::negative;
    }
    if (context.settings.json) {
        JsonWriter json;
        write_json(json, picked->instance());
        context.line(json.take());
    } else {
        context.line(host_and_port(picked->instance()));
    }
    return Exit::ok;
}

}  // namespace belfry::cli

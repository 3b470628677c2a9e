#include "sdk/balance/picker.hpp"
#include "sdk/cli/service.hpp"
#include "sdk/cli/text.hpp"

namespace belfry::cli {

Exit pick_instance(Context& context, const FindOptions& options) {
    const auto found = find_instances(context, options);
    if (!found) return context.fail(found.error());
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

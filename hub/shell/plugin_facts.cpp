#include "hub/shell/plugin_facts.hpp"

#include "sdk/plugin/descriptor.hpp"

namespace belfry::hub::shell {

namespace {

bool is_used(const std::string& name, uint32_t kind, const settings::Settings& settings) {
    switch (kind) {
        case BELFRY_KIND_STATE_STORE: return name == settings.store.plugin;
        case BELFRY_KIND_LOG_STORE: return name == settings.log.plugin;
        case BELFRY_KIND_TRANSPORT: return name == settings.listen.transport.plugin;
        case BELFRY_KIND_AUTH: return name == settings.auth.plugin;
        default: return kind == BELFRY_KIND_FILTER || kind == BELFRY_KIND_VALIDATOR;
    }
}

}  // namespace

std::vector<protocol::PluginFacts> plugin_facts(const std::vector<plugin::Plugin>& plugins,
                                                const settings::Settings& settings) {
    std::vector<protocol::PluginFacts> facts;
    for (const plugin::Plugin& plugin : plugins) {
        const auto& descriptor = *plugin.descriptor;
        for (uint64_t i = 0; i < descriptor.interface_count; ++i) {
            const belfry_interface& interface = descriptor.interfaces[i];
            facts.push_back({descriptor.name, descriptor.version, belfry::plugin::interface_name(interface), plugin.origin,
                             plugin.sha256, is_used(descriptor.name, interface.kind, settings)});
        }
    }
    return facts;
}

}  // namespace belfry::hub::shell

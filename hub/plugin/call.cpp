#include "hub/plugin/call.hpp"

namespace belfry::hub::plugin {

Error to_error(belfry_status status, ErrorBuffer& buffer, const std::string& plugin, std::string_view slot) {
    const bool known = status > BELFRY_OK && status <= BELFRY_UNAUTHENTICATED;
    buffer.error.message[sizeof(buffer.error.message) - 1] = '\0';
    std::string detail = plugin + ": " + std::string(slot) + ": ";
    if (buffer.error.message[0] != '\0') {
        detail += buffer.error.message;
    } else {
        detail += "failed with status " + std::to_string(status) + " and no sentence";
    }
    return {known ? static_cast<Code>(status) : Code::io, std::move(detail)};
}

std::vector<belfry_setting> to_c(const belfry::plugin::Settings& settings) {
    std::vector<belfry_setting> list;
    list.reserve(settings.size());
    for (const auto& [name, value] : settings) list.push_back({name.c_str(), value.c_str()});
    return list;
}

}  // namespace belfry::hub::plugin

// What every wrapper of a slot shares: the error buffer, the sentence for the operator and the fault point.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "sdk/base/error.hpp"
#include "sdk/plugin/plugin.hpp"

namespace belfry::hub::plugin {

// Tests make a slot fail without calling it: gets the slot's name ("commit") and returns the error, or ok to go on.
using FaultPoint = std::function<Status(std::string_view slot)>;

// The buffer of one call. Only its first octet is cleared: these calls are on the hot path.
struct ErrorBuffer {
    belfry_error error;
    ErrorBuffer() {
        error.struct_size = sizeof(error);
        error.reserved = 0;
        error.message[0] = '\0';
    }
    operator belfry_error*() { return &error; }
};

// "storage_lmdb: commit: the disk is full ..."; a number this build does not know counts as `io`.
Error to_error(belfry_status status, ErrorBuffer& buffer, const std::string& plugin, std::string_view slot);

inline Status to_status(belfry_status status, ErrorBuffer& buffer, const std::string& plugin, std::string_view slot) {
    if (status == BELFRY_OK) return {};
    return to_error(status, buffer, plugin, slot);
}

// Settings as the ABI wants them; views the strings.
std::vector<belfry_setting> to_c(const belfry::plugin::Settings& settings);

}  // namespace belfry::hub::plugin

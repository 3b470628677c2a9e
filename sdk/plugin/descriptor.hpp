// The check of a plugin's descriptor, shared by the hub and `belfry plugin check`: what is refused here never runs.
#pragma once

#include <cctype>
#include <cstdint>
#include <string>

#include "sdk/base/error.hpp"
#include "sdk/plugin/auth.h"
#include "sdk/plugin/filter.h"
#include "sdk/plugin/log_store.h"
#include "sdk/plugin/plugin.h"
#include "sdk/plugin/state_store.h"
#include "sdk/plugin/transport.h"
#include "sdk/plugin/validator.h"

namespace belfry::plugin {

inline constexpr uint64_t interfaces_max = 64;
inline constexpr size_t name_bytes_max = 64;

// "state store"; "interface of kind 9" for one this build does not know.
inline std::string kind_name(uint32_t kind) {
    switch (kind) {
        case BELFRY_KIND_STATE_STORE: return "state store";
        case BELFRY_KIND_LOG_STORE: return "log store";
        case BELFRY_KIND_FILTER: return "filter";
        case BELFRY_KIND_TRANSPORT: return "transport";
        case BELFRY_KIND_VALIDATOR: return "validator";
        case BELFRY_KIND_AUTH: return "auth";
        default: return "interface of kind " + std::to_string(kind);
    }
}

// The same with the one word by which users name it, if it has one: "filter 'glob'".
inline std::string interface_name(const belfry_interface& interface) {
    std::string name = kind_name(interface.kind);
    if (interface.kind == BELFRY_KIND_FILTER) {
        name += " '" + std::string(static_cast<const belfry_filter_v1*>(interface.table)->kind) + "'";
    }
    if (interface.kind == BELFRY_KIND_VALIDATOR) {
        name += " '" + std::string(static_cast<const belfry_validator_v1*>(interface.table)->kind) + "'";
    }
    return name;
}

namespace detail {

// Lower case letters, digits, '_' and '-': a word that fits a path, a setting and a log line.
inline bool is_word(const char* text) {
    if (text == nullptr || *text == '\0') return false;
    size_t size = 0;
    for (; text[size] != '\0'; ++size) {
        const auto c = static_cast<unsigned char>(text[size]);
        if (size >= name_bytes_max || !(std::islower(c) != 0 || std::isdigit(c) != 0 || c == '_' || c == '-')) return false;
    }
    return true;
}

// The name of the first mandatory slot that is missing, or NULL.
#define BELFRY_NEEDS(type, slot) \
    if (!BELFRY_HAS(table, type, slot)) return #slot;

inline const char* missing_slot(const belfry_state_store_v1* table) {
    BELFRY_NEEDS(belfry_state_store_v1, open)
    BELFRY_NEEDS(belfry_state_store_v1, applied_index)
    BELFRY_NEEDS(belfry_state_store_v1, begin)
    BELFRY_NEEDS(belfry_state_store_v1, put)
    BELFRY_NEEDS(belfry_state_store_v1, erase)
    BELFRY_NEEDS(belfry_state_store_v1, commit)
    BELFRY_NEEDS(belfry_state_store_v1, rollback)
    BELFRY_NEEDS(belfry_state_store_v1, get)
    BELFRY_NEEDS(belfry_state_store_v1, scan)
    BELFRY_NEEDS(belfry_state_store_v1, snapshot_write)
    BELFRY_NEEDS(belfry_state_store_v1, snapshot_read)
    BELFRY_NEEDS(belfry_state_store_v1, stats)
    BELFRY_NEEDS(belfry_state_store_v1, close)
    return nullptr;
}
inline const char* missing_slot(const belfry_log_store_v1* table) {
    BELFRY_NEEDS(belfry_log_store_v1, open)
    BELFRY_NEEDS(belfry_log_store_v1, state)
    BELFRY_NEEDS(belfry_log_store_v1, append)
    BELFRY_NEEDS(belfry_log_store_v1, truncate_after)
    BELFRY_NEEDS(belfry_log_store_v1, sync)
    BELFRY_NEEDS(belfry_log_store_v1, read)
    BELFRY_NEEDS(belfry_log_store_v1, compact)
    BELFRY_NEEDS(belfry_log_store_v1, reset)
    BELFRY_NEEDS(belfry_log_store_v1, save_vote)
    BELFRY_NEEDS(belfry_log_store_v1, stats)
    BELFRY_NEEDS(belfry_log_store_v1, close)
    return nullptr;
}
inline const char* missing_slot(const belfry_filter_v1* table) {
    BELFRY_NEEDS(belfry_filter_v1, kind)
    BELFRY_NEEDS(belfry_filter_v1, compile)
    BELFRY_NEEDS(belfry_filter_v1, canonical)
    BELFRY_NEEDS(belfry_filter_v1, range)
    BELFRY_NEEDS(belfry_filter_v1, matches)
    BELFRY_NEEDS(belfry_filter_v1, close)
    return is_word(table->kind) ? nullptr : "kind";
}
inline const char* missing_slot(const belfry_transport_v1* table) {
    BELFRY_NEEDS(belfry_transport_v1, scheme)
    BELFRY_NEEDS(belfry_transport_v1, open)
    BELFRY_NEEDS(belfry_transport_v1, send)
    BELFRY_NEEDS(belfry_transport_v1, publish)
    BELFRY_NEEDS(belfry_transport_v1, flush)
    BELFRY_NEEDS(belfry_transport_v1, stats)
    BELFRY_NEEDS(belfry_transport_v1, close)
    return is_word(table->scheme) ? nullptr : "scheme";
}
inline const char* missing_slot(const belfry_validator_v1* table) {
    BELFRY_NEEDS(belfry_validator_v1, kind)
    BELFRY_NEEDS(belfry_validator_v1, compile)
    BELFRY_NEEDS(belfry_validator_v1, check)
    BELFRY_NEEDS(belfry_validator_v1, may_block)
    BELFRY_NEEDS(belfry_validator_v1, close)
    return is_word(table->kind) ? nullptr : "kind";
}
inline const char* missing_slot(const belfry_auth_v1* table) {
    BELFRY_NEEDS(belfry_auth_v1, open)
    BELFRY_NEEDS(belfry_auth_v1, is_open)
    BELFRY_NEEDS(belfry_auth_v1, load)
    BELFRY_NEEDS(belfry_auth_v1, check_record)
    BELFRY_NEEDS(belfry_auth_v1, authenticate)
    BELFRY_NEEDS(belfry_auth_v1, stamp)
    BELFRY_NEEDS(belfry_auth_v1, user_of_key)
    BELFRY_NEEDS(belfry_auth_v1, authorize)
    BELFRY_NEEDS(belfry_auth_v1, close)
    return nullptr;
}
#undef BELFRY_NEEDS

inline const char* missing_slot(const belfry_interface& interface) {
    switch (interface.kind) {
        case BELFRY_KIND_STATE_STORE: return missing_slot(static_cast<const belfry_state_store_v1*>(interface.table));
        case BELFRY_KIND_LOG_STORE: return missing_slot(static_cast<const belfry_log_store_v1*>(interface.table));
        case BELFRY_KIND_FILTER: return missing_slot(static_cast<const belfry_filter_v1*>(interface.table));
        case BELFRY_KIND_TRANSPORT: return missing_slot(static_cast<const belfry_transport_v1*>(interface.table));
        case BELFRY_KIND_VALIDATOR: return missing_slot(static_cast<const belfry_validator_v1*>(interface.table));
        case BELFRY_KIND_AUTH: return missing_slot(static_cast<const belfry_auth_v1*>(interface.table));
        default: return nullptr;  // of a newer minor version; this host has no use for it
    }
}

}  // namespace detail

// `origin` is a path or "built in"; it opens the sentence of the refusal.
inline Status check_descriptor(const belfry_plugin_descriptor* descriptor, const std::string& origin) {
    const auto refuse = [&](const std::string& sentence) { return Error{Code::incompatible, origin + ": " + sentence}; };
    if (descriptor == nullptr) return refuse("the plugin's entry gave no descriptor");
    // Before anything else is read: the major version decides what the rest means.
    if (descriptor->abi_major != BELFRY_ABI_MAJOR) {
        return refuse("built for plugin ABI " + std::to_string(descriptor->abi_major) + "." +
                      std::to_string(descriptor->abi_minor) + ", this host speaks " + std::to_string(BELFRY_ABI_MAJOR) +
                      "." + std::to_string(BELFRY_ABI_MINOR) + "; build the plugin against this release");
    }
    constexpr size_t size_min = offsetof(belfry_plugin_descriptor, interface_count) + sizeof(uint64_t);
    if (descriptor->struct_size < size_min) {
        return refuse("its descriptor has " + std::to_string(descriptor->struct_size) + " octets, at least " +
                      std::to_string(size_min) + " are needed");
    }
    if (!detail::is_word(descriptor->name)) {
        return refuse("its name must be 1 to " + std::to_string(name_bytes_max) +
                      " lower case letters, digits, '_' or '-', because it becomes part of paths and settings");
    }
    const std::string plugin = "plugin '" + std::string(descriptor->name) + "' ";
    if (descriptor->version == nullptr || *descriptor->version == '\0') return refuse(plugin + "names no version");
    if (descriptor->summary == nullptr) return refuse(plugin + "has no summary");
    if (descriptor->interfaces == nullptr || descriptor->interface_count == 0)
        return refuse(plugin + "offers no interface");
    if (descriptor->interface_count > interfaces_max) {
        return refuse(plugin + "offers " + std::to_string(descriptor->interface_count) + " interfaces, more than " +
                      std::to_string(interfaces_max));
    }
    for (uint64_t i = 0; i < descriptor->interface_count; ++i) {
        const belfry_interface& interface = descriptor->interfaces[i];
        const std::string name = kind_name(interface.kind);
        if (interface.table == nullptr) return refuse(plugin + "has a " + name + " without a table");
        if (const char* slot = detail::missing_slot(interface)) {
            return refuse(plugin + "has a " + name + " that leaves the mandatory slot '" + slot + "' unset");
        }
        const bool has_words = interface.kind == BELFRY_KIND_FILTER || interface.kind == BELFRY_KIND_VALIDATOR;
        for (uint64_t j = 0; j < i && !has_words; ++j) {
            if (descriptor->interfaces[j].kind == interface.kind) return refuse(plugin + "has more than one " + name);
        }
    }
    return {};
}

}  // namespace belfry::plugin

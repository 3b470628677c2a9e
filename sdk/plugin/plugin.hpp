// The thin C++ side of the plugin ABI, for authors: a plugin is a class and one line (see plugins/storage_memory).
#pragma once

#include <algorithm>
#include <cstring>
#include <exception>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sdk/base/error.hpp"
#include "sdk/base/types.hpp"
#include "sdk/plugin/plugin.h"

namespace belfry::plugin {

inline belfry_bytes to_c(BytesView bytes) { return {bytes.data(), bytes.size()}; }
inline BytesView from_c(belfry_bytes bytes) { return {static_cast<const char*>(bytes.data), bytes.size}; }

// Writes the sentence (cut if too long) and returns the code, in one expression.
inline belfry_status fail(belfry_error* error, Code code, std::string_view sentence) {
    if (error != nullptr) {
        const size_t size = std::min(sentence.size(), sizeof(error->message) - 1);
        std::memcpy(error->message, sentence.data(), size);
        error->message[size] = '\0';
    }
    return static_cast<belfry_status>(code);
}
inline belfry_status to_c(const Status& status, belfry_error* error) {
    return status ? BELFRY_OK : fail(error, status.error().code, status.error().detail);
}

// Runs a slot's body; no exception crosses the border.
template <class Body>
belfry_status guarded(belfry_error* error, Body&& body) {
    try {
        return body();
    } catch (const std::bad_alloc&) {
        return fail(error, Code::io, "out of memory");
    } catch (const std::exception& exception) {
        return fail(error, Code::io, exception.what());
    } catch (...) {
        return fail(error, Code::io, "an exception that is no std::exception");
    }
}

// Fills a struct of the caller, who set its struct_size: no octet past it is written, and it is lowered to what was
// written.
template <class Struct>
void copy_out(const Struct& from, Struct* to) {
    const size_t size = std::min<size_t>(to->struct_size, sizeof(Struct));
    std::memcpy(to, &from, size);
    to->struct_size = static_cast<uint32_t>(size);
}

// What the host offers; cheap to copy, usable from any thread. A host that is NULL (a test) swallows everything.
class Host {
public:
    explicit Host(const belfry_host_v1* host = nullptr) : host_(host) {}
    void log(int32_t level, const char* message, const std::string& detail = {}) const {
        if (host_ != nullptr && BELFRY_HAS(host_, belfry_host_v1, log)) {
            host_->log(host_->context, level, message, detail.empty() ? nullptr : detail.c_str());
        }
    }

private:
    const belfry_host_v1* host_;
};

using Settings = std::vector<std::pair<std::string, std::string>>;

inline Settings settings_from_c(const belfry_setting* settings, uint64_t count) {
    Settings list;
    for (uint64_t i = 0; i < count; ++i) list.emplace_back(settings[i].name, settings[i].value);
    return list;
}

// What open() of a store is given.
struct OpenArguments {
    Host host;
    std::string directory;  // exists, is writable, belongs to this store alone
    Settings settings;
};

}  // namespace belfry::plugin

// Defines the entry of a plugin; once per plugin, outside of any namespace. `name` is a bare word, the rest of the line are
// its interfaces:
//     BELFRY_PLUGIN(storage_mine, "1.0.0", "Keeps the state in my engine.", belfry::plugin::state_store<MyStore>())
// belfry_plugin() of our CMake makes both forms of it, linked in and loadable. Who builds a shared library without it
// defines BELFRY_PLUGIN_LOADABLE, which adds the exported belfry_plugin_entry.
#define BELFRY_PLUGIN(plugin_name, plugin_version, plugin_summary, ...)                                                  \
    extern "C" const belfry_plugin_descriptor* belfry_plugin_entry_##plugin_name(const belfry_host_v1*, belfry_error*);  \
    extern "C" const belfry_plugin_descriptor* belfry_plugin_entry_##plugin_name(const belfry_host_v1*, belfry_error*) { \
        static const belfry_interface interfaces[] = {__VA_ARGS__};                                                      \
        static const belfry_plugin_descriptor descriptor = {                                                             \
            sizeof(belfry_plugin_descriptor),                                                                            \
            BELFRY_ABI_MAJOR,                                                                                            \
            BELFRY_ABI_MINOR,                                                                                            \
            #plugin_name,                                                                                                \
            plugin_version,                                                                                              \
            plugin_summary,                                                                                              \
            interfaces,                                                                                                  \
            sizeof(interfaces) / sizeof(interfaces[0]),                                                                  \
        };                                                                                                               \
        return &descriptor;                                                                                              \
    }                                                                                                                    \
    BELFRY_PLUGIN_EXPORTED_ENTRY(plugin_name)

#ifdef BELFRY_PLUGIN_LOADABLE
#define BELFRY_PLUGIN_EXPORTED_ENTRY(plugin_name)                                                                       \
    extern "C" BELFRY_EXPORT const belfry_plugin_descriptor* belfry_plugin_entry(const belfry_host_v1*, belfry_error*); \
    extern "C" const belfry_plugin_descriptor* belfry_plugin_entry(const belfry_host_v1* host, belfry_error* error) {   \
        return belfry_plugin_entry_##plugin_name(host, error);                                                          \
    }
#else
#define BELFRY_PLUGIN_EXPORTED_ENTRY(plugin_name)
#endif

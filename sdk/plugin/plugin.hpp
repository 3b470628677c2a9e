// The thin C++ side of the plugin ABI, for authors: a plugin is a class and one line (see plugins/storage_memory).
#pragma once

#include <algorithm>
#include <cstring>
#include <exception>
#include <new>
#include <string_view>

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
    }
}

}  // namespace belfry::plugin

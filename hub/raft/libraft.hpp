// libraft's header as C++ may include it. Private to hub/raft.
#pragma once

#include <cstdbool>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>

// raft.h of 0.22.1 checks its own layout by defining types inside sizeof, which is C but not C++. Its C build has made
// those checks, so they are left out here; the structs themselves are the same in both languages.
#if defined(__clang__)
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wkeyword-macro"
#endif
#define static_assert(...)
extern "C" {
#include <raft.h>
}
#undef static_assert
#if defined(__clang__)
#pragma clang diagnostic pop
#endif

static_assert(RAFT_VERSION_NUMBER == 2201, "Belfry drives libraft 0.22.1 and no other; see docs/raft.md");

namespace belfry::hub::raft {

struct FreeConfiguration {
    void operator()(raft_configuration* configuration) const {
        raft_configuration_close(configuration);
        delete configuration;
    }
};
using ConfigurationPointer = std::unique_ptr<raft_configuration, FreeConfiguration>;

struct Entry;
// The engine moves no payloads but owns one block per batch, which it may free; it never looks inside.
void* make_token();
// Borrows the payload of a CHANGE entry.
raft_entry make_entry(const Entry& entry, void* token);

}  // namespace belfry::hub::raft

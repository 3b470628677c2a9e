// Snapshots of the state store as files: DIRECTORY/INDEX.snap, where INDEX is 20 digits.
//
//   file    := image, footer                     the image is the state store plugin's own
//   footer  := magic "BELSNAP1", u64 index, u64 image size, u32 crc32c of the image, u32 crc32c of the footer before it
//              (little-endian)
//
// A file is complete or absent: it is written under another name, synced and renamed. The newest two are kept. One that
// came from another member is INDEX.fetched until it is installed: it says nothing about this member's log yet.
#pragma once

#include <string>

#include "hub/plugin/state_store.hpp"

namespace belfry::hub::shell {

class Snapshots {
public:
    explicit Snapshots(std::string directory) : directory_(std::move(directory)) {}

    struct Taken {
        Index index;
        uint64_t bytes = 0;
    };
    // Copies the store; overlaps with the core thread's use of it.
    Result<Taken> take(plugin::StateStore& store);
    // Restores the newest snapshot that is whole and not after `last`; damaged ones are named in `warnings`. not_found:
    // there is none. (A later one is another member's, fetched and not installed.)
    Result<Index> restore_newest(plugin::StateStore& store, Index last, std::vector<std::string>& warnings);
    Status restore_at(plugin::StateStore& store, Index index);
    // The newest one not after `last`, and the length of its file; 0 and 0 if there is none.
    Taken newest(Index last) const;

    // The file of the snapshot of this index, fetched or not; "" if there is none.
    std::string path_of(Index index) const;
    // Takes a file that came from another member, if it is whole and of this index; the one fetched before it is dropped.
    Status adopt(const std::string& path, Index index);
    // The fetched one is to be installed: from now on it is this member's own.
    Status promote(Index index);
    // Before anything else at a start: what is after the log's end was promoted by a process that then ended.
    void demote_after(Index last);

private:
    Result<Index> restore(plugin::StateStore& store, const std::string& path);
    void remove_all_but_newest(size_t kept);
    std::vector<std::string> names() const;  // oldest first
    std::string directory_;
};

}  // namespace belfry::hub::shell

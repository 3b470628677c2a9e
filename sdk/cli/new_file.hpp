// A file that is there as a whole or not at all: it is written beside its place under a name of its own, readable by its
// owner alone, and gets its name when it is on the disk. Two of them for one place do not meet before that.
#pragma once

#include <string>

#include "sdk/base/error.hpp"
#include "sdk/base/types.hpp"

namespace belfry::cli {

class NewFile {
public:
    // With `replace` a regular file may be there; without, nothing.
    NewFile(std::string path, bool replace) : path_(std::move(path)), replace_(replace) {}
    ~NewFile() { remove(); }  // what was not published
    NewFile(const NewFile&) = delete;
    NewFile& operator=(const NewFile&) = delete;

    // An empty one; of an earlier one that was not published nothing stays. conflict: the place is taken.
    // invalid_argument: by something that is no regular file (a link, a pipe, a device, a folder).
    Status create();
    Status write(BytesView octets);
    // All that was written is on the disk then, under part().
    Status sync();
    const std::string& part() const { return part_; }
    // REQUIRES: sync(). As create(), if the place was taken meanwhile.
    Status publish();

private:
    Status check_place() const;
    Status fail(const char* what) const;  // with errno
    void remove();

    const std::string path_;
    const bool replace_;
    std::string part_;
    int file_ = -1;
};

}  // namespace belfry::cli

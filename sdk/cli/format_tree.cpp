#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "sdk/base/limits.hpp"
#include "sdk/cli/content.hpp"
#include "sdk/cli/items.hpp"
#include "sdk/cli/text.hpp"
#include "sdk/cli/tree_names.hpp"
#include "sdk/cli/tree_types.hpp"

namespace belfry::cli {
namespace {

// A key may be nothing but slashes: then each is a folder of an escaped tree, and one more stands for a key that is one.
constexpr size_t folder_depth_max = limits::key_bytes_max + 1;

struct Descriptor {
    int number = -1;
    ~Descriptor() {
        if (number >= 0) ::close(number);
    }
};

std::string unreadable() { return std::string("cannot be read (") + std::strerror(errno) + ")"; }

class TreeReader {
public:
    TreeReader(std::string root, const TreeOptions& options, const ItemSink& sink, const SkipSink& skip)
        : root_(std::move(root)), options_(options), sink_(sink), skip_(skip) {}

    Status run() {
        struct stat facts {};
        if (stat(root_.c_str(), &facts) != 0) return Error{Code::io, root_ + ": " + std::strerror(errno)};
        if (!S_ISDIR(facts.st_mode)) return Error{Code::invalid_argument, root_ + ": not a folder"};
        auto types = read_tree_types(root_);
        if (!types) return types.error();
        types_ = *std::move(types);
        escaped_ = access((root_ + "/" + std::string(tree_marker)).c_str(), F_OK) == 0;
        return folder("", 0);
    }

private:
    std::string path_of(const std::string& relative) const { return relative.empty() ? root_ : root_ + "/" + relative; }

    // The names in a folder, sorted; none if it cannot be read, which is then said.
    std::vector<std::string> names_in(const std::string& relative) {
        std::vector<std::string> names;
        DIR* folder = opendir(path_of(relative).c_str());
        if (folder == nullptr) return skip_({path_of(relative), unreadable(), true}), names;
        errno = 0;  // the end and an error look alike else
        while (const dirent* entry = readdir(folder)) {
            const std::string_view name = entry->d_name;
            if (name != "." && name != "..") names.emplace_back(name);
            errno = 0;
        }
        if (errno != 0) skip_({path_of(relative), unreadable(), true});
        closedir(folder);
        std::sort(names.begin(), names.end());
        return names;
    }

    Status folder(const std::string& relative, size_t depth) {
        if (depth > folder_depth_max) return skip_({path_of(relative), "nested too deep", true}), Status();
        for (const std::string& name : names_in(relative)) {
            const std::string inner = relative.empty() ? name : relative + "/" + name;
            if ((escaped_ && inner == tree_marker) || (types_ && inner == tree_types_name)) continue;
            struct stat facts {};
            Status status;
            if (lstat(path_of(inner).c_str(), &facts) != 0) {
                skip_({path_of(inner), unreadable(), true});
            } else if (S_ISDIR(facts.st_mode)) {
                const bool open_to_all = (facts.st_mode & S_IROTH) != 0 && (facts.st_mode & S_IXOTH) != 0;
                if (options_.world_readable && !open_to_all) {
                    skip_({path_of(inner), "not readable by everybody", false});
                } else {
                    status = folder(inner, depth + 1);
                }
            } else if (!S_ISREG(facts.st_mode)) {
                skip_({path_of(inner), "not a regular file", false});
            } else {
                status = file(inner);
            }
            if (!status) return status;
        }
        return {};
    }

    Status file(const std::string& relative) {
        const std::string path = path_of(relative);
        // What lstat saw may have been replaced since: the descriptor's own facts decide.
        const Descriptor descriptor{::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)};
        struct stat facts {};
        if (descriptor.number < 0 || fstat(descriptor.number, &facts) != 0) {
            // A file that is not for everybody is often one that we may not open either: say the former.
            const int problem = errno;
            const bool hidden =
                options_.world_readable && lstat(path.c_str(), &facts) == 0 && (facts.st_mode & S_IROTH) == 0;
            errno = problem;
            if (hidden) return skip_({path, "not readable by everybody", false}), Status();
            return skip_({path, unreadable(), true}), Status();
        }
        if (!S_ISREG(facts.st_mode)) return skip_({path, "not a regular file", false}), Status();
        if (options_.world_readable && (facts.st_mode & S_IROTH) == 0) {
            return skip_({path, "not readable by everybody", false}), Status();
        }
        Bytes value;
        if (!read_all(descriptor.number, static_cast<size_t>(facts.st_size), value))
            return skip_({path, unreadable(), true}), Status();
        if (value.size() > options_.file_bytes_max) {
            return skip_({path, "larger than " + human_bytes(options_.file_bytes_max), true}), Status();
        }
        Bytes key = relative;
        if (escaped_) {
            auto unescaped = key_of_escaped_path(relative);
            if (!unescaped) return skip_({path, "the name is none an export makes", true}), Status();
            key = std::move(*unescaped);
        }
        if (!types_) {
            auto [type, why_not] = guessed_content_type(relative, value);
            return sink_({std::move(key), std::move(value), std::move(type), !why_not.empty()});
        }
        const auto type = types_->find(key);
        return sink_({std::move(key), std::move(value), type == types_->end() ? Bytes() : type->second});
    }

    // Reads until the end or just past the limit.
    bool read_all(int descriptor, size_t expected, Bytes& out) const {
        const size_t bytes_max = options_.file_bytes_max + 1;
        size_t have = 0;
        while (have < bytes_max) {
            if (out.size() == have) out.resize(std::min(bytes_max, std::max({have * 2, expected + 1, size_t{4096}})));
            const ssize_t count = read(descriptor, out.data() + have, out.size() - have);
            if (count < 0 && errno == EINTR) continue;
            if (count < 0) return false;
            if (count == 0) break;
            have += static_cast<size_t>(count);
        }
        out.resize(have);
        return true;
    }

    const std::string root_;
    const TreeOptions options_;
    const ItemSink& sink_;
    const SkipSink& skip_;
    bool escaped_ = false;
    std::optional<TreeTypes> types_;
};

}  // namespace

Status read_tree_items(const std::string& root, const TreeOptions& options, const ItemSink& sink, const SkipSink& skip) {
    std::string trimmed = root;
    while (trimmed.size() > 1 && trimmed.back() == '/') trimmed.pop_back();
    return TreeReader(trimmed, options, sink, skip).run();
}

}  // namespace belfry::cli

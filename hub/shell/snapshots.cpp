#include "hub/shell/snapshots.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "hub/shell/files.hpp"
#include "sdk/base/crc32c.hpp"

namespace belfry::hub::shell {

namespace {

constexpr char magic[8] = {'B', 'E', 'L', 'S', 'N', 'A', 'P', '1'};
constexpr size_t snapshots_kept = 2;
// Written pages are handed to the disk in steps of this, so that one large flush does not delay the log's syncs.
constexpr uint64_t writeback_bytes = 4 * 1024 * 1024;

struct Footer {
    char magic[8];
    uint64_t index;
    uint64_t image_bytes;
    uint32_t image_crc;
    uint32_t footer_crc;
};
static_assert(sizeof(Footer) == 32);

uint32_t footer_crc(const Footer& footer) {
    return crc32c(0, BytesView(reinterpret_cast<const char*>(&footer), offsetof(Footer, footer_crc)));
}

std::string name_of(Index index) {
    char name[32];
    std::snprintf(name, sizeof name, "%020llu.snap", static_cast<unsigned long long>(index.value));
    return name;
}

std::string fetched_name_of(Index index) { return name_of(index).substr(0, 20) + ".fetched"; }

Index index_of(const std::string& name) { return {std::strtoull(name.c_str(), nullptr, 10)}; }

Result<Footer> read_footer(int fd, const std::string& path) {
    const off_t size = ::lseek(fd, 0, SEEK_END);
    Footer footer{};
    if (size < static_cast<off_t>(sizeof footer) ||
        ::pread(fd, &footer, sizeof footer, size - static_cast<off_t>(sizeof footer)) != sizeof footer) {
        return Error{Code::corrupt, "snapshot '" + path + "' is too short"};
    }
    if (std::memcmp(footer.magic, magic, sizeof magic) != 0 || footer.footer_crc != footer_crc(footer) ||
        footer.image_bytes + sizeof footer != static_cast<uint64_t>(size)) {
        return Error{Code::corrupt, "snapshot '" + path + "' has a damaged footer"};
    }
    return footer;
}

// The next octets of the image, of which `left` are left.
Result<size_t> read_image(int fd, const std::string& path, char* buffer, size_t capacity, uint64_t& left) {
    const ssize_t size = ::read(fd, buffer, std::min<uint64_t>(capacity, left));
    if (size < 0) return system_error("cannot read", path);
    left -= static_cast<uint64_t>(size);
    return static_cast<size_t>(size);
}

Status check_image(int fd, const Footer& footer, const std::string& path) {
    ::lseek(fd, 0, SEEK_SET);
    uint64_t left = footer.image_bytes;
    uint32_t crc = 0;
    Bytes buffer(1 << 20, '\0');
    while (left > 0) {
        const auto size = read_image(fd, path, buffer.data(), buffer.size(), left);
        if (!size) return size.error();
        if (*size == 0) break;
        crc = crc32c(crc, BytesView(buffer.data(), *size));
    }
    if (left != 0 || crc != footer.image_crc) return Error{Code::corrupt, "snapshot '" + path + "' is damaged"};
    return {};
}

}  // namespace

Result<Snapshots::Taken> Snapshots::take(plugin::StateStore& store) {
    const std::string temporary = directory_ + "/snapshot.new";
    const File file(temporary, O_WRONLY | O_CREAT | O_TRUNC);
    if (!file) return system_error("cannot create", temporary);
    Footer footer{};
    std::memcpy(footer.magic, magic, sizeof magic);
    uint64_t unflushed = 0;
    auto index = store.snapshot_write([&](BytesView part) -> Status {
        footer.image_crc = crc32c(footer.image_crc, part);
        footer.image_bytes += part.size();
        if ((unflushed += part.size()) >= writeback_bytes) {
            ::sync_file_range(file.fd(), 0, 0, SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE);
            unflushed = 0;
        }
        return write_all(file.fd(), part, temporary);
    });
    if (!index) {
        ::unlink(temporary.c_str());
        return index.error();
    }
    footer.index = index->value;
    footer.footer_crc = footer_crc(footer);
    auto written = write_all(file.fd(), {reinterpret_cast<const char*>(&footer), sizeof footer}, temporary);
    if (written && ::fsync(file.fd()) != 0) written = system_error("cannot sync", temporary);
    if (!written) {
        ::unlink(temporary.c_str());
        return written.error();
    }
    const std::string path = directory_ + "/" + name_of(*index);
    if (::rename(temporary.c_str(), path.c_str()) != 0) return system_error("cannot rename to", path);
    if (auto synced = sync_directory(directory_); !synced) return synced.error();
    remove_all_but_newest(snapshots_kept);
    return Taken{*index, footer.image_bytes};
}

Result<Index> Snapshots::restore_newest(plugin::StateStore& store, Index last, std::vector<std::string>& warnings) {
    const auto found = names();
    for (auto name = found.rbegin(); name != found.rend(); ++name) {
        if (index_of(*name) > last) continue;
        auto index = restore(store, directory_ + "/" + *name);
        if (index) return index;
        warnings.push_back(index.error().detail);
    }
    return Error{Code::not_found, "no whole snapshot in '" + directory_ + "'"};
}

Result<Index> Snapshots::restore(plugin::StateStore& store, const std::string& path) {
    const File file(path, O_RDONLY);
    if (!file) return system_error("cannot open", path);
    const auto footer = read_footer(file.fd(), path);
    if (!footer) return footer.error();
    // The image is checked before the store is touched.
    if (auto whole = check_image(file.fd(), *footer, path); !whole) return whole.error();
    ::lseek(file.fd(), 0, SEEK_SET);
    uint64_t left = footer->image_bytes;
    const auto source = [&](char* buffer, size_t capacity) { return read_image(file.fd(), path, buffer, capacity, left); };
    if (auto restored = store.snapshot_read(source); !restored) return restored.error();
    return Index{footer->index};
}

Status Snapshots::restore_at(plugin::StateStore& store, Index index) {
    const auto restored = restore(store, directory_ + "/" + name_of(index));
    return restored ? Status() : Status(restored.error());
}

Snapshots::Taken Snapshots::newest(Index last) const {
    const auto found = names();
    for (auto name = found.rbegin(); name != found.rend(); ++name) {
        if (index_of(*name) > last) continue;
        std::error_code failed;
        const auto bytes = std::filesystem::file_size(directory_ + "/" + *name, failed);
        return {index_of(*name), failed ? 0 : bytes};
    }
    return {};
}

std::string Snapshots::path_of(Index index) const {
    std::error_code ignored;
    for (const std::string& name : {name_of(index), fetched_name_of(index)}) {
        if (std::filesystem::exists(directory_ + "/" + name, ignored)) return directory_ + "/" + name;
    }
    return "";
}

Status Snapshots::promote(Index index) {
    const std::string path = path_of(index);
    const std::string name = directory_ + "/" + name_of(index);
    if (path == name) return {};
    if (::rename(path.c_str(), name.c_str()) != 0) return system_error("cannot rename to", name);
    return sync_directory(directory_);
}

void Snapshots::demote_after(Index last) {
    for (const std::string& name : names()) {
        if (index_of(name) <= last) continue;
        ::rename((directory_ + "/" + name).c_str(), (directory_ + "/" + fetched_name_of(index_of(name))).c_str());
    }
}

Status Snapshots::adopt(const std::string& path, Index index) {
    {
        const File file(path, O_RDONLY);
        if (!file) return system_error("cannot open", path);
        const auto footer = read_footer(file.fd(), path);
        if (!footer) return footer.error();
        if (footer->index != index.value) {
            return Error{Code::corrupt, "snapshot '" + path + "' is of entry " + std::to_string(footer->index) + ", not " +
                                            std::to_string(index.value)};
        }
        if (auto whole = check_image(file.fd(), *footer, path); !whole) return whole;
    }
    for (const std::string& other : list_names(directory_)) {
        if (other.ends_with(".fetched")) ::unlink((directory_ + "/" + other).c_str());
    }
    const std::string name = directory_ + "/" + fetched_name_of(index);
    if (::rename(path.c_str(), name.c_str()) != 0) return system_error("cannot rename to", name);
    return sync_directory(directory_);
}

void Snapshots::remove_all_but_newest(size_t kept) {
    const auto found = names();
    for (size_t at = 0; at + kept < found.size(); ++at) ::unlink((directory_ + "/" + found[at]).c_str());
}

std::vector<std::string> Snapshots::names() const {
    auto found = list_names(directory_);
    std::erase_if(found, [](const std::string& name) { return !name.ends_with(".snap"); });
    return found;
}

}  // namespace belfry::hub::shell

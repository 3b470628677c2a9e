// A disk that can be really full: a small tmpfs with ballast on it. Needs the right to mount.
#pragma once

#include <sys/mount.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace belfry::test {

class SmallDisk {
public:
    static constexpr size_t ballast_bytes = 24 << 20;
    // At `path`, which is made; the ballast is part of its size.
    explicit SmallDisk(std::string path, unsigned mebibytes = 64) : path_(std::move(path)) {
        std::filesystem::create_directory(path_);
        mounted_ = ::mount("none", path_.c_str(), "tmpfs", 0, ("size=" + std::to_string(mebibytes) + "m").c_str()) == 0;
        if (mounted_) std::ofstream(ballast(), std::ios::binary) << std::string(ballast_bytes, 'b');
    }
    ~SmallDisk() {
        if (mounted_) ::umount2(path_.c_str(), MNT_DETACH);
    }
    SmallDisk(const SmallDisk&) = delete;
    SmallDisk& operator=(const SmallDisk&) = delete;
    bool mounted() const { return mounted_; }
    const std::string& path() const { return path_; }
    std::string ballast() const { return path_ + "/ballast"; }
    // To the last page; again, if room was made since.
    void fill_up() const {
        std::ofstream filler(path_ + "/filler", std::ios::binary | std::ios::app);
        const std::string page(4096, 'f');
        while (filler.write(page.data(), 4096).flush()) continue;
    }
    void make_room() const {
        std::filesystem::remove(ballast());
        std::filesystem::remove(path_ + "/filler");
    }

private:
    std::string path_;
    bool mounted_ = false;
};

}  // namespace belfry::test

// A folder of programs, as an operator has one.
#pragma once

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace belfry::validate_command::test {

class Folder {
public:
    Folder() {
        const char* root = std::getenv("TMPDIR");
        std::string name = std::string(root != nullptr ? root : "/tmp") + "/belfry_command_XXXXXX";
        REQUIRE(mkdtemp(name.data()) != nullptr);
        path_ = name;
    }
    ~Folder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;

    const std::string& path() const { return path_; }
    // A shell script; its path.
    std::string program(const std::string& name, const std::string& script, mode_t mode = 0755) const {
        const std::string path = path_ + "/" + name;
        std::ofstream(path) << "#!/bin/sh\n" << script << "\n";
        REQUIRE(chmod(path.c_str(), mode) == 0);
        return path;
    }
    bool has(const std::string& name) const { return std::filesystem::exists(path_ + "/" + name); }

private:
    std::string path_;
};

}  // namespace belfry::validate_command::test

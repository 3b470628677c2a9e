#include "sdk/cli/values.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>

#include "sdk/cli/text.hpp"

namespace belfry::cli {

Result<Bytes> read_stream(std::istream& in, size_t bytes_max, const std::string& name) {
    Bytes bytes;
    std::array<char, 16384> piece;
    while (in.read(piece.data(), piece.size()), in.gcount() > 0) {
        bytes.append(piece.data(), static_cast<size_t>(in.gcount()));
        if (bytes.size() > bytes_max) {
            return Error{Code::too_large, name + " has more than " + human_bytes(bytes_max)};
        }
    }
    if (in.bad()) return Error{Code::io, name + ": reading failed"};
    return bytes;
}

Result<Bytes> read_file(const std::string& path, size_t bytes_max) {
    errno = 0;
    std::ifstream file(path, std::ios::binary);
    if (!file) return Error{Code::io, path + ": " + std::strerror(errno)};
    file.peek();  // a folder opens, but cannot be read
    if (file.bad()) return Error{Code::io, path + ": " + std::strerror(errno)};
    file.clear();
    return read_stream(file, bytes_max, path);
}

Result<Bytes> read_value(const std::string& word, bool literal, std::istream& in, size_t bytes_max) {
    if (literal || word.empty()) return Bytes(word);
    if (word == "-") return read_stream(in, bytes_max, "standard input");
    if (word[0] == '@') return read_file(word.substr(1), bytes_max);
    return Bytes(word);
}

}  // namespace belfry::cli

#include "sdk/base/backup_file.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <map>
#include <sstream>

#include "sdk/base/crc32c.hpp"

namespace belfry {

namespace {

constexpr BytesView magic = "BELBACK1";
constexpr size_t tail_bytes = 4 + 4 + 8;
constexpr size_t facts_bytes_max = 4096;
constexpr size_t read_bytes = 1024 * 1024;

void append_u32(Bytes& out, uint32_t number) {
    for (int shift = 0; shift < 32; shift += 8) out += static_cast<char>(number >> shift & 0xff);
}

uint32_t u32_at(BytesView octets, size_t at) {
    uint32_t number = 0;
    for (size_t i = 4; i-- > 0;) number = number << 8 | static_cast<unsigned char>(octets[at + i]);
    return number;
}

Error damaged(const std::string& path, const std::string& why) { return {Code::corrupt, "backup '" + path + "' " + why}; }

// Numbers that are not numbers are 0: the checksum has been compared.
uint64_t number_in(const std::map<std::string, std::string>& facts, const std::string& name) {
    const auto found = facts.find(name);
    uint64_t number = 0;
    if (found != facts.end()) {
        std::from_chars(found->second.data(), found->second.data() + found->second.size(), number);
    }
    return number;
}

Result<BackupFacts> parse(const std::string& path, const std::string& text) {
    std::map<std::string, std::string> facts;
    std::istringstream lines(text);
    for (std::string name, equals, value; lines >> name >> equals >> value;) facts[name] = value;
    if (number_in(facts, "format") != backup_format) {
        return Error{Code::incompatible, "backup '" + path + "' has format " + facts["format"] + ", this program knows " +
                                             std::to_string(backup_format) + "; use the newer one"};
    }
    BackupFacts parsed;
    parsed.cluster = number_in(facts, "cluster");
    parsed.index = number_in(facts, "index");
    parsed.term = number_in(facts, "term");
    parsed.revision = {number_in(facts, "revision")};
    parsed.taken_ms = number_in(facts, "taken_ms");
    parsed.store = facts["store"];
    return parsed;
}

// The checksum of what stands before the checksum.
Result<uint32_t> checksum_of(std::ifstream& file, const std::string& path, uint64_t size,
                             const std::function<void(uint64_t, uint64_t)>& on_progress) {
    file.seekg(0);
    Bytes buffer(read_bytes, '\0');
    uint32_t crc = 0;
    for (uint64_t done = 0; done < size;) {
        const size_t wanted = std::min<uint64_t>(read_bytes, size - done);
        if (!file.read(buffer.data(), static_cast<std::streamsize>(wanted))) {
            return Error{Code::io, "cannot read '" + path + "': " + std::strerror(errno)};
        }
        crc = crc32c(crc, BytesView(buffer.data(), wanted));
        done += wanted;
        if (on_progress) on_progress(done, size);
    }
    return crc;
}

}  // namespace

Bytes encode_backup_end(const BackupFacts& facts, uint32_t snapshot_crc) {
    std::ostringstream text;
    text << "\nformat = " << backup_format << "\ncluster = " << facts.cluster << "\nindex = " << facts.index
         << "\nterm = " << facts.term << "\nrevision = " << facts.revision.value << "\ntaken_ms = " << facts.taken_ms
         << "\nstore = " << facts.store << "\n";
    Bytes end = text.str();
    append_u32(end, static_cast<uint32_t>(end.size()));
    append_u32(end, crc32c(snapshot_crc, end));
    return end.append(magic);
}

Result<BackupFacts> check_backup(const std::string& path,
                                 const std::function<void(uint64_t done, uint64_t total)>& on_progress) {
    std::ifstream file(path, std::ios::binary | std::ios::ate);
    if (!file) {
        return Error{Code::io, "cannot open '" + path + "': " + std::strerror(errno)};
    }
    const auto size = static_cast<uint64_t>(file.tellg());
    Bytes tail(tail_bytes, '\0');
    file.seekg(size < tail_bytes ? 0 : static_cast<std::streamoff>(size - tail_bytes));
    const bool whole = size >= tail_bytes && file.read(tail.data(), tail_bytes);
    if (!whole || !BytesView(tail).ends_with(magic)) {
        return damaged(path, "does not end as a backup does: it was cut off, or it is something else");
    }
    const uint64_t facts_bytes = u32_at(tail, 0);
    if (facts_bytes > facts_bytes_max || facts_bytes + tail_bytes > size) return damaged(path, "is damaged at its end");
    const auto crc = checksum_of(file, path, size - tail_bytes + 4, on_progress);
    if (!crc) return crc.error();
    if (*crc != u32_at(tail, 4)) return damaged(path, "is damaged: its checksum is not what was written");
    Bytes text(facts_bytes, '\0');
    file.seekg(static_cast<std::streamoff>(size - tail_bytes - facts_bytes));
    if (!file.read(text.data(), static_cast<std::streamsize>(facts_bytes))) return damaged(path, "cannot be read");
    auto facts = parse(path, text);
    if (!facts) return facts;
    facts->snapshot_bytes = size - tail_bytes - facts_bytes;
    facts->checksum = *crc;
    return facts;
}

}  // namespace belfry

// A portable image of a state store, for stores that have no better snapshot format of their own. Stores that use it can
// read one another's images, so the members of one cluster may run different engines.
//
//     image  = "BLFSTAT1" u64:applied_index record* end
//     record = u8:table u32:key_size u32:value_size key value      tables ascend, keys ascend within a table
//     end    = u8:255 u64:record_count u64:digest
//
// Integers are little-endian. The digest folds hash64 of every record's octets, in order, from the applied index on.
// Stored and sent between members since 1.0.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>

#include "sdk/base/error.hpp"
#include "sdk/base/hash.hpp"
#include "sdk/base/types.hpp"
#include "sdk/plugin/state_store.hpp"

namespace belfry::plugin {

namespace image {

static_assert(std::endian::native == std::endian::little, "the image is copied as it lies in memory");

inline constexpr BytesView magic = "BLFSTAT1";
inline constexpr size_t part_bytes = 256 * 1024;  // what a sink is given at once, unless one value is larger
inline constexpr unsigned char end_mark = 255;
inline constexpr size_t record_header_bytes = 1 + 4 + 4;
inline constexpr size_t end_bytes = 1 + 8 + 8;

inline uint64_t fold(uint64_t digest, BytesView record) {
    return std::rotl(digest, 1) * 0x9E3779B97F4A7C15u + hash64(record);
}
template <class Integer>
void append(Bytes& out, Integer value) {
    out.append(reinterpret_cast<const char*>(&value), sizeof(value));
}
template <class Integer>
Integer load(const char* data) {
    Integer value;
    std::memcpy(&value, data, sizeof(value));
    return value;
}

}  // namespace image

// start, add..., finish; a Status that is not ok ends the writing.
class StateImageWriter {
public:
    explicit StateImageWriter(const SnapshotSink& sink) : sink_(sink) { buffer_.reserve(image::part_bytes + 4096); }

    Status start(Index applied_index) {
        buffer_ += image::magic;
        image::append(buffer_, applied_index.value);
        digest_ = applied_index.value;
        return {};
    }
    Status add(uint32_t table, BytesView key, BytesView value) {
        const size_t at = buffer_.size();
        buffer_ += static_cast<char>(table);
        image::append(buffer_, static_cast<uint32_t>(key.size()));
        image::append(buffer_, static_cast<uint32_t>(value.size()));
        buffer_ += key;
        buffer_ += value;
        digest_ = image::fold(digest_, BytesView(buffer_).substr(at));
        ++count_;
        return buffer_.size() < image::part_bytes ? Status{} : flush();
    }
    Status finish() {
        buffer_ += static_cast<char>(image::end_mark);
        image::append(buffer_, count_);
        image::append(buffer_, digest_);
        return flush();
    }

private:
    Status flush() {
        Status status = sink_(buffer_);
        buffer_.clear();
        return status;
    }

    const SnapshotSink& sink_;
    Bytes buffer_;
    uint64_t count_ = 0;
    uint64_t digest_ = 0;
};

// Reads an image. `corrupt` if it is not exactly one: too short, too long, out of order, or of another digest.
class StateImageReader {
public:
    explicit StateImageReader(const SnapshotSource& source) : source_(source) {}

    // Calls add(table, key, value) -> Status for every record, in order; its error ends the reading. What was added counts
    // only if this returns the image's applied index.
    template <class Add>
    Result<Index> read(Add&& add) {
        if (Status status = need(image::magic.size() + 8); !status) return status.error();
        if (rest().substr(0, image::magic.size()) != image::magic) return damaged("it does not start like an image");
        const Index applied{image::load<uint64_t>(rest().data() + image::magic.size())};
        at_ += image::magic.size() + 8;
        uint64_t digest = applied.value;
        for (uint64_t count = 0;; ++count) {
            if (Status status = need(1); !status) return status.error();
            if (static_cast<unsigned char>(rest()[0]) == image::end_mark) return finish(applied, count, digest);
            if (Status status = need(image::record_header_bytes); !status) return status.error();
            const auto table = static_cast<unsigned char>(rest()[0]);
            const auto key_size = image::load<uint32_t>(rest().data() + 1);
            const auto value_size = image::load<uint32_t>(rest().data() + 5);
            if (table >= BELFRY_TABLE_COUNT || key_size == 0 || key_size > BELFRY_STORE_KEY_BYTES_MAX ||
                value_size > BELFRY_STORE_VALUE_BYTES_MAX) {
                return damaged("record " + std::to_string(count) + " has impossible sizes");
            }
            const size_t size = image::record_header_bytes + key_size + value_size;
            if (Status status = need(size); !status) return status.error();
            const BytesView record = rest().substr(0, size);
            const BytesView key = record.substr(image::record_header_bytes, key_size);
            if (count > 0 && (table < last_table_ || (table == last_table_ && key <= last_key_))) {
                return damaged("record " + std::to_string(count) + " is out of order");
            }
            digest = image::fold(digest, record);
            if (Status status = add(uint32_t{table}, key, record.substr(image::record_header_bytes + key_size)); !status) {
                return status.error();
            }
            last_table_ = table;
            last_key_ = key;
            at_ += size;
        }
    }

private:
    BytesView rest() const { return BytesView(buffer_).substr(at_); }
    static Error damaged(const std::string& why) { return {Code::corrupt, "the snapshot image is damaged: " + why}; }

    // Makes rest() hold at least `size` octets.
    Status need(size_t size) {
        if (rest().size() >= size) return {};
        buffer_.erase(0, at_);
        at_ = 0;
        while (buffer_.size() < size) {
            const size_t had = buffer_.size();
            buffer_.resize(had + image::part_bytes);
            const Result<size_t> given = source_(buffer_.data() + had, image::part_bytes);
            if (!given) return given.error();
            buffer_.resize(had + *given);
            if (*given == 0) return damaged("it ends too early");
        }
        return {};
    }
    Result<Index> finish(Index applied, uint64_t count, uint64_t digest) {
        if (Status status = need(image::end_bytes); !status) return status.error();
        if (image::load<uint64_t>(rest().data() + 1) != count) return damaged("records are missing");
        if (image::load<uint64_t>(rest().data() + 9) != digest) return damaged("its digest is another");
        char more = 0;
        if (rest().size() > image::end_bytes) return damaged("something follows its end");
        const Result<size_t> given = source_(&more, 1);
        if (!given) return given.error();
        if (*given != 0) return damaged("something follows its end");
        return applied;
    }

    const SnapshotSource& source_;
    Bytes buffer_;
    size_t at_ = 0;
    uint32_t last_table_ = 0;
    Bytes last_key_;
};

}  // namespace belfry::plugin

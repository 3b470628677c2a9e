// Questions as octets, and answers read back.
#pragma once

#include <catch2/catch_test_macros.hpp>
#include <string>
#include <vector>

#include "sdk/dns/message.hpp"

namespace belfry::dns::test {

inline Bytes u16(unsigned number) { return {static_cast<char>(number >> 8), static_cast<char>(number)}; }

inline Bytes wire_name(std::string_view text) {
    Bytes octets;
    while (!text.empty()) {
        const size_t dot = std::min(text.find('.'), text.size());
        octets += static_cast<char>(dot);
        octets += text.substr(0, dot);
        text.remove_prefix(std::min(dot + 1, text.size()));
    }
    return octets + '\0';
}

inline Bytes opt(unsigned udp_octets, unsigned version = 0) {
    return Bytes(1, '\0') + u16(41) + u16(udp_octets) + Bytes(1, '\0') + static_cast<char>(version) + u16(0) + u16(0);
}

// Recursion is desired, as every resolver does.
inline Bytes question(std::string_view name, Type type, const Bytes& additional = {}, unsigned query_class = 1) {
    return u16(0xBEEF) + u16(0x0100) + u16(1) + u16(0) + u16(0) + u16(additional.empty() ? 0 : 1) + wire_name(name) +
           u16(static_cast<unsigned>(type)) + u16(query_class) + additional;
}

struct Record {
    std::string name;
    Type type;
    uint32_t ttl_s;
    Bytes data;
};

// An answer taken apart, by other code than wrote it.
struct Answer {
    unsigned flags = 0;
    std::vector<Record> sections[3];

    Rcode rcode() const { return static_cast<Rcode>(flags & 0x0F); }
    bool truncated() const { return (flags & 0x0200) != 0; }
    const std::vector<Record>& answers() const { return sections[0]; }
    const std::vector<Record>& authority() const { return sections[1]; }
    const std::vector<Record>& additional() const { return sections[2]; }
};

class AnswerReader {
public:
    explicit AnswerReader(const Bytes& octets) : octets_(octets) {}

    Answer read() {
        REQUIRE(number(2) == 0xBEEF);
        Answer answer;
        answer.flags = number(2);
        const unsigned questions = number(2);
        unsigned counts[3];
        for (unsigned& count : counts) count = number(2);
        for (unsigned i = 0; i < questions; ++i) name(), at_ += 4;
        for (int section = 0; section < 3; ++section) {
            for (unsigned i = 0; i < counts[section]; ++i) answer.sections[section].push_back(record());
        }
        REQUIRE(at_ == octets_.size());
        return answer;
    }
    std::string name_at(size_t at) {
        at_ = at;
        return name();
    }

private:
    unsigned number(int size) {
        unsigned value = 0;
        for (int i = 0; i < size; ++i) value = value << 8 | static_cast<uint8_t>(octets_.at(at_++));
        return value;
    }
    std::string name() {
        std::string text;
        for (unsigned size = number(1); size != 0; size = number(1)) {
            if (size >= 0xC0) {
                const size_t target = (size & 0x3F) << 8 | number(1);
                REQUIRE(target < at_ - 2);
                const size_t after = at_;
                text += name_at(target);
                at_ = after;
                return text;
            }
            text += octets_.substr(at_, size) + ".";
            at_ += size;
        }
        return text;
    }
    Record record() {
        Record record;
        record.name = name();
        record.type = static_cast<Type>(number(2));
        number(2);
        record.ttl_s = number(4);
        const unsigned size = number(2);
        record.data = octets_.substr(at_, size);
        at_ += size;
        return record;
    }
    const Bytes octets_;
    size_t at_ = 0;
};

inline Answer read_answer(const Bytes& octets) { return AnswerReader(octets).read(); }

}  // namespace belfry::dns::test

#include "sdk/dns/message.hpp"

#include <algorithm>

namespace belfry::dns {
namespace {

constexpr size_t header_octets = 12;
constexpr size_t opt_octets = 11;  // a root name, and no options
constexpr uint8_t pointer_bits = 0xC0;
constexpr uint16_t pointer_mark = 0xC000;
constexpr uint16_t pointer_max = 0x3FFF;
constexpr uint16_t flag_response = 0x8000, flag_authoritative = 0x0400, flag_truncated = 0x0200, flag_recursion = 0x0100;
constexpr uint16_t opcode_bits = 0x7800;
constexpr int opcode_shift = 11;

void put16(Bytes& out, uint32_t number) {
    out += static_cast<char>(number >> 8);
    out += static_cast<char>(number);
}
void put32(Bytes& out, uint32_t number) {
    put16(out, number >> 16);
    put16(out, number & 0xFFFF);
}
void set16(Bytes& out, size_t at, uint32_t number) {
    out[at] = static_cast<char>(number >> 8);
    out[at + 1] = static_cast<char>(number);
}

// By pieces; `good` goes once something is missing, and for ever.
class Reader {
public:
    explicit Reader(BytesView octets) : octets_(octets) {}

    bool good() const { return good_; }
    size_t at() const { return at_; }
    uint8_t u8() { return need(1) ? static_cast<uint8_t>(octets_[at_++]) : uint8_t{0}; }
    uint16_t u16() {
        const unsigned high = u8();
        return static_cast<uint16_t>(high << 8 | u8());
    }
    BytesView take(size_t count) {
        if (!need(count)) return {};
        at_ += count;
        return octets_.substr(at_ - count, count);
    }
    // Pointers are nothing that a question needs.
    Name name() {
        Name name;
        size_t octets = 1;
        while (good_) {
            const uint8_t size = u8();
            octets += size + size_t{1};
            if (size > label_octets_max || octets > name_octets_max + 1) good_ = false;
            if (size == 0) return name;
            std::string label(take(size));
            for (char& letter : label)
                letter = letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter + 'a' - 'A') : letter;
            name.push_back(std::move(label));
        }
        return {};
    }
    // Of a record: where it ends is enough.
    bool skip_name(bool& is_root) {
        is_root = false;
        for (bool first = true; good_; first = false) {
            const uint8_t size = u8();
            if (size == 0) return is_root = first, good_;
            if ((size & pointer_bits) == pointer_bits) return u8(), good_;
            if (size > label_octets_max) good_ = false;
            take(size);
        }
        return false;
    }

private:
    bool need(size_t count) {
        good_ = good_ && count <= octets_.size() - at_;
        return good_;
    }
    const BytesView octets_;
    size_t at_ = 0;
    bool good_ = true;
};

// False: not a record, or a second OPT.
bool take_record(Reader& reader, Query& query) {
    bool is_root = false;
    reader.skip_name(is_root);
    const auto type = static_cast<Type>(reader.u16());
    const uint16_t size_or_class = reader.u16();
    reader.u8();  // of OPT: more of the rcode; the version; flags. Of others: the time to live
    const uint8_t version = reader.u8();
    reader.u16();
    reader.take(reader.u16());
    if (!reader.good()) return false;
    if (type != Type::opt) return true;
    if (!is_root || query.edns) return false;
    query.edns = Query::Edns{size_or_class, version};
    return true;
}

std::string text_of(const Name& name, size_t from) {
    std::string text;
    for (size_t i = from; i < name.size(); ++i) text += static_cast<char>(name[i].size()) + name[i];
    return text;
}

}  // namespace

std::optional<Name> parse_name(std::string_view text) {
    Name name;
    if (text.ends_with('.')) text.remove_suffix(1);
    if (text.size() + 2 > name_octets_max) return std::nullopt;
    while (true) {
        const size_t dot = std::min(text.find('.'), text.size());
        if (dot == 0 || dot > label_octets_max) return std::nullopt;
        std::string label(text.substr(0, dot));
        std::transform(label.begin(), label.end(), label.begin(),
                       [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 'a' - 'A') : c; });
        name.push_back(std::move(label));
        if (dot == text.size()) return name;
        text.remove_prefix(dot + 1);
    }
}

std::optional<Query> parse_query(BytesView message) {
    if (message.size() < header_octets || message.size() > message_octets_max) return std::nullopt;
    Reader reader(message);
    Query query;
    query.id = reader.u16();
    query.flags = reader.u16();
    if ((query.flags & flag_response) != 0) return std::nullopt;
    query.opcode = static_cast<uint8_t>((query.flags & opcode_bits) >> opcode_shift);
    const uint16_t questions = reader.u16();
    uint32_t records = reader.u16();
    records += reader.u16();
    records += reader.u16();
    if (questions != 1) return query;
    query.name = reader.name();
    query.type = reader.u16();
    query.query_class = reader.u16();
    if (!reader.good()) return query;
    query.question = Bytes(message.substr(header_octets, reader.at() - header_octets));
    for (; records > 0; --records) {
        if (!take_record(reader, query)) return query;
    }
    query.well_formed = true;
    return query;
}

MessageWriter::MessageWriter(const Query& query, size_t octets_max)
    : query_(query), octets_max_(octets_max - (query.edns ? opt_octets : 0)) {
    out_.assign(header_octets, '\0');
    if (!query.well_formed) return;
    for (size_t i = 0, place = header_octets; i < query.name.size(); ++i) {
        places_.emplace(text_of(query.name, i), static_cast<uint16_t>(place));
        place += query.name[i].size() + 1;
    }
    out_ += query.question;
}

void MessageWriter::write_name(const Name& name) {
    for (size_t i = 0; i < name.size(); ++i) {
        const std::string rest = text_of(name, i);
        if (const auto known = places_.find(rest); known != places_.end()) {
            return put16(out_, pointer_mark | known->second);
        }
        if (out_.size() <= pointer_max) places_.emplace(rest, static_cast<uint16_t>(out_.size()));
        out_ += static_cast<char>(name[i].size());
        out_ += name[i];
    }
    out_ += '\0';
}

bool MessageWriter::add(Section section, const Name& name, Type type, uint32_t ttl_s, BytesView data) {
    const size_t before = out_.size();
    write_name(name);
    put16(out_, static_cast<uint16_t>(type));
    put16(out_, class_in);
    put32(out_, ttl_s);
    put16(out_, static_cast<uint32_t>(data.size()));
    out_ += data;
    if (out_.size() <= octets_max_) return ++counts_[static_cast<size_t>(section)], true;
    out_.resize(before);
    std::erase_if(places_, [&](const auto& place) { return place.second >= before; });
    return false;
}

Bytes MessageWriter::finish(Rcode rcode, bool authoritative, bool truncated) {
    const auto code = static_cast<uint16_t>(rcode);
    uint16_t flags = flag_response | (query_.flags & (opcode_bits | flag_recursion)) | (code & 0x0F);
    if (authoritative) flags |= flag_authoritative;
    if (truncated) flags |= flag_truncated;
    set16(out_, 0, query_.id);
    set16(out_, 2, flags);
    set16(out_, 4, query_.well_formed ? 1 : 0);
    set16(out_, 6, counts_[0]);
    set16(out_, 8, counts_[1]);
    set16(out_, 10, counts_[2] + (query_.edns ? 1u : 0u));
    if (query_.edns) {
        out_ += '\0';
        put16(out_, static_cast<uint16_t>(Type::opt));
        put16(out_, udp_octets_max);
        put32(out_, static_cast<uint32_t>(code >> 4) << 24);
        put16(out_, 0);
    }
    return std::move(out_);
}

Bytes name_data(const Name& name) { return text_of(name, 0) + '\0'; }

Bytes srv_data(uint16_t priority, uint16_t weight, uint16_t port, const Name& target) {
    Bytes data;
    put16(data, priority);
    put16(data, weight);
    put16(data, port);
    return data + name_data(target);
}

Bytes soa_data(const Name& primary, const Name& mailbox, uint32_t serial, uint32_t negative_ttl_s) {
    constexpr uint32_t refresh_s = 3600, retry_s = 600, expire_s = 86400;  // for secondaries, of which there are none
    Bytes data = name_data(primary) + name_data(mailbox);
    for (const uint32_t number : {serial, refresh_s, retry_s, expire_s, negative_ttl_s}) put32(data, number);
    return data;
}

}  // namespace belfry::dns

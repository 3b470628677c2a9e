#include "plugins/filter_json/document.hpp"

#include <array>

namespace belfry::filter_json {
namespace {

struct Read {
    Bytes value;
    nlohmann::json document = nlohmann::json::value_t::discarded;
};

// Brackets outside of strings. What is no JSON may be counted wrongly; the parser then refuses it.
bool is_flat_enough(BytesView value) {
    size_t depth = 0;
    bool quoted = false;
    for (size_t at = 0; at < value.size(); ++at) {
        const char octet = value[at];
        if (quoted) {
            if (octet == '\\') ++at;
            quoted = octet != '"';
        } else if (octet == '"') {
            quoted = true;
        } else if (octet == '[' || octet == '{') {
            if (++depth > document_depth_max) return false;
        } else if ((octet == ']' || octet == '}') && depth > 0) {
            --depth;
        }
    }
    return true;
}

nlohmann::json parse(BytesView value) {
    // nlohmann's parser takes a NUL as the end and would not look at what follows.
    if (value.find('\0') != BytesView::npos || !is_flat_enough(value)) return nlohmann::json::value_t::discarded;
    return nlohmann::json::parse(value, nullptr, false);
}

const nlohmann::json* found(const Read& read) { return read.document.is_discarded() ? nullptr : &read.document; }

}  // namespace

const nlohmann::json* document_of(BytesView value) {
    if (value.empty() || value.size() > document_bytes_max) return nullptr;
    thread_local std::array<Read, 2> reads;
    thread_local size_t latest = 0;
    for (size_t i = 0; i < reads.size(); ++i) {
        if (reads[i].value != value) continue;
        latest = i;
        return found(reads[i]);
    }
    latest = 1 - latest;
    Read& read = reads[latest];
    read.value.assign(value);
    read.document = parse(value);
    return found(read);
}

}  // namespace belfry::filter_json

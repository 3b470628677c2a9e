// The first octet says the form. Any text is read within the bounds or refused; what was read is written and read again.
#include <cmath>
#include <cstdlib>

#include "sdk/values/document.hpp"

using namespace belfry;

namespace {

bool has_nan(const Node& node) {
    if (const auto* number = std::get_if<double>(&node.value)) return std::isnan(*number);
    if (const Node::List* list = node.list()) {
        for (const Node& item : *list) {
            if (has_nan(item)) return true;
        }
    }
    if (const Node::Map* map = node.map()) {
        for (const Node::Member& member : *map) {
            if (has_nan(member.node)) return true;
        }
    }
    return false;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size == 0) return 0;
    const BytesView text(reinterpret_cast<const char*>(data) + 1, size - 1);
    const auto document = Document::parse(text, static_cast<Document::Form>(data[0] % 3));
    if (!document) return 0;
    (void)document->get_int("/a/0/b", 7);
    (void)document->get_strings("");
    if (has_nan(document->root())) return 0;
    for (const auto form : {Document::Form::json, Document::Form::yaml}) {
        const auto written = document->write(form);
        if (!written || written->size() > document_bytes_max) continue;
        const auto again = Document::parse(*written, form);
        if (!again || !(again->root() == document->root())) std::abort();
    }
    (void)document->write(Document::Form::toml).ok();
    return 0;
}

// Documents of a Subscription's view:
//     auto config = belfry::document(*subscription->view(), "app/shop/db");
//     int size = config ? config->get_int("/pool/size", 32) : 32;
// Reads the value anew at each call; keep the document as long as the key's mod_revision stays. For programs that link
// Belfry::client too.
#pragma once

#include "sdk/client/view.hpp"
#include "sdk/values/document.hpp"

namespace belfry {

// As Document::read; `not_found` if there is no such key.
inline Result<Document> document(const View& view, BytesView key, BytesView content_type = {}) {
    const KeyValue* kv = view.find(key);
    if (kv == nullptr) return Error{Code::not_found, "no such key '" + Bytes(key) + "'"};
    return Document::read(*kv, content_type);
}

}  // namespace belfry

#include "sdk/cli/content.hpp"

#include "sdk/base/content_type.hpp"
#include "sdk/values/document.hpp"

namespace belfry::cli {

namespace {

Status check(BytesView value, const Bytes& content_type) {
    const auto form = Document::form_of(content_type);
    if (!form) return {};
    const auto document = Document::parse(value, *form);
    if (document) return {};
    return Error{document.error().code, "the value is no " + content_type + ": " + document.error().detail};
}

}  // namespace

Result<Bytes> stated_content_type(std::string_view word, BytesView value) {
    if (word == "none") return Bytes();
    const Bytes content_type = canonical_content_type(word);
    if (Status status = check_content_type(content_type); !status) return status.error();
    if (content_type.empty())
        return Error{Code::invalid_argument, "content type: write a word such as json; none for none"};
    if (Status status = check(value, content_type); !status) return status.error();
    return content_type;
}

GuessedType guessed_content_type(std::string_view path, BytesView value) {
    Bytes content_type(content_type_of_path(path));
    if (content_type.empty()) return {};
    const Status fits = check(value, content_type);
    if (!fits) return {{}, fits.error().detail};
    return {std::move(content_type), {}};
}

}  // namespace belfry::cli

// Documents, outside the source tree.
#include "sdk/values/view_document.hpp"

int main() {
    belfry::ViewBuilder builder;
    builder.put({"app/db", "pool: {size: 64}", {1}, {1}, 1, {}, "yaml"});
    const auto document = belfry::document(*builder.publish({1}), "app/db");
    if (!document || document->get_int("/pool/size", 32) != 64) return 1;
    const auto toml = document->write(belfry::Document::Form::toml);
    return toml && *toml == "[pool]\nsize = 64\n" ? 0 : 2;
}

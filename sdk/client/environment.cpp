#include "sdk/client/environment.hpp"

#include <algorithm>
#include <cstdlib>

namespace belfry {
namespace {

std::string variable(const char* name) {
    const char* const text = std::getenv(name);
    return text == nullptr ? std::string() : std::string(text);
}

std::vector<std::string> list(const char* name) {
    const std::string text = variable(name);
    std::vector<std::string> parts;
    for (size_t begin = 0; begin < text.size();) {
        const size_t end = std::min(text.find(',', begin), text.size());
        if (end > begin) parts.push_back(text.substr(begin, end - begin));
        begin = end + 1;
    }
    return parts;
}

}  // namespace

ClientOptions options_from_environment() {
    ClientOptions options;
    if (auto endpoints = list("BELFRY_ENDPOINT"); !endpoints.empty()) options.endpoints = std::move(endpoints);
    options.feed_endpoints = list("BELFRY_FEED");
    options.server_keys = list("BELFRY_SERVER_KEY");
    options.key_file = variable("BELFRY_KEY_FILE");
    options.author = variable("BELFRY_AUTHOR");
    return options;
}

}  // namespace belfry

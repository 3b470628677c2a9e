// "exact": one key.
#include <memory>

#include "sdk/base/limits.hpp"
#include "sdk/plugin/filter.hpp"

namespace {

using namespace belfry;

class ExactFilter {
public:
    static constexpr const char* kind = "exact";
    static constexpr bool reads_value = false;
    static Result<std::unique_ptr<ExactFilter>> compile(BytesView spec) {
        if (spec.empty()) return Error{Code::invalid_argument, "exact: the key is empty"};
        if (spec.size() > limits::key_bytes_max) return Error{Code::too_large, "exact: longer than any key can be"};
        return std::unique_ptr<ExactFilter>(new ExactFilter(spec));
    }
    BytesView canonical() const { return key_; }
    plugin::FilterRange range() const { return {key_, after_}; }
    bool matches(BytesView key, BytesView) const { return key == key_; }

private:
    explicit ExactFilter(BytesView spec) : key_(spec), after_(key_ + '\0') {}
    Bytes key_;
    Bytes after_;  // the next key in order
};

}  // namespace

BELFRY_PLUGIN(filter_exact, "1.0.0", "Matches one key.", belfry::plugin::filter<ExactFilter>())

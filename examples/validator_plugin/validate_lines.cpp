// A validator: a value is text of at most so many lines. The spec is that number.
#include <algorithm>
#include <charconv>
#include <memory>
#include <string>

#include "sdk/plugin/validator.hpp"

namespace {

class LinesValidator {
public:
    static constexpr const char* kind = "lines";

    // Before a policy is taken: only what is understood, with a sentence that says what to write instead.
    static belfry::Result<std::unique_ptr<LinesValidator>> compile(belfry::BytesView spec) {
        size_t lines_max = 0;
        const auto [end, error] = std::from_chars(spec.data(), spec.data() + spec.size(), lines_max);
        if (error != std::errc() || end != spec.data() + spec.size() || lines_max == 0) {
            return belfry::Error{belfry::Code::invalid_argument,
                                 std::string(kind) + ": the spec is a number above 0, like 10"};
        }
        return std::make_unique<LinesValidator>(lines_max);
    }
    explicit LinesValidator(size_t lines_max) : lines_max_(lines_max) {}

    // Before a write enters the log, on the leader. The sentence is for whoever writes: what is wrong, and where.
    belfry::Status check(const belfry::plugin::ValueChange& change) const {
        if (!change.value) return {};  // the key is to be erased: nothing to object
        const belfry::BytesView value = *change.value;
        const size_t breaks = static_cast<size_t>(std::count(value.begin(), value.end(), '\n'));
        const size_t lines = value.empty() || value.back() == '\n' ? breaks : breaks + 1;
        if (lines <= lines_max_) return {};
        return belfry::Error{belfry::Code::invalid_argument, "the value has " + std::to_string(lines) + " lines, at most " +
                                                                 std::to_string(lines_max_) + " are allowed"};
    }
    // True if check() may take longer than a millisecond: it is then called where nobody waits for it but the write.
    bool may_block() const { return false; }

private:
    const size_t lines_max_;
};

}  // namespace

BELFRY_PLUGIN(validate_lines, "1.0.0", "Accepts text of few lines.", belfry::plugin::validator<LinesValidator>())

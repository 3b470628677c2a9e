// Which instances are meant, by their labels: all of these must hold.
//
//   zone=a     the label is there and is this      canary     it is there, whatever it is
//   zone!=a    it is not there, or is another      !canary    it is not there
#pragma once

#include <vector>

#include "sdk/discovery/instance.hpp"

namespace belfry {

class Selector {
public:
    // Everything is meant.
    Selector() = default;
    // Each one of the above; `invalid_argument` names the one that is none, `too_large`: more than labels can be.
    static Result<Selector> parse(const std::vector<std::string>& requirements);

    bool matches(const Instance& instance) const;
    bool empty() const { return requirements_.empty(); }

private:
    struct Requirement {
        std::string name;
        std::optional<std::string> value;  // none: any
        bool wanted = true;
    };
    std::vector<Requirement> requirements_;
};

}  // namespace belfry

#include "sdk/discovery/selector.hpp"

#include <algorithm>

namespace belfry {

Result<Selector> Selector::parse(const std::vector<std::string>& requirements) {
    if (requirements.size() > limits::instance_labels_max) {
        return Error{Code::too_large, "selector: more labels than the " + std::to_string(limits::instance_labels_max) +
                                          " an instance has at most"};
    }
    Selector selector;
    for (const std::string& text : requirements) {
        Requirement requirement;
        const size_t equals = text.find('=');
        if (equals != std::string::npos) requirement.value = text.substr(equals + 1);
        requirement.name = text.substr(0, equals);
        const bool negated = requirement.value ? requirement.name.ends_with('!') : requirement.name.starts_with('!');
        if (negated) requirement.name.erase(requirement.value ? requirement.name.size() - 1 : 0, 1);
        requirement.wanted = !negated;
        if (const Status good = check_instance_label(requirement.name, requirement.value.value_or("")); !good) {
            return Error{good.error().code,
                         "selector: write NAME=VALUE, NAME!=VALUE, NAME or !NAME; " + good.error().detail};
        }
        selector.requirements_.push_back(std::move(requirement));
    }
    return selector;
}

bool Selector::matches(const Instance& instance) const {
    return std::all_of(requirements_.begin(), requirements_.end(), [&](const Requirement& requirement) {
        const auto label = instance.labels.find(requirement.name);
        const bool holds = label != instance.labels.end() && (!requirement.value || label->second == *requirement.value);
        return holds == requirement.wanted;
    });
}

}  // namespace belfry

#include "sdk/base/labels.hpp"

#include <algorithm>
#include <functional>
#include <string>

#include "sdk/base/limits.hpp"

namespace belfry {

namespace {

constexpr BytesView octets_of_words = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/:@+";

bool is_word(BytesView text) { return !text.empty() && text.find_first_not_of(octets_of_words) == BytesView::npos; }

}  // namespace

Status check_label(BytesView label) {
    if (label.size() > limits::label_bytes_max) {
        return Error{Code::too_large, "label: " + std::to_string(label.size()) + " octets; at most " +
                                          std::to_string(limits::label_bytes_max) + " are allowed"};
    }
    const size_t equals = label.find('=');
    const bool has_value = equals != BytesView::npos;
    if (is_word(label.substr(0, equals)) && (!has_value || is_word(label.substr(equals + 1)))) return {};
    return Error{Code::invalid_argument,
                 "label: write WORD or NAME=VALUE, of letters, digits and . _ - / : @ +, not '" + Bytes(label) + "'"};
}

Status check_labels(const Labels& labels) {
    if (labels.size() > limits::labels_max) {
        return Error{Code::too_large, "a change set has " + std::to_string(labels.size()) + " labels; at most " +
                                          std::to_string(limits::labels_max) + " allowed"};
    }
    for (const Bytes& label : labels) {
        if (Status status = check_label(label); !status) return status;
    }
    const auto disorder = std::adjacent_find(labels.begin(), labels.end(), std::greater_equal<>());
    if (disorder == labels.end()) return {};
    return Error{Code::invalid_argument, "labels: they stand in order, each once; '" + disorder[1] + "' does not"};
}

Labels canonical_labels(Labels labels) {
    std::sort(labels.begin(), labels.end());
    labels.erase(std::unique(labels.begin(), labels.end()), labels.end());
    return labels;
}

size_t labels_bytes(const Labels& labels) {
    size_t bytes = 0;
    for (const Bytes& label : labels) bytes += label.size() + 2;
    return bytes;
}

}  // namespace belfry

#include "hub/plugin/validator.hpp"

namespace belfry::hub::plugin {

using belfry::plugin::to_c;

Validator::Validator(const belfry_validator_v1& table, belfry_validator* validator)
    : table_(table), validator_(validator), may_block_(table.may_block(validator) != 0) {}

Validator::~Validator() { table_.close(validator_); }

// The sentence is for whoever writes the value: it names the place in it, not the plugin.
Status Validator::check(BytesView key, const std::optional<Bytes>& old_value, const std::optional<Bytes>& value) const {
    ErrorBuffer error;
    const belfry_bytes before = to_c(old_value ? BytesView(*old_value) : BytesView());
    const belfry_bytes now = to_c(value ? BytesView(*value) : BytesView());
    const belfry_status status =
        table_.check(validator_, to_c(key), old_value ? &before : nullptr, value ? &now : nullptr, error);
    if (status == BELFRY_OK) return {};
    if (status == BELFRY_INVALID_ARGUMENT) return Error{Code::invalid_argument, error.error.message};
    return to_error(status, error, "validator '" + std::string(table_.kind) + "'", "check");
}

Status Validators::add(const belfry_validator_v1& table, const belfry_host_v1* host,
                       const belfry::plugin::Settings& settings) {
    if (Status added = kinds_.add(table); !added) return added;
    const std::string name = "validator '" + std::string(table.kind) + "'";
    if (!BELFRY_HAS(&table, belfry_validator_v1, configure)) {
        if (settings.empty()) return {};
        return Error{Code::invalid_argument, name + " takes no settings; remove " + settings.front().first};
    }
    ErrorBuffer error;
    const std::vector<belfry_setting> list = plugin::to_c(settings);
    return to_status(table.configure(host, list.data(), list.size(), error), error, name, "configure");
}

Result<std::shared_ptr<const Validator>> Validators::compile(const std::string& kind, BytesView spec) const {
    const auto table = kinds_.find(kind);
    if (!table) return Error{table.error().code, table.error().detail + " (load its plugin on every member)"};
    belfry_validator* validator = nullptr;
    if (Status compiled = kinds_.compile(**table, spec, &validator); !compiled) return compiled.error();
    return std::shared_ptr<const Validator>(new Validator(**table, validator));
}

}  // namespace belfry::hub::plugin

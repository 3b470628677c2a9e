// The tables of a seam of which a hub has many, by the words users write: filters, validators.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "hub/plugin/call.hpp"

namespace belfry::hub::plugin {

// Table: a struct of the seam with `kind` and `compile`.
template <class Table>
class Kinds {
public:
    // `seam` is static: "filter".
    explicit Kinds(const char* seam) : seam_(seam) {}

    // `table` is static. Refuses a kind that is there already.
    Status add(const Table& table) {
        for (const Table* other : tables_) {
            if (std::string_view(other->kind) == table.kind) {
                return Error{Code::conflict, std::string(seam_) + " kind '" + std::string(table.kind) +
                                                 "' is offered by two plugins; load one"};
            }
        }
        tables_.push_back(&table);
        return {};
    }
    // `unsupported`, naming those there are.
    Result<const Table*> find(std::string_view kind) const {
        std::string kinds;
        for (const Table* table : tables_) {
            if (kind == table->kind) return table;
            kinds += (kinds.empty() ? "" : ", ") + std::string(table->kind);
        }
        return Error{Code::unsupported, std::string(seam_) + " kind '" + std::string(kind) +
                                            "' is not known here; there are: " + (kinds.empty() ? "none" : kinds)};
    }
    // What the table makes of the spec; to be closed by the caller. `invalid_argument` with the plugin's sentence.
    template <class Object>
    Status compile(const Table& table, BytesView spec, Object** object) const {
        const std::string name = std::string(seam_) + " '" + table.kind + "'";
        ErrorBuffer error;
        const belfry_status status = table.compile(belfry::plugin::to_c(spec), object, error);
        if (status != BELFRY_OK) return to_error(status, error, name, "compile");
        if (*object == nullptr) return Error{Code::io, name + ": compile gave no " + seam_};
        return {};
    }

private:
    const char* seam_;
    std::vector<const Table*> tables_;
};

}  // namespace belfry::hub::plugin

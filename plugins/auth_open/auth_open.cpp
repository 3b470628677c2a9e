// "auth_open": everybody who reaches this member may do everything. For a hub on loopback, and the default.
//
// In a cluster whose record auth/enabled says that members must ask who somebody is, it serves nobody: one member of the
// wrong settings must not be the open door of all.
#include "sdk/plugin/auth.hpp"
#include "sdk/protocol/auth_records.hpp"

namespace {

using namespace belfry;

class OpenAuth {
public:
    static Result<std::unique_ptr<OpenAuth>> open(const plugin::AuthArguments& arguments) {
        if (!arguments.settings.empty()) {
            return Error{Code::invalid_argument, "there is no setting '" + arguments.settings[0].first + "'"};
        }
        return std::make_unique<OpenAuth>();
    }
    bool is_open() const { return true; }
    Status load(std::span<const plugin::AuthRecord> records, bool all) {
        if (all) must_ask_ = false;
        for (const plugin::AuthRecord& record : records) {
            if (record.name == auth::enabled_name) must_ask_ = record.content.has_value();
        }
        if (!must_ask_) return {};
        return Error{Code::denied,
                     "this cluster's members must know who asks (belfry auth status), and this member asks nobody: set "
                     "[auth] plugin = \"auth_rbac\" in its belfry.toml and start it again"};
    }
    Status check_record(BytesView name, BytesView content) const { return auth::check_record(name, content); }
    Status authenticate(BytesView, BytesView) const { return nobody(); }
    Result<uint64_t> stamp(BytesView) const { return nobody(); }
    Result<BytesView> user_of_key(BytesView) const { return nobody(); }
    Status authorize(BytesView, uint32_t, const plugin::AuthRange&) const {
        return must_ask_ ? Status(nobody()) : Status();
    }

private:
    static Error nobody() { return {Code::unauthenticated, "auth_open knows nobody"}; }
    bool must_ask_ = false;
};

}  // namespace

BELFRY_PLUGIN(auth_open, "1.0.0", "Everybody may do everything.", belfry::plugin::auth<OpenAuth>())

#include "sdk/testing/plugin_check.hpp"

#include <cstdlib>

#define BOOST_DLL_USE_STD_FS  // then no Boost library needs to be linked
#include <boost/dll/shared_library.hpp>
#include <filesystem>
#include <memory>
#include <vector>

#include "sdk/plugin/descriptor.hpp"
#include "sdk/testing/auth_suite.hpp"
#include "sdk/testing/filter_suite.hpp"
#include "sdk/testing/log_store_suite.hpp"
#include "sdk/testing/state_store_suite.hpp"
#include "sdk/testing/transport_suite.hpp"
#include "sdk/testing/validator_suite.hpp"

namespace belfry::testing {

namespace {

class TempDirectory {
public:
    TempDirectory() {
        std::string pattern = (std::filesystem::temp_directory_path() / "belfry-plugin-check-XXXXXX").string();
        require(::mkdtemp(pattern.data()) != nullptr, "no folder can be made: " + pattern);
        path = pattern;
    }
    ~TempDirectory() {
        std::error_code ignored;
        std::filesystem::remove_all(path, ignored);
    }
    TempDirectory(const TempDirectory&) = delete;
    TempDirectory& operator=(const TempDirectory&) = delete;
    std::string path;
};

const belfry_host_v1& silent_host() {
    static const belfry_host_v1 host = {sizeof(belfry_host_v1), BELFRY_ABI_MAJOR, BELFRY_ABI_MINOR, nullptr,
                                        [](void*, int32_t, const char*, const char*) {}};
    return host;
}

const belfry_plugin_descriptor* load(const std::string& path) {
    require(std::filesystem::is_regular_file(path), path + ": there is no such file");
    // Never unloaded, as in the hub: left behind on purpose, where leak checkers still see it.
    static auto& loaded = *new std::vector<std::unique_ptr<boost::dll::shared_library>>;
    const auto mode = boost::dll::load_mode::rtld_now | boost::dll::load_mode::rtld_local;
    loaded.push_back(std::make_unique<boost::dll::shared_library>(std::filesystem::absolute(path), mode));
    auto* library = loaded.back().get();
    require(library->has(BELFRY_PLUGIN_ENTRY_SYMBOL), path + ": exports no " BELFRY_PLUGIN_ENTRY_SYMBOL);
    const auto entry =
        &library->get<const belfry_plugin_descriptor*(const belfry_host_v1*, belfry_error*)>(BELFRY_PLUGIN_ENTRY_SYMBOL);
    belfry_error error;
    error.struct_size = sizeof(error);
    error.message[0] = '\0';
    const belfry_plugin_descriptor* descriptor = entry(&silent_host(), &error);
    require(descriptor != nullptr || error.message[0] == '\0',
            "the plugin refused to start: " + std::string(error.message));
    return descriptor;
}

std::string describe(const belfry_plugin_descriptor& descriptor) {
    std::string text = std::string(descriptor.name) + " " + descriptor.version + ", plugin ABI " +
                       std::to_string(descriptor.abi_major) + "." + std::to_string(descriptor.abi_minor) + "\n" +
                       descriptor.summary + "\n";
    for (uint64_t i = 0; i < descriptor.interface_count; ++i) {
        text += "  " + plugin::interface_name(descriptor.interfaces[i]) + '\n';
    }
    return text;
}

void check_interface(Report& report, const belfry_interface& interface, const std::vector<std::string>& specs) {
    const TempDirectory directory;
    switch (interface.kind) {
        case BELFRY_KIND_STATE_STORE:
            return report.add(
                check_state_store({static_cast<const belfry_state_store_v1*>(interface.table), directory.path}));
        case BELFRY_KIND_LOG_STORE:
            return report.add(
                check_log_store({static_cast<const belfry_log_store_v1*>(interface.table), directory.path, 1, {}}));
        case BELFRY_KIND_FILTER:
            return report.add(check_filter({static_cast<const belfry_filter_v1*>(interface.table), 1, specs}));
        case BELFRY_KIND_TRANSPORT:
            return report.add(check_transport({static_cast<const belfry_transport_v1*>(interface.table), directory.path}));
        case BELFRY_KIND_VALIDATOR:
            return report.add(check_validator({static_cast<const belfry_validator_v1*>(interface.table), 1, specs}));
        case BELFRY_KIND_AUTH: return report.add(check_auth({static_cast<const belfry_auth_v1*>(interface.table), 1}));
        default: return report.pass(plugin::kind_name(interface.kind) + ": there is no suite for it yet");
    }
}

}  // namespace

Report check_plugin(const std::string& path, std::string* about, const std::vector<std::string>& specs) {
    Report report;
    const belfry_plugin_descriptor* descriptor = nullptr;
    run_check(report, "descriptor: loads, and is what a hub takes", [&] {
        descriptor = load(path);
        const Status status = plugin::check_descriptor(descriptor, path);
        require(status.ok(), status ? "" : status.error().detail);
    });
    if (!report.passed()) return report;
    if (about != nullptr) *about = describe(*descriptor);
    run_check(report, "interfaces: every one passes its suite", [&] {
        Report suites;
        for (uint64_t i = 0; i < descriptor->interface_count; ++i)
            check_interface(suites, descriptor->interfaces[i], specs);
        const size_t failures = suites.failures();
        report.add(std::move(suites));
        require(failures == 0, std::to_string(failures) + " checks failed");
    });
    return report;
}

}  // namespace belfry::testing

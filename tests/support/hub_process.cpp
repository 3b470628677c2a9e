#include "tests/support/hub_process.hpp"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <thread>

namespace belfry::test {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

TemporaryDirectory::TemporaryDirectory() : TemporaryDirectory(getenv("TMPDIR") != nullptr ? getenv("TMPDIR") : "/tmp") {}

TemporaryDirectory::TemporaryDirectory(const std::string& base) : path_(base + "/belfry-test.XXXXXX") {
    if (mkdtemp(path_.data()) == nullptr) throw std::runtime_error("cannot make " + path_);
}

TemporaryDirectory::~TemporaryDirectory() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
}

std::string memory_base() {
    constexpr uintmax_t room_min = 1 << 30;  // a container's may be small
    std::error_code error;
    const fs::space_info room = fs::space("/dev/shm", error);
    return !error && room.available >= room_min ? "/dev/shm" : "/tmp";
}

HubProcess::HubProcess(std::string data_dir, std::vector<std::string> settings)
    : data_dir_(std::move(data_dir)), settings_(std::move(settings)), port_(free_port_pair()) {
    settings_.insert(settings_.begin(), "log.settings.segment_bytes=4194304");
}

std::vector<std::string> HubProcess::command_line() const {
    const auto options = client_options();
    std::vector<std::string> arguments = prefix_;
    arguments.insert(arguments.end(), {daemon_, "--data-dir", data_dir_, "--listen", options.endpoints[0], "--feed",
                                       options.feed_endpoints[0]});
    if (!config_.empty()) arguments.insert(arguments.end(), {"--config", config_});
    for (const auto& setting : settings_) arguments.insert(arguments.end(), {"--set", setting});
    return arguments;
}

void HubProcess::launch() {
    fs::create_directories(fs::path(data_dir_).parent_path());
    process_.reset();
    process_ = std::make_unique<Process>(command_line(), data_dir_ + ".log");
}

Outcome HubProcess::restore(const std::string& backup) const {
    auto arguments = command_line();
    arguments.insert(arguments.end(), {"--restore", backup});
    return run_program(std::move(arguments));
}

void HubProcess::run_as(std::string daemon, std::vector<std::string> prefix) {
    daemon_ = std::move(daemon);
    prefix_ = std::move(prefix);
}

bool HubProcess::is_ready() {
    constexpr int tries_max = 100;
    for (int tries = 0; tries < tries_max; ++tries) {
        const auto answer = client(200ms)->get("ready?");
        if (answer.ok() || answer.error().code == Code::not_found) return true;
        if (process_->wait(0) >= 0) return false;
    }
    return false;
}

int HubProcess::stop() {
    process_->signal(SIGTERM);
    return process_->wait(20);
}

ClientOptions HubProcess::client_options() const {
    ClientOptions options;
    options.endpoints = {"tcp://127.0.0.1:" + std::to_string(port_)};
    options.feed_endpoints = {"tcp://127.0.0.1:" + std::to_string(port_ + 1)};
    options.server_keys = server_keys_;
    options.key_file = key_file_;
    options.author = "test";
    return options;
}

std::shared_ptr<Client> HubProcess::client(std::chrono::milliseconds timeout) const {
    auto options = client_options();
    options.timeout = timeout;
    options.credentials.token = root_token();
    return std::move(*Client::connect(options));
}

std::string HubProcess::root_token() const {
    std::string token = read_text(root_token_file());
    if (token.ends_with('\n')) token.pop_back();
    return token;
}

std::string HubProcess::log() const { return read_text(data_dir_ + ".log"); }

Outcome run_program(std::vector<std::string> arguments, double timeout_seconds) {
    const TemporaryDirectory directory;
    const std::string output = directory.path() + "/output";
    Process process(std::move(arguments), output);
    Outcome outcome;
    outcome.exit_code = process.wait(timeout_seconds);
    outcome.output = read_text(output);
    return outcome;
}

std::string read_text(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return std::string((std::istreambuf_iterator<char>(file)), {});
}

std::string program(const std::string& name) { return fs::read_symlink("/proc/self/exe").parent_path() / name; }

}  // namespace belfry::test

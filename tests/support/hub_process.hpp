// A real belfryd on a directory of its own, for integration tests.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "sdk/client/client.hpp"
#include "tests/support/process.hpp"

namespace belfry::test {

// A fresh directory under $TMPDIR, removed at the end.
class TemporaryDirectory {
public:
    TemporaryDirectory();
    explicit TemporaryDirectory(const std::string& base);
    ~TemporaryDirectory();
    TemporaryDirectory(const TemporaryDirectory&) = delete;
    TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
    const std::string& path() const { return path_; }

private:
    std::string path_;
};

// Where files are in memory, for a test that no disk may delay; /tmp where there is no room for them.
std::string memory_base();

std::string program(const std::string& name);  // path of a program of this build: "belfryd"

// What a program printed, and how it ended.
struct Outcome {
    int exit_code = -1;
    std::string output;
};

class HubProcess {
public:
    // `settings`: "key=value" for --set. Small log segments by default, so that tests are quick.
    explicit HubProcess(std::string data_dir, std::vector<std::string> settings = {});

    bool start() { return launch(), is_ready(); }
    void launch();
    // Waits for its first answer to a read; false: it ended, or refused or was silent so often (20 s if silent); see log().
    bool is_ready();
    // From the next launch on: another program instead of this build's belfryd, in front of it other words (`env A=B`).
    void run_as(std::string daemon, std::vector<std::string> prefix = {});
    void use_config(std::string path) { config_ = std::move(path); }  // likewise; the constructor's settings win
    // Clients made from here on speak to a hub with this public key, with the keys in this file ("" = any).
    void clients_use(std::string server_key, std::string key_file = "") {
        server_keys_ = {std::move(server_key)};
        key_file_ = std::move(key_file);
    }
    void kill() { process_->kill_now(); }
    int stop();                                        // SIGTERM; the exit code
    Outcome restore(const std::string& backup) const;  // fills the data directory; nothing is started
    Process& process() { return *process_; }

    ClientOptions client_options() const;
    // Of the root of trust, where the hub asks who somebody is.
    std::shared_ptr<Client> client(std::chrono::milliseconds timeout = std::chrono::milliseconds(5000)) const;
    std::string root_token_file() const { return data_dir_ + "/root-token"; }
    std::string root_token() const;  // empty if the hub asks nobody
    std::string log() const;         // everything it printed
    const std::string& data_dir() const { return data_dir_; }

private:
    std::vector<std::string> command_line() const;
    std::string data_dir_;
    std::vector<std::string> settings_;
    std::string daemon_ = program("belfryd");
    std::vector<std::string> prefix_;
    std::string config_;
    std::vector<std::string> server_keys_;
    std::string key_file_;
    int port_;
    std::unique_ptr<Process> process_;
};

// Runs a program to its end.
Outcome run_program(std::vector<std::string> arguments, double timeout_seconds = 20);

std::string read_text(const std::string& path);

}  // namespace belfry::test

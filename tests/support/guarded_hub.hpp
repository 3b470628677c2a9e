// A hub with role-based rights, started; and users of it.
#pragma once

#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <fstream>

#include "tests/support/hub_process.hpp"

namespace belfry::test {

class GuardedHub {
public:
    GuardedHub() {
        REQUIRE(hub_.start());
        std::ofstream(password_file_) << password << '\n';
        std::filesystem::permissions(password_file_,
                                     std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
    }
    // May do everything.
    std::shared_ptr<Client> root() const { return hub_.client(); }
    // A command line of `belfry` that root gives.
    void as_root(std::vector<std::string> words) const {
        words.insert(words.begin(), {program("belfry"), "--endpoint", hub_.client_options().endpoints[0], "--token-file",
                                     hub_.root_token_file()});
        const Outcome outcome = run_program(std::move(words));
        INFO(outcome.output);
        REQUIRE(outcome.exit_code == 0);
    }
    // A new user with a role of the same name, which is there.
    std::shared_ptr<Client> user(const std::string& name) const {
        as_root({"user", "add", name, "--roles", name, "--new-password-file", password_file_});
        ClientOptions options = hub_.client_options();
        options.credentials = {name, password, ""};
        auto client = Client::connect(options);
        REQUIRE(client);
        return *client;
    }
    // And with a new role: these rights on what begins so.
    std::shared_ptr<Client> user(const std::string& name, const std::vector<std::string>& rights,
                                 const std::string& prefix) const {
        as_root({"role", "add", name});
        for (const std::string& right : rights) as_root({"role", "grant", name, right, prefix, "--prefix"});
        return user(name);
    }
    bool is_empty(const Bytes& prefix) const {
        protocol::RangeRequest request;
        request.range = KeyRange::prefix(prefix);
        const auto found = root()->range(request);
        return found && found->kvs.empty();
    }

private:
    static constexpr const char* password = "correct horse battery";
    TemporaryDirectory directory_;
    std::string password_file_ = directory_.path() + "/password";
    HubProcess hub_{directory_.path() + "/data", {"auth.plugin=auth_rbac"}};
};

}  // namespace belfry::test

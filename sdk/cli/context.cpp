#include <poll.h>

#include <algorithm>

#include "sdk/cli/command.hpp"
#include "sdk/cli/json_writer.hpp"
#include "sdk/cli/secrets.hpp"

namespace belfry::cli {

Context::Context(const Command& the_command, Arguments the_arguments, Settings the_settings, Streams streams)
    : command(the_command),
      arguments(std::move(the_arguments)),
      settings(std::move(the_settings)),
      in(streams.in),
      out(streams.out),
      err(streams.err),
      out_terminal(streams.out_terminal),
      err_terminal(streams.err_terminal),
      out_pipe_(streams.out_pipe) {}

bool Context::is_read() const {
    // Who writes little would not hear of it by writing.
    pollfd pipe{out_pipe_, 0, 0};
    const bool gone = out_pipe_ >= 0 && ::poll(&pipe, 1, 0) > 0 && (pipe.revents & (POLLERR | POLLHUP)) != 0;
    if (gone || !out) unread_ = true;
    return !unread_;
}

Result<std::shared_ptr<Client>> Context::connect(std::vector<std::string> endpoints,
                                                 std::chrono::milliseconds timeout) const {
    auto own = credentials();
    if (!own) return own.error();
    ClientOptions options;
    options.server_keys = settings.server_keys;
    if (settings.server_keys.size() > 1 && endpoints.size() == 1) {
        const auto place = std::find(settings.endpoints.begin(), settings.endpoints.end(), endpoints.front());
        const auto at = static_cast<size_t>(place - settings.endpoints.begin());
        if (at < settings.server_keys.size()) options.server_keys = {settings.server_keys[at]};
    }
    options.key_file = settings.key_file;
    options.credentials = *std::move(own);
    if (endpoints == settings.endpoints) options.feed_endpoints = settings.feeds;
    options.endpoints = std::move(endpoints);
    options.timeout = timeout;
    options.author = settings.author;
    return Client::connect(std::move(options));
}

Result<Credentials> Context::credentials() const {
    if (credentials_) return *credentials_;
    Credentials own;
    if (!settings.token_file.empty()) {
        auto token = read_secret_file(settings.token_file);
        if (!token) return token.error();
        own.token = *std::move(token);
    }
    if (!settings.user.empty()) {
        auto password = settings.password_file.empty() ? ask_secret("password of " + settings.user + ": ")
                                                       : read_secret_file(settings.password_file);
        if (!password) return password.error();
        own.user = settings.user;
        own.password = *std::move(password);
    }
    credentials_ = own;
    return own;
}

Exit Context::fail(const Error& error) const {
    const Exit exit = exit_of(error.code);
    if (settings.json) {
        JsonWriter json;
        json.begin_object().field("error", to_string(error.code)).field("detail", error.detail);
        json.field("exit", static_cast<unsigned>(exit)).end_object();
        err << json.take() << '\n';
    } else {
        err << "belfry " << command.name << ": " << to_string(error) << '\n';
    }
    return exit;
}

Exit Context::misuse(std::string_view sentence) const {
    err << "belfry " << command.name << ": " << sentence << "\nusage: belfry " << command.name << ' ' << command.usage
        << "\n`belfry help " << command.name << "` says more\n";
    return Exit::usage;
}

}  // namespace belfry::cli

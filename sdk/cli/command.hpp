// What a command is, and what it is given.
#pragma once

#include <atomic>
#include <istream>
#include <memory>
#include <optional>
#include <ostream>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sdk/cli/arguments.hpp"
#include "sdk/cli/exit_code.hpp"
#include "sdk/client/client.hpp"

namespace belfry::cli {

// Where a run reads and writes; tests hand in string streams.
struct Streams {
    std::istream& in;
    std::ostream& out;
    std::ostream& err;
    bool out_terminal = false;
    bool err_terminal = false;
    int out_pipe = -1;  // the descriptor behind `out`, if it is a pipe, whose reader may go
};

// The flags every command knows.
struct Settings {
    std::vector<std::string> endpoints;
    std::vector<std::string> feeds;  // none: the default endpoint's, else subscriptions go by the request endpoint alone
    std::vector<std::string> server_keys;
    std::string key_file;
    std::chrono::milliseconds timeout{5000};
    std::string author;
    std::string user;
    std::string password_file;
    std::string token_file;
    bool json = false;
};

class Context;

// Of the commands that subscribe.
inline constexpr Flag stream_flag = {
    "stream", FlagKind::toggle, "",
    "by the request endpoint alone, without the feed; so also where --endpoint is given and --feed is not"};

struct Command {
    std::string_view name = {};
    std::string_view summary = {};     // one line, for `belfry help`
    std::string_view usage = {};       // what follows the name: "KEY [--prefix]"
    std::string_view details = {};     // paragraphs and examples for `belfry help NAME`
    std::span<const Flag> flags = {};  // beside the common ones
    size_t words_min = 0;
    size_t words_max = 0;
    Exit (*run)(Context& context) = nullptr;
};

class Context {
public:
    Context(const Command& command, Arguments arguments, Settings settings, Streams streams);

    const Command& command;
    const Arguments arguments;
    const Settings settings;
    std::istream& in;
    std::ostream& out;
    std::ostream& err;
    const bool out_terminal;
    const bool err_terminal;

    const std::string& word(size_t place) const { return arguments.words()[place]; }
    bool has(std::string_view flag) const { return arguments.has(flag); }

    // False: nobody reads `out` any more, or it cannot be written; from then on for ever. Who goes on for long asks it now
    // and then, and ends as by a stop signal; the exit code is then Exit::other (run() sees to that).
    bool is_read() const;
    bool was_unread() const { return unread_; }  // is_read() has said so

    // A new client, made from the settings.
    Result<std::shared_ptr<Client>> connect() const { return connect(settings.endpoints); }
    // One that asks nobody but these.
    Result<std::shared_ptr<Client>> connect(std::vector<std::string> endpoints) const {
        return connect(std::move(endpoints), settings.timeout);
    }
    Result<std::shared_ptr<Client>> connect(std::vector<std::string> endpoints, std::chrono::milliseconds timeout) const;
    // Who asks: read from the files that the settings name, or from the terminal; once.
    Result<Credentials> credentials() const;
    // Says the error on `err` and gives the exit code that stands for it.
    Exit fail(const Error& error) const;
    // The command line is wrong; `sentence` says how.
    Exit misuse(std::string_view sentence) const;
    // One line on `out` (a document in JSON, or a line of text).
    void line(std::string_view text) const { out << text << '\n'; }
    // A remark for the person at the terminal; never part of the output.
    void note(std::string_view text) const { err << "belfry: " << text << '\n'; }

private:
    const int out_pipe_;
    mutable std::atomic<bool> unread_ = false;
    mutable std::optional<Credentials> credentials_;
};

}  // namespace belfry::cli

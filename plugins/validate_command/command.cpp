#include "plugins/validate_command/command.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <condition_variable>
#include <mutex>

#include "plugins/validate_command/process.hpp"
#include "sdk/base/units.hpp"
#include "sdk/base/utf8.hpp"

namespace belfry::validate_command {

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr size_t name_bytes_max = 64;
constexpr size_t reason_bytes_max = 200;
constexpr unsigned at_once_max = 64;  // processes of one hub

struct Configuration {
    std::string directory;
    milliseconds time_max{5000};
    unsigned at_once = 4;
};
// The seam makes validators from their spec alone, so what configure() was told has to be here. Written once, at start,
// before any validator is made.
Configuration configuration;

// How many run now. Full: wait, but not past the deadline.
class Turns {
public:
    bool take(unsigned most, Clock::time_point deadline) {
        std::unique_lock lock(mutex_);
        if (!freed_.wait_until(lock, deadline, [&] { return running_ < most; })) return false;
        ++running_;
        return true;
    }
    void give_back() {
        const std::lock_guard lock(mutex_);
        --running_;
        freed_.notify_one();
    }

private:
    std::mutex mutex_;
    std::condition_variable freed_;
    unsigned running_ = 0;
};
Turns turns;

struct Turn {
    Turn() = default;
    ~Turn() { turns.give_back(); }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
};

Error invalid(std::string sentence) { return {Code::invalid_argument, std::move(sentence)}; }

// `what` may be changed by root and this process's user alone.
Status check_owner(const std::string& path, const struct stat& facts) {
    if (facts.st_uid != 0 && facts.st_uid != geteuid()) return invalid(path + " belongs to another user; give it to root");
    if ((facts.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        return invalid(path + " can be written to by others; type chmod go-w '" + path + "'");
    }
    return {};
}

Status set_directory(Configuration& wanted, const std::string& path) {
    struct stat facts {};
    if (!path.starts_with('/')) return invalid("directory: '" + path + "' is no absolute path");
    if (stat(path.c_str(), &facts) != 0 || !S_ISDIR(facts.st_mode)) return invalid("directory: there is no folder " + path);
    if (Status owned = check_owner(path, facts); !owned) return invalid("directory: " + owned.error().detail);
    wanted.directory = path;
    return {};
}

Status set_timeout(Configuration& wanted, const std::string& text) {
    const auto time = parse_duration(text);
    if (!time || *time < milliseconds(10) || *time > std::chrono::seconds(60)) {
        return invalid("timeout: '" + text + "' is no duration from 10ms to 60s");
    }
    wanted.time_max = std::chrono::ceil<milliseconds>(*time);
    return {};
}

Status set_at_once(Configuration& wanted, const std::string& text) {
    unsigned number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size() || number < 1 || number > at_once_max) {
        return invalid("at_once: '" + text + "' is no number from 1 to " + std::to_string(at_once_max));
    }
    wanted.at_once = number;
    return {};
}

bool is_name(BytesView spec) {
    const auto fits = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
               c == '-';
    };
    return !spec.empty() && spec.size() <= name_bytes_max && spec[0] != '.' && std::all_of(spec.begin(), spec.end(), fits);
}

// At each run too: a program may be changed while the hub runs.
Status check_program(const std::string& name) {
    const std::string path = configuration.directory + "/" + name;
    struct stat facts {};
    if (stat(path.c_str(), &facts) != 0 || !S_ISREG(facts.st_mode)) {
        return Error{Code::unsupported, "command: there is no program " + path + " on this member"};
    }
    if (access(path.c_str(), X_OK) != 0) return Error{Code::unsupported, "command: " + path + " is not executable"};
    const Status owned = check_owner(path, facts);
    return owned ? Status() : Error{Code::unsupported, "command: " + owned.error().detail};
}

}  // namespace

std::string first_line(BytesView output) {
    const size_t begin = std::min(output.find_first_not_of(" \t\r\n"), output.size());
    BytesView line = output.substr(begin, output.find('\n', begin) - begin);
    std::string text;
    while (!line.empty() && text.size() < reason_bytes_max) {
        const PlainCharacter character = plain_character(line);
        text += character.text;
        line.remove_prefix(character.octets);
    }
    while (text.ends_with(' ') || text.ends_with('?')) text.pop_back();
    return line.empty() ? text : text + "...";
}

Status Command::configure(const plugin::Host&, const plugin::Settings& settings) {
    Configuration wanted;
    for (const auto& [name, value] : settings) {
        Status set = invalid("there is no setting '" + name + "'; there are directory, timeout and at_once");
        if (name == "directory") set = set_directory(wanted, value);
        if (name == "timeout") set = set_timeout(wanted, value);
        if (name == "at_once") set = set_at_once(wanted, value);
        if (!set) return set;
    }
    configuration = std::move(wanted);
    return {};
}

Result<std::unique_ptr<Command>> Command::compile(BytesView spec) {
    if (!is_name(spec)) {
        return invalid("command: the name of a program, without its folder: 1 to " + std::to_string(name_bytes_max) +
                       " letters, digits, '.', '_' and '-', none '.' in front");
    }
    if (configuration.directory.empty()) {
        return Error{Code::unsupported, "command: no folder of programs is set; see [[plugins]] settings.directory"};
    }
    const std::string name(spec);
    if (Status there = check_program(name); !there) return there.error();
    return std::make_unique<Command>(name);
}

Status Command::check(const plugin::ValueChange& change) const {
    const auto deadline = Clock::now() + configuration.time_max;
    if (change.key.find('\0') != BytesView::npos) return invalid("a key with a zero octet cannot be shown to a command");
    if (Status there = check_program(name_); !there) return there;
    if (!turns.take(configuration.at_once, deadline)) {
        return Error{Code::busy, "command " + name_ + ": too many commands run already"};
    }
    const Turn taken;
    Call call;
    call.path = configuration.directory + "/" + name_;
    call.directory = configuration.directory;
    call.input = change.value.value_or(BytesView());
    call.environment = {"PATH=/usr/bin:/bin", "BELFRY_ACTION=" + std::string(change.value ? "put" : "erase"),
                        "BELFRY_KEY=" + std::string(change.key)};
    call.time_max = std::max(milliseconds(1), std::chrono::ceil<milliseconds>(deadline - Clock::now()));
    const auto outcome = run(call);
    if (!outcome) return Error{outcome.error().code, "command " + name_ + ": " + outcome.error().detail};
    if (outcome->signal != 0) {
        return Error{Code::io, "command " + name_ + ": it was killed by signal " + std::to_string(outcome->signal)};
    }
    if (outcome->exit_code == 0) return {};
    const std::string reason = first_line(outcome->output);
    return invalid(!reason.empty()
                       ? reason
                       : name_ + " refused it without a word (exit code " + std::to_string(outcome->exit_code) + ")");
}

}  // namespace belfry::validate_command

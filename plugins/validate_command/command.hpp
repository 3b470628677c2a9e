// "command": a program of the operator's decides. The spec is its name, of letters, digits, '.', '_' and '-'; the program
// is in the directory that the plugin's settings name, never anywhere else: who may write policies must not thereby run
// programs of his own on the leader.
//
// The program gets the value on its standard input and three variables: BELFRY_KEY, BELFRY_ACTION ("put" or "erase") and
// PATH (/usr/bin:/bin). Exit code 0 accepts; otherwise the first line that it printed is the reason. A write waits for it,
// and is refused if it takes too long.
#pragma once

#include <memory>
#include <string>

#include "sdk/plugin/validator.hpp"

namespace belfry::validate_command {

class Command {
public:
    static constexpr const char* kind = "command";
    // directory   where the programs are: an absolute path; it and they belong to root or to the hub's user, and nobody
    // else
    //             may write there
    // timeout     of one run, "5s"; 10ms to 60s
    // at_once     runs at the same time, 4; 1 to 64. Further ones wait, within their own time
    static Status configure(const plugin::Host& host, const plugin::Settings& settings);
    static Result<std::unique_ptr<Command>> compile(BytesView spec);

    explicit Command(std::string name) : name_(std::move(name)) {}
    Status check(const plugin::ValueChange& change) const;
    bool may_block() const { return true; }

private:
    const std::string name_;
};

// The first line of what a program said, fit for a log and a terminal: at most 200 octets of printable UTF-8.
std::string first_line(BytesView output);

}  // namespace belfry::validate_command

// The audit log as lines: whatever strangers put into names and keys, a line stays one line, says what happened, and does
// nothing to a terminal.
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "hub/shell/auditor.hpp"
#include "sdk/base/utf8.hpp"

using namespace belfry;
using namespace belfry::hub;
using namespace belfry::hub::shell;

namespace {

// What is written to standard error meanwhile.
template <class Write>
std::string written_by(Write write) {
    std::FILE* const file = std::tmpfile();
    REQUIRE(file != nullptr);
    const int before = ::dup(STDERR_FILENO);
    std::fflush(stderr);
    REQUIRE(::dup2(::fileno(file), STDERR_FILENO) >= 0);
    write();
    std::fflush(stderr);
    ::dup2(before, STDERR_FILENO);
    ::close(before);
    std::fseek(file, 0, SEEK_END);
    std::string text(static_cast<size_t>(std::ftell(file)), '\0');
    std::rewind(file);
    CHECK(std::fread(text.data(), 1, text.size(), file) == text.size());
    std::fclose(file);
    return text;
}

core::Audit refused_login(const Bytes& name) {
    return {core::Audit::Event::login_refused, name, "authenticate", 7, Error{Code::unauthenticated, "no '" + name + "'"}};
}

std::string line_of(const core::Audit& audit, bool json) {
    return written_by([&] {
        Logger logger(LogLevel::info, json);
        Auditor(logger).tell({audit}, 1000);
    });
}

// Octets that end lines, move cursors, colour or hide text, or are no text at all.
const Bytes bad_names[] = {
    "ann\r2026-11-27T00:00:00.000Z info audit event=login principal=eve",
    "\x1b[2K\x1b[1Aann",
    "ann\ninfo",
    "ann\x7f\x08",
    "ann\x01",
    "ann\xc2\x9b"
    "2K",  // CSI as one character of the upper controls
    "ann\xe2\x80\xa8"
    "info",  // a line's end to some readers
    "ann\xe2\x80\xae"
    "nna",  // writes backwards
    "ann\xff\xfe",
    "ann\xc3",
    Bytes("ann\0info", 8),
    Bytes(600, '\xc3'),
    Bytes(510, 'a') + " \xc3\xa4",  // cut in the middle of a letter
};

}  // namespace

TEST_CASE("audit: no name or key makes two lines of one, or reaches the terminal as more than text", "[shell][audit]") {
    for (const Bytes& name : bad_names) {
        const std::string line = line_of(refused_login(name), false);
        INFO(line);
        CHECK(line.find('\n') == line.size() - 1);
        CHECK(is_utf8(line));
        for (const char octet : line.substr(0, line.size() - 1)) {
            CHECK(static_cast<unsigned char>(octet) >= 0x20);
            CHECK(octet != 0x7f);
        }
        for (const char* hidden : {"\xc2\x9b", "\xe2\x80\xa8", "\xe2\x80\xae"})
            CHECK(line.find(hidden) == std::string::npos);
        CHECK(line.find(" principal=\"") != std::string::npos);  // in quotes: what is in it names no field
    }
    const std::string plain = line_of(refused_login("ann"), false);
    CHECK(plain.find(" principal=ann about=authenticate connection=7 outcome=\"unauthenticated: no 'ann'\"\n") !=
          std::string::npos);
    CHECK(line_of(refused_login("J\xc3\xb6rg"), false).find("J\xc3\xb6rg") != std::string::npos);
}

TEST_CASE("audit: as JSON each line is one object, and says who it was", "[shell][audit]") {
    for (const Bytes& name : bad_names) {
        const std::string line = line_of(refused_login(name), true);
        INFO(line);
        CHECK(line.find('\n') == line.size() - 1);
        const auto object = nlohmann::json::parse(line, nullptr, false);
        REQUIRE(object.is_object());
        CHECK(object["event"] == "login refused");
        const auto who = object["principal"].get<std::string>();
        if (name.starts_with("ann")) CHECK(who.starts_with("ann"));
    }
    const auto object = nlohmann::json::parse(line_of(refused_login("J\xc3\xb6rg \"x\""), true), nullptr, false);
    CHECK(object["principal"] == "J\xc3\xb6rg \"x\"");
}

TEST_CASE("audit: refusals are bounded and those not shown are counted; what administrators do is all told",
          "[shell][audit]") {
    const std::string text = written_by([] {
        Logger logger(LogLevel::info, false);
        Auditor auditor(logger);
        core::Audit refused{core::Audit::Event::refused, "ann", "range", 1, Error{Code::denied, "no"}};
        const core::Audit done{core::Audit::Event::administration, "eve", "backup", 1, {}};
        for (int i = 0; i < 50; ++i) auditor.tell({refused, done}, 5000);
        auditor.tell({refused_login("eve")}, 5000);  // is not hidden by them
        auditor.tell({refused}, 6000);
    });
    const auto count = [&](const std::string& part) {
        size_t times = 0;
        for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++times;
        return times;
    };
    CHECK(count("event=refused ") == 21);
    CHECK(count("event=administration ") == 50);
    CHECK(count("event=\"login refused\" principal=eve") == 1);
    CHECK(count("event=\"refused, not shown\" count=30") == 1);
}

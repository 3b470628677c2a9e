#include "sdk/cli/secrets.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "sdk/base/limits.hpp"

namespace belfry::cli {
namespace {

constexpr size_t secret_bytes_max = limits::password_bytes_max + limits::credential_bytes_max;

Error failure(const std::string& what, const std::string& path) {
    return {Code::io, "cannot " + what + " '" + path + "': " + std::strerror(errno)};
}

class SecretFile {
public:
    explicit SecretFile(int number) : number_(number) {}
    ~SecretFile() {
        if (number_ >= 0) ::close(number_);
    }
    SecretFile(const SecretFile&) = delete;
    SecretFile& operator=(const SecretFile&) = delete;
    int number() const { return number_; }

private:
    int number_;
};

// Up to the first line's end.
Result<std::string> read_line(int descriptor, const std::string& path) {
    std::string text;
    for (char octet = 0;;) {
        const ssize_t count = ::read(descriptor, &octet, 1);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return failure("read", path);
        if (count == 0 || octet == '\n') break;
        if (text.size() >= secret_bytes_max) return Error{Code::too_large, "'" + path + "' is too long for a secret"};
        text += octet;
    }
    if (text.ends_with('\r')) text.pop_back();
    if (text.empty()) return Error{Code::invalid_argument, "'" + path + "' is empty"};
    return text;
}

}  // namespace

Result<std::string> read_secret_file(const std::string& path) {
    const SecretFile file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (file.number() < 0) return failure("open", path);
    struct stat facts {};
    if (::fstat(file.number(), &facts) != 0) return failure("look at", path);
    if (S_ISREG(facts.st_mode) && (facts.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        return Error{Code::denied,
                     "'" + path + "' can be read by others: chmod 600 '" + path + "', and take another secret"};
    }
    return read_line(file.number(), path);
}

Status write_secret_file(const std::string& path, const std::string& text, bool replace) {
    const std::string target = replace ? path + ".new" : path;
    if (replace) ::unlink(target.c_str());
    const SecretFile file(::open(target.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (file.number() < 0 && errno == EEXIST) {
        return Error{Code::conflict, "'" + target + "' exists; a secret is never written over"};
    }
    if (file.number() < 0) return failure("create", target);
    const bool whole = ::write(file.number(), text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
                       ::fsync(file.number()) == 0 && (!replace || ::rename(target.c_str(), path.c_str()) == 0);
    if (whole) return {};
    const Error failed = failure("write", path);
    ::unlink(target.c_str());
    return failed;
}

Result<std::string> ask_secret(const std::string& prompt) {
    const SecretFile terminal(::open("/dev/tty", O_RDWR | O_CLOEXEC));
    termios before{};
    if (terminal.number() < 0 || ::tcgetattr(terminal.number(), &before) != 0) {
        return Error{Code::invalid_argument, "there is no terminal to ask for a password: give a file that holds it"};
    }
    termios silent = before;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    ::tcsetattr(terminal.number(), TCSAFLUSH, &silent);
    (void)!::write(terminal.number(), prompt.data(), prompt.size());
    auto line = read_line(terminal.number(), "the terminal");
    ::tcsetattr(terminal.number(), TCSAFLUSH, &before);
    (void)!::write(terminal.number(), "\n", 1);
    return line;
}

}  // namespace belfry::cli

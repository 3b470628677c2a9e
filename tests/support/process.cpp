#include "tests/support/process.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <stdexcept>
#include <utility>

extern char** environ;

namespace belfry::test {

Process::Process(std::vector<std::string> arguments, const std::string& output_path) {
    std::vector<char*> argv;
    for (auto& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 1, output_path.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
    posix_spawn_file_actions_adddup2(&actions, 1, 2);
    const int error = posix_spawnp(&pid_, argv[0], &actions, nullptr, argv.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    if (error != 0) throw std::runtime_error("cannot start " + arguments[0] + ": " + std::strerror(error));
}

Process::~Process() { kill_now(); }

void Process::kill_now() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
}

void Process::signal(int number) const {
    if (pid_ > 0) ::kill(pid_, number);
}

int Process::wait(double timeout_seconds) {
    for (int waited_ms = 0; pid_ > 0; waited_ms += 5) {
        int status = 0;
        if (::waitpid(pid_, &status, WNOHANG) == pid_) {
            pid_ = -1;
            return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
        }
        if (waited_ms > timeout_seconds * 1000) return -1;
        ::usleep(5000);
    }
    return -1;
}

double cpu_seconds(int pid) {
    if (pid == 0) {
        rusage usage{};
        getrusage(RUSAGE_SELF, &usage);
        return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
               static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
    }
    std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
    std::string text((std::istreambuf_iterator<char>(stat)), {});
    std::istringstream fields(text.substr(text.rfind(')') + 2));
    std::string field;
    double ticks = 0;
    for (int number = 3; fields >> field; ++number) {
        if (number == 14 || number == 15) ticks += std::stod(field);
    }
    return ticks / static_cast<double>(sysconf(_SC_CLK_TCK));
}

namespace {

double status_kib(int pid, const std::string& name) {
    std::ifstream status("/proc/" + std::to_string(pid) + "/status");
    for (std::string line; std::getline(status, line);) {
        if (line.rfind(name, 0) == 0) return std::stod(line.substr(name.size()));
    }
    return 0;
}

bool port_is_free(int port) {
    const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const bool is_free = ::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
    ::close(fd);
    return is_free;
}

// Below the ports that the system gives to clients. Tests run side by side, so each process takes whole blocks of them: a
// lock on a block's octet of one file, which its end releases.
constexpr int ports_begin = 12000, ports_end = 32000, block_ports = 100;

int take_block() {
    static const int file =
        ::open((std::filesystem::temp_directory_path() / "belfry-test-ports").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    static int next = getpid();
    constexpr int blocks = (ports_end - ports_begin) / block_ports;
    for (int tries = 0; tries < blocks; ++tries) {
        const int block = next++ % blocks;
        struct flock lock {};
        lock.l_type = F_WRLCK;
        lock.l_whence = SEEK_SET;
        lock.l_start = block;
        lock.l_len = 1;
        if (::fcntl(file, F_SETLK, &lock) == 0) return ports_begin + block * block_ports;
    }
    throw std::runtime_error("no free block of ports");
}

}  // namespace

double resident_kib(int pid) { return status_kib(pid, "VmRSS:"); }
double private_kib(int pid) { return status_kib(pid, "RssAnon:"); }

size_t open_files(int pid) {
    const std::filesystem::directory_iterator files("/proc/" + std::to_string(pid) + "/fd");
    return static_cast<size_t>(std::distance(begin(files), end(files)));
}

size_t raise_open_files_limit() {
    rlimit limit{};
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    getrlimit(RLIMIT_NOFILE, &limit);
    return limit.rlim_cur;
}

int free_port_pair() {
    static int next = 0, end = 0;
    for (int tries = 0; tries < 1000; ++tries) {
        if (next >= end) {
            next = take_block();
            end = next + block_ports;
        }
        const int port = std::exchange(next, next + 2);
        if (port_is_free(port) && port_is_free(port + 1)) return port;
    }
    throw std::runtime_error("no free port");
}

}  // namespace belfry::test

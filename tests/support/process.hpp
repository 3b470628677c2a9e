// A child process of a test or bench, its memory and its CPU time.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace belfry::test {

class Process {
public:
    Process(std::vector<std::string> arguments, const std::string& output_path);
    ~Process();  // SIGKILL and reap
    Process(const Process&) = delete;
    Process& operator=(const Process&) = delete;
    int pid() const { return pid_; }
    void kill_now();
    void signal(int number) const;
    // Waits for the end; the exit code, 128 + signal if it was killed, or -1 if it still runs after the timeout.
    int wait(double timeout_seconds);

private:
    int pid_ = -1;
};

double cpu_seconds(int pid);  // user + system; pid 0 = this process
double resident_kib(int pid);
double private_kib(int pid);  // resident minus what is file-backed
size_t open_files(int pid);
size_t raise_open_files_limit();  // this process's soft limit becomes its hard one; the limit in force
int free_port_pair();             // p and p + 1 were free a moment ago

}  // namespace belfry::test

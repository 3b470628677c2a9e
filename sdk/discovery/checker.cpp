#include <sys/eventfd.h>

#include <algorithm>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>

#include "sdk/discovery/check_impl.hpp"

namespace belfry {

class Checker::Impl {
public:
    using Clock = std::chrono::steady_clock;

    Result<uint64_t> add(Check check, Report report) {
        if (const Status good = validate_check(check); !good) return good.error();
        checks::File stop(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
        const std::lock_guard lock(mutex_);
        if (stop.number() < 0) return Error{Code::busy, "check: no descriptor is left"};
        if (entries_.size() >= limits::checks_max) {
            return Error{Code::busy,
                         "check: " + std::to_string(limits::checks_max) + " are done already, and are the bound"};
        }
        entries_.emplace(++last_id_, std::make_shared<Entry>(std::move(check), std::move(report), std::move(stop)));
        if (threads_.size() < std::min(entries_.size(), limits::checker_threads_max)) {
            threads_.emplace_back([this] { run(); });
        }
        moved_.notify_one();
        return last_id_;
    }

    void remove(uint64_t id) {
        std::unique_lock lock(mutex_);
        const auto found = entries_.find(id);
        if (found == entries_.end()) return;
        const auto entry = found->second;
        entries_.erase(found);
        ::eventfd_write(entry->stop.number(), 1);
        idle_.wait(lock, [&] { return !entry->runs; });
    }

    void end() {
        {
            const std::lock_guard lock(mutex_);
            ending_ = true;
            for (const auto& [id, entry] : entries_) ::eventfd_write(entry->stop.number(), 1);
            entries_.clear();
            moved_.notify_all();
        }
        for (std::thread& thread : threads_) thread.join();
    }

private:
    struct Entry {
        Entry(Check the_check, Report the_report, checks::File the_stop)
            : check(std::move(the_check)),
              report(std::move(the_report)),
              stop(std::move(the_stop)),
              damping(check.damping) {}
        const Check check;
        const Report report;
        const checks::File stop;
        Damping damping;  // whoever runs it
        // Under the mutex.
        bool runs = false;
        Clock::time_point due = Clock::now();
    };

    // The one that is due first of those that nobody runs.
    std::shared_ptr<Entry> next() const {
        std::shared_ptr<Entry> first;
        for (const auto& [id, entry] : entries_) {
            if (!entry->runs && (!first || entry->due < first->due)) first = entry;
        }
        return first;
    }

    void run() {
        std::unique_lock lock(mutex_);
        while (!ending_) {
            const auto entry = next();
            const auto now = Clock::now();
            if (!entry) {
                moved_.wait(lock);
            } else if (now < entry->due) {
                moved_.wait_until(lock, entry->due);
            } else {
                entry->runs = true;
                entry->due = now + entry->check.interval;
                moved_.notify_one();  // somebody else looks for what is due next
                lock.unlock();
                const Finding finding = run_check(entry->check, entry->stop.number());
                if (still_wanted(*entry)) entry->report(entry->damping.take(finding.health), finding.note);
                lock.lock();
                entry->runs = false;
                idle_.notify_all();
            }
        }
    }

    // One that was stopped found nothing.
    static bool still_wanted(const Entry& entry) {
        eventfd_t stopped = 0;
        return ::eventfd_read(entry.stop.number(), &stopped) != 0;
    }

    std::mutex mutex_;
    std::condition_variable moved_, idle_;
    std::map<uint64_t, std::shared_ptr<Entry>> entries_;
    std::vector<std::thread> threads_;
    uint64_t last_id_ = 0;
    bool ending_ = false;
};

Checker::Checker() : impl_(std::make_unique<Impl>()) {}
Checker::~Checker() { impl_->end(); }

Result<uint64_t> Checker::add(Check check, Report report) { return impl_->add(std::move(check), std::move(report)); }
void Checker::remove(uint64_t id) { impl_->remove(id); }

}  // namespace belfry

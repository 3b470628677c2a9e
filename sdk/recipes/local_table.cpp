#include "sdk/recipes/local_table.hpp"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "sdk/base/may_pass.hpp"

namespace belfry {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto look_again = 10ms;
// That no view has reached yet: a hub that answers and does not publish. The oldest is kept, it is reached first.
constexpr size_t probes_max = 64;

}  // namespace

// Asks the hub again and again. The answers come on the client's thread, perhaps after this is gone.
class LocalTable::Prober {
public:
    Prober(std::shared_ptr<Client> client, LocalTableOptions options)
        : client_(std::move(client)), options_(std::move(options)), thread_([this] { run(); }) {}
    ~Prober() {
        {
            const std::lock_guard lock(answers_->mutex);
            answers_->stop = true;
        }
        answers_->stopping.notify_all();
        thread_.join();
    }

    // As of when a view that is complete at this revision is right. None: it is not known.
    std::optional<Clock::time_point> right_as_of(Revision complete) const {
        const std::lock_guard lock(answers_->mutex);
        auto& reached = answers_->reached;
        auto& probes = answers_->probes;
        for (; !probes.empty() && probes.front().revision <= complete; probes.pop_front())
            reached = reached ? std::max(*reached, probes.front().asked) : probes.front().asked;
        return reached;
    }
    // Why it is not told, and will not be: the last answer, if it is of that kind.
    std::optional<Error> refused() const {
        const std::lock_guard lock(answers_->mutex);
        return answers_->refused;
    }

private:
    // When it was asked, the hub had this revision or a later one.
    struct Probe {
        Clock::time_point asked;
        Revision revision;
    };
    struct Answers {
        std::mutex mutex;
        std::condition_variable stopping;
        bool stop = false;
        std::deque<Probe> probes;  // by revision
        std::optional<Clock::time_point> reached;
        std::optional<Error> refused;
    };

    static void add(Answers& answers, Probe probe) {
        const std::lock_guard lock(answers.mutex);
        auto& probes = answers.probes;
        if (!probes.empty() && probe.revision < probes.back().revision) return;  // an earlier question, answered late
        if (!probes.empty() && probe.revision == probes.back().revision)
            probes.back().asked = std::max(probes.back().asked, probe.asked);
        else if (probes.size() < probes_max)
            probes.push_back(probe);
    }
    static void take(Answers& answers, Clock::time_point asked, const Result<protocol::Reply>& reply) {
        const Error error = reply ? reply->error : reply.error();
        if (error.code == Code::ok) add(answers, {asked, reply->revision});
        if (may_pass(error.code)) return;
        const std::lock_guard lock(answers.mutex);
        answers.refused = error.code == Code::ok ? std::nullopt : std::optional(error);
    }
    // One key of the prefix, the first that there could be.
    void ask() const {
        protocol::RangeRequest nothing;
        nothing.range = KeyRange::one(options_.prefix.empty() ? Bytes(1, '\0') : options_.prefix);
        nothing.keys_only = true;
        const auto asked = Clock::now();
        const Status sent =
            client_->send(nothing, [answers = answers_, asked](const auto& reply) { take(*answers, asked, reply); });
        if (!sent) take(*answers_, asked, sent.error());
    }
    void run() const {
        std::unique_lock lock(answers_->mutex);
        while (!answers_->stop) {
            lock.unlock();
            ask();
            lock.lock();
            answers_->stopping.wait_for(lock, options_.probe_interval, [this] { return answers_->stop; });
        }
    }

    const std::shared_ptr<Client> client_;
    const LocalTableOptions options_;
    const std::shared_ptr<Answers> answers_ = std::make_shared<Answers>();
    std::thread thread_;
};

LocalTable::LocalTable(Bytes prefix, std::shared_ptr<Subscription> subscription, std::unique_ptr<Prober> prober)
    : prefix_(std::move(prefix)), subscription_(std::move(subscription)), prober_(std::move(prober)) {}

LocalTable::~LocalTable() = default;

Result<std::unique_ptr<LocalTable>> LocalTable::open(std::shared_ptr<Client> client, LocalTableOptions options) {
    if (options.probe_interval < probe_interval_min)
        return Error{Code::invalid_argument, "a probe_interval below 10 ms would only burden the hub"};
    SubscriptionOptions wanted;
    wanted.filter = {"prefix", options.prefix};
    wanted.private_stream = options.private_stream;
    auto subscription = Subscription::open(client, std::move(wanted));
    if (!subscription) return subscription.error();
    Bytes prefix = options.prefix;
    auto prober = std::make_unique<Prober>(std::move(client), std::move(options));
    return std::unique_ptr<LocalTable>(new LocalTable(std::move(prefix), *std::move(subscription), std::move(prober)));
}

Result<std::shared_ptr<const View>> LocalTable::proven(std::chrono::milliseconds max_staleness) const {
    if (const auto refused = subscription_->refused()) return *refused;
    const auto now = Clock::now();
    const auto as_of = right_as_of();
    // Looked at afterwards: another thread may have proved more, by a newer view.
    if (as_of && now - *as_of <= max_staleness) return subscription_->view();
    if (const auto refused = prober_->refused()) return *refused;
    const std::string allowed = std::to_string(max_staleness.count()) + " ms were allowed";
    if (!as_of) return Error{Code::unavailable, "'" + prefix_ + "' is not known yet; " + allowed};
    const auto age = std::chrono::ceil<std::chrono::milliseconds>(now - *as_of);
    return Error{Code::unavailable,
                 "'" + prefix_ + "' is proven as of " + std::to_string(age.count()) + " ms ago; " + allowed};
}

Result<std::shared_ptr<const View>> LocalTable::view(std::chrono::milliseconds max_staleness) const {
    return proven(max_staleness);
}

Result<KeyValue> LocalTable::get(BytesView key, std::chrono::milliseconds max_staleness) const {
    if (!key.starts_with(prefix_)) return Error{Code::invalid_argument, "the table has keys of '" + prefix_ + "' only"};
    const auto view = proven(max_staleness);
    if (!view) return view.error();
    const KeyValue* kv = (*view)->find(key);
    if (kv == nullptr) return Error{Code::not_found, "no such key '" + Bytes(key) + "'"};
    return *kv;
}

std::optional<Clock::time_point> LocalTable::right_as_of() const {
    if (!subscription_->wait_current(0ms)) return {};
    return prober_->right_as_of(subscription_->view()->revision);
}

std::chrono::milliseconds LocalTable::staleness() const {
    const auto now = Clock::now();
    const auto as_of = right_as_of();
    return as_of ? std::chrono::ceil<std::chrono::milliseconds>(now - *as_of) : std::chrono::milliseconds::max();
}

bool LocalTable::wait_fresh(std::chrono::milliseconds max_staleness, std::chrono::milliseconds timeout) const {
    const auto end = Clock::now() + timeout;
    while (staleness() > max_staleness) {
        if (Clock::now() >= end) return false;
        std::this_thread::sleep_for(look_again);
    }
    return true;
}

}  // namespace belfry

#include "tests/support/load.hpp"

namespace belfry::test {

using namespace std::chrono_literals;

Load::Load(ClusterProcesses& cluster, std::chrono::milliseconds timeout) : cluster_(cluster) {
    const auto ids = cluster.ids();
    for (const uint64_t id : {ids.front(), ids.back()}) {
        observers_.push_back(std::make_unique<Observer>(cluster.client(timeout, id), "shared/"));
    }
    for (const uint64_t id : ids) {
        witnesses_.push_back(std::make_unique<Witness>(cluster.client(timeout, id), static_cast<unsigned>(id)));
    }
    writers_client_ = cluster.client(timeout);
    writer_ = std::thread([this] { write(); });
    writes_go_on(5, 10s);
}

Load::~Load() { finish(); }

void Load::write() {
    uint64_t answered_ns = now_ns();
    for (uint64_t number = 0; !stop_; ++number) {
        const auto put = writers_client_->put("shared/steady", std::to_string(number));
        if (!put) {
            if (writers_errors_.size() < 2000) writers_errors_ += "writer: " + to_string(put.error()) + "\n";
            continue;
        }
        const uint64_t answered_before_ns = std::exchange(answered_ns, now_ns());
        longest_pause_ms_ = std::max<uint64_t>(longest_pause_ms_, (answered_ns - answered_before_ns) / 1'000'000);
        ++writes_;
    }
}

bool Load::writes_go_on(uint64_t count, std::chrono::milliseconds patience) {
    const uint64_t before = writes_;
    for (const auto end = std::chrono::steady_clock::now() + patience; writes_ < before + count;) {
        if (std::chrono::steady_clock::now() > end) return false;
        std::this_thread::sleep_for(5ms);
    }
    return true;
}

void Load::finish() {
    stop_ = true;
    if (!writer_.joinable()) return;
    writer_.join();
    history_ = finish_all(witnesses_);
}

std::string Load::errors() const {
    std::string all = writers_errors_;
    for (const auto& witness : witnesses_) {
        for (const auto& error : witness->errors()) all += "witness: " + error + "\n";
    }
    return all;
}

void Load::judge(const std::vector<uint64_t>& running, size_t operations_min) {
    finish();
    INFO(history_.size() << " operations, " << writes_ << " steady writes, the longest pause " << longest_pause_ms_
                         << " ms\n"
                         << errors() << cluster_.logs());
    CHECK(history_.size() >= operations_min);
    const auto verdict = check_linearizability(history_);
    INFO("key " << verdict.key << ": " << verdict.longest.substr(0, 2000));
    CHECK(verdict.kind == LinearizabilityVerdict::Kind::linearizable);

    const auto last = cluster_.client(10s, running.front())->put("shared/last", "1");
    REQUIRE(last);
    protocol::DigestRequest request;
    request.filter = {"prefix", "shared/"};
    request.at = last->revision;
    const auto first = cluster_.at(running.front()).client(10s)->digest(request);
    REQUIRE(first);
    for (const uint64_t id : running) {
        const auto digest = cluster_.at(id).client(10s)->digest(request);
        INFO("member " << id << ": " << (digest ? "" : digest.error().detail));
        REQUIRE(digest);
        CHECK(digest->digest == first->digest);
    }
    for (const auto& observer : observers_) {
        CHECK(observer->wait(last->revision, 20s));
        CHECK(observer->digest() == first->digest);
        CHECK(observer->difference(*cluster_.at(running.back()).client(10s), last->revision) == "");
    }
}

}  // namespace belfry::test

// Real processes: what several clients see of the keys they share, while the hub is killed again and again, is what one
// register per key could have done.
#include <algorithm>
#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <map>
#include <random>
#include <thread>

#include "tests/support/hub_process.hpp"
#include "tests/support/linearizability.hpp"

using namespace belfry;
using namespace belfry::test;
using namespace std::chrono_literals;

namespace {

uint64_t now_ns() {
    return static_cast<uint64_t>(std::chrono::steady_clock::now().time_since_epoch() / std::chrono::nanoseconds(1));
}

// One client that does one thing after another, and writes down what it saw.
class Witness {
public:
    Witness(const HubProcess& hub, unsigned number) : client_(hub.client(400ms)), number_(number), random_(number) {
        thread_ = std::thread([this] {
            while (!stop_) act();
        });
    }
    ~Witness() { finish(); }
    const std::vector<Operation>& finish() {
        stop_ = true;
        if (thread_.joinable()) thread_.join();
        return history_;
    }

private:
    void act() {
        Operation operation;
        operation.kind = static_cast<Operation::Kind>(random_() % 4);
        operation.key = "shared/" + std::to_string(random_() % 3);
        if (operation.kind == Operation::Kind::put || operation.kind == Operation::Kind::swap) {
            operation.value = std::to_string(number_) + "." + std::to_string(++counter_);
        }
        if (operation.kind == Operation::Kind::swap) operation.expected = seen_[operation.key];
        operation.called = now_ns();
        const Code code = carry_out(operation);
        operation.returned = now_ns();
        if (code == Code::uncertain && operation.kind != Operation::Kind::get) operation.returned = Operation::never;
        if (code != Code::ok && operation.returned != Operation::never) return;  // certainly not done
        if (operation.returned != Operation::never && operation.succeeded) seen_[operation.key] = operation.value;
        history_.push_back(std::move(operation));
    }

    Code carry_out(Operation& operation) {
        switch (operation.kind) {
            case Operation::Kind::put: return code_of(client_->put(operation.key, *operation.value));
            case Operation::Kind::erase: return code_of(client_->erase(KeyRange::one(operation.key)));
            case Operation::Kind::get: {
                const auto got = client_->get(operation.key);
                if (got) operation.value = got->value;
                return got.ok() || got.error().code == Code::not_found ? Code::ok : got.error().code;
            }
            case Operation::Kind::swap: break;
        }
        protocol::Compare compare;
        compare.range = KeyRange::one(operation.key);
        compare.target = operation.expected ? protocol::Compare::Target::value : protocol::Compare::Target::create;
        compare.value = operation.expected.value_or("");
        protocol::TxnRequest request;
        request.compares.push_back(compare);
        request.then_ops.push_back({protocol::PutRequest{operation.key, *operation.value, {}, false}});
        const auto swapped = client_->txn(std::move(request));
        if (swapped) operation.succeeded = swapped->succeeded;
        return code_of(swapped);
    }
    template <class T>
    static Code code_of(const Result<T>& result) {
        return result ? Code::ok : result.error().code;
    }

    std::shared_ptr<Client> client_;
    const unsigned number_;
    std::mt19937 random_;
    uint64_t counter_ = 0;
    std::map<Bytes, std::optional<Bytes>> seen_;
    std::vector<Operation> history_;
    std::atomic<bool> stop_{false};
    std::thread thread_;
};

}  // namespace

TEST_CASE("consistency: what clients see across 20 kills is linearizable", "[integration][crash]") {
    const TemporaryDirectory directory;
    HubProcess hub(directory.path() + "/data");
    REQUIRE(hub.start());
    std::vector<Operation> history;
    {
        std::vector<std::unique_ptr<Witness>> witnesses;
        for (unsigned number = 1; number <= 4; ++number) witnesses.push_back(std::make_unique<Witness>(hub, number));
        std::mt19937 random(11);
        for (int kills = 0; kills < 20; ++kills) {
            std::this_thread::sleep_for(std::chrono::milliseconds(20 + random() % 150));
            hub.kill();
            REQUIRE(hub.start());
        }
        std::this_thread::sleep_for(200ms);
        for (const auto& witness : witnesses) {
            const auto& seen = witness->finish();
            history.insert(history.end(), seen.begin(), seen.end());
        }
    }
    const auto unanswered = std::count_if(history.begin(), history.end(),
                                          [](const Operation& one) { return one.returned == Operation::never; });
    INFO(history.size() << " operations, " << unanswered << " of them unanswered");
    CHECK(history.size() > 200);
    CHECK(unanswered > 0);
    const auto verdict = check_linearizability(history);
    INFO("key " << verdict.key << ": "
                << verdict.longest.substr(verdict.longest.size() > 2000 ? verdict.longest.size() - 2000 : 0));
    CHECK(verdict.kind == LinearizabilityVerdict::Kind::linearizable);
    CHECK(hub.stop() == 0);
}

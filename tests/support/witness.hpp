// One client that does one thing after another, on keys that it shares with others, and writes down what it saw: for the
// linearizability checker.
#pragma once

#include <atomic>
#include <chrono>
#include <map>
#include <random>
#include <thread>

#include "sdk/client/client.hpp"
#include "tests/support/linearizability.hpp"

namespace belfry::test {

inline uint64_t now_ns() {
    return static_cast<uint64_t>(std::chrono::steady_clock::now().time_since_epoch() / std::chrono::nanoseconds(1));
}

class Witness {
public:
    Witness(std::shared_ptr<Client> client, unsigned number)
        : client_(std::move(client)), number_(number), random_(number) {
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
    // So many of its operations were answered, up to now.
    uint64_t answered() const { return answered_; }
    // What it was told instead of an answer, after the client's own repetitions; a few of them. Once it is finished.
    const std::vector<std::string>& errors() const { return errors_; }

private:
    static constexpr size_t errors_max = 20;  // enough to see what went wrong

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
        if (code == Code::ok) ++answered_;
        if (code != Code::ok && errors_.size() < errors_max) errors_.push_back(last_error_);
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
                return got.ok() || got.error().code == Code::not_found ? Code::ok : code_of(got);
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
    Code code_of(const Result<T>& result) {
        if (result) return Code::ok;
        last_error_ = to_string(result.error());
        return result.error().code;
    }

    std::shared_ptr<Client> client_;
    const unsigned number_;
    std::mt19937 random_;
    uint64_t counter_ = 0;
    std::map<Bytes, std::optional<Bytes>> seen_;
    std::vector<Operation> history_;
    std::vector<std::string> errors_;
    std::string last_error_;
    std::atomic<uint64_t> answered_{0};
    std::atomic<bool> stop_{false};
    std::thread thread_;
};

// Ends all of them; what they saw together.
inline std::vector<Operation> finish_all(const std::vector<std::unique_ptr<Witness>>& witnesses) {
    std::vector<Operation> history;
    for (const auto& witness : witnesses) {
        const auto& seen = witness->finish();
        history.insert(history.end(), seen.begin(), seen.end());
    }
    return history;
}

}  // namespace belfry::test

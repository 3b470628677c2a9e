// Writes many keys in change sets of a bounded size, several under way at once.
#pragma once

#include <deque>
#include <future>
#include <memory>

#include "sdk/cli/items.hpp"
#include "sdk/client/client.hpp"

namespace belfry::cli {

struct ImportFigures {
    uint64_t written = 0;  // acknowledged
    uint64_t deleted = 0;
    uint64_t bytes = 0;
    uint64_t change_sets = 0;
    Revision revision;  // the newest one
};

class Importer {
public:
    // `keys_per_change`: 1 to limits::txn_ops_max.
    Importer(std::shared_ptr<Client> client, size_t keys_per_change, std::string comment);

    // REQUIRES: no key twice; key and value within the limits. Fails as soon as one change set failed; what was
    // acknowledged before stands.
    Status put(Item item);
    Status erase(Bytes key);
    // Sends what is left and waits for all answers.
    Status finish();
    // Waits for the answers to what was sent; the figures are whole then, also after a failure.
    Status settle();
    const ImportFigures& figures() const { return figures_; }

private:
    struct Sent {
        std::future<Result<protocol::Reply>> reply;
        uint64_t puts, erases, bytes;
    };
    static constexpr size_t bytes_per_change_max = 1024 * 1024 + 64 * 1024;  // one largest value and its key always fit
    static constexpr size_t changes_in_flight_max = 8;

    Status add(protocol::TxnOp op, size_t bytes, bool is_put);
    Status send();
    Status collect_one();

    std::shared_ptr<Client> client_;
    const size_t keys_per_change_;
    const WriteOptions options_;
    protocol::TxnRequest open_;
    uint64_t open_puts_ = 0, open_bytes_ = 0;
    std::deque<Sent> sent_;
    ImportFigures figures_;
};

}  // namespace belfry::cli

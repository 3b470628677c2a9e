// A subscriber that writes down what it was told, to be compared with the hub's own history.
#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "sdk/client/subscription.hpp"

namespace belfry::test {

class Observer {
public:
    // Of every change since the first revision, so that nothing may come as a snapshot.
    Observer(std::shared_ptr<Client> client, const std::string& prefix);

    // Until it was told of this revision, which must change one of its keys.
    bool wait(Revision revision, std::chrono::milliseconds patience);
    uint64_t digest() const { return subscription_->figures().digest; }
    // Compares with the change sets up to `last` that `hub` has: each revision once, in order, with all its keys and
    // nothing else. "" = the same; otherwise the first difference.
    std::string difference(Client& hub, Revision last);

private:
    struct Told {
        Revision revision;
        bool is_snapshot = false;
        std::string keys;  // "+KEY=VALUE", "-KEY", in order
    };
    void note(const Delivery& delivery);
    const std::string prefix_;
    std::mutex mutex_;
    std::vector<Told> told_;                      // under mutex_
    std::shared_ptr<Subscription> subscription_;  // last: its callbacks use the others
};

}  // namespace belfry::test

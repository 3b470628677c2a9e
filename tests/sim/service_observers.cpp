#include "tests/sim/service_observers.hpp"

#include <utility>

namespace belfry::sim {

namespace {

constexpr uint64_t find_ms_max = 800;  // from one question to the next

}  // namespace

// ---- views ----

ServiceObserver::ServiceObserver(World& world, const Truth& truth, DiscoveryChecks& checks, Subscriber& subscriber,
                                 FindOptions find, ObserverPlants plants)
    : checks_(checks),
      following_(world, truth, subscriber.name(), DiscoveryKeys::all),
      deliveries_(subscriber, false, plants),
      find_(std::move(find)) {
    deliveries_.on_delivery = [this](const Delivery& delivery) { take(delivery); };
    deliveries_.on_new_owner = [this] { begin(); };
    begin();
}

void ServiceObserver::begin() {
    following_.begin_anew();
    table_.emplace(find_, Bytes(services_prefix));
}

void ServiceObserver::take(const Delivery& delivery) {
    following_.check_order(delivery);
    const Instances before = there();
    following_.folder().advance(delivery.revision);
    const Instances now = there();
    const std::string at = "at revision " + std::to_string(delivery.revision.value);
    Instances told = before;
    for (const InstanceChange& change : table_->apply(delivery)) {
        const Bytes& id = change.after ? change.after->id : change.before->id;
        const auto known = told.find(id);
        const bool is_right = change.before ? known != told.end() && known->second == *change.before : known == told.end();
        if (!is_right || change.before == change.after) following_.fail(at + " it is told of what " + id + " was not");
        told.erase(id);
        if (change.after) told.emplace(id, *change.after);
    }
    if (told != now) following_.fail(at + " it is told of other changes than there are");
    Instances all;
    for (const Instance& instance : table_->all()) all.emplace(instance.id, instance);
    if (all != now) following_.fail(at + " its instances are not the registry's");
    checks_.keys().heard_of(following_.name(), delivery.revision);
}

ServiceObserver::Instances ServiceObserver::there() const {
    Instances all;
    for (const auto& [key, kv] : following_.folder().state()) {
        const auto instance = decode_instance(kv);
        if (instance && find_.wants(*instance)) all.emplace(instance->id, *instance);
    }
    return all;
}

// ---- asking ----

Finder::Finder(RecipeParts parts, DiscoveryChecks& checks, Send send, Bytes name)
    : world_(parts.world), ledger_(parts.ledger), checks_(checks), send_(std::move(send)), name_(std::move(name)) {
    checks_.keys().may_delete(name_);
}

void Finder::look() {
    world_.after(world_.random.below(find_ms_max), [this] {
        if (!calm_ && world_.random.chance(15)) delete_one();
        find();
        look();
    });
}

void Finder::find() {
    protocol::RangeRequest request;
    request.range = KeyRange::prefix(DiscoveryKeys::all);
    FindOptions options;
    options.passing_only = world_.random.chance(50);
    send_({std::move(request), {}}, [this, options, floor = ledger_.newest()](const Result<protocol::Reply>& reply) {
        const auto* const range = reply ? std::get_if<protocol::RangeReply>(&reply->result) : nullptr;
        if (range == nullptr || reply->error.code != Code::ok) return;
        if (reply->revision < floor) return world_.fail("instances are found as of before it was asked");
        std::vector<Instance> instances;
        for (const KeyValue& kv : range->kvs) {
            const auto instance = decode_instance(kv);
            if (instance && options.wants(*instance)) instances.push_back(*instance);
        }
        checks_.found(instances, options.passing_only, reply->revision);
    });
}

void Finder::delete_one() {
    const Bytes key = DiscoveryKeys::all + DiscoveryKeys::id(world_.random.below(DiscoveryKeys::instances));
    const Bytes comment = name_ + "#" + std::to_string(++calls_);
    Ledger::Write write{name_, comment, {}, std::nullopt, ledger_.newest(), {}, true};
    send_({protocol::DeleteRequest{KeyRange::one(key)}, comment},
          [this, write = std::move(write)](const Result<protocol::Reply>& reply) {
              if (reply) ledger_.answered(write, *reply);
          });
}

}  // namespace belfry::sim

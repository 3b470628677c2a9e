// What rights each of the seven uses needs, as its header says: with those it works, without one of them it is told
// `denied`, and nobody is let in by mistake. On a real hub that asks who somebody is.
#include <catch2/catch_test_macros.hpp>

#include "sdk/discovery/registry.hpp"
#include "sdk/discovery/service_view.hpp"
#include "sdk/recipes/barrier.hpp"
#include "sdk/recipes/counter.hpp"
#include "sdk/recipes/election.hpp"
#include "sdk/recipes/lock.hpp"
#include "sdk/recipes/once.hpp"
#include "sdk/recipes/presence.hpp"
#include "sdk/recipes/semaphore.hpp"
#include "sdk/recipes/shared_lock.hpp"
#include "tests/support/guarded_hub.hpp"
#include "tests/support/lease_of.hpp"
#include "tests/support/one_hub.hpp"

using namespace belfry;
using namespace belfry::test;
using namespace std::chrono_literals;

namespace {

using Words = std::vector<std::string>;

Code code_of(const Status& status) { return status ? Code::ok : status.error().code; }

Instance instance_of(const std::string& service) {
    Instance instance;
    instance.service = service;
    instance.address = "10.0.0.5";
    instance.port = 80;
    return instance;
}

}  // namespace

TEST_CASE("rights: who may register registers its own service and no other; who may read finds and views",
          "[integration][rights]") {
    const GuardedHub guarded;
    const auto owner = guarded.user("owner", {"read", "write", "lease"}, "services/web/");
    const auto reader = guarded.user("reader", {"read"}, "services/web/");
    const auto watcher = guarded.user("watcher", {"watch"}, "services/web/");
    const Registry owned(owner), read(reader), watched(watcher);

    auto web = owned.register_instance(instance_of("web"));
    REQUIRE(web);
    CHECK(owned.register_instance(instance_of("db")).error().code == Code::denied);
    CHECK(read.register_instance(instance_of("web")).error().code == Code::denied);

    const auto found = read.find("web");
    REQUIRE(found);
    CHECK(found->instances.size() == 1);
    CHECK(read.find("db").error().code == Code::denied);
    CHECK(read.services().error().code == Code::denied);  // that is all of them
    CHECK(watched.find("web").error().code == Code::denied);
    for (const auto& client : {reader, watcher}) {
        const auto view = ServiceView::open(client, "web");
        REQUIRE(view);
        CHECK((*view)->wait_current(20s));
        CHECK((*view)->instances()->size() == 1);
    }
    const auto hidden = ServiceView::open(reader, "db");
    REQUIRE(hidden);
    CHECK_FALSE((*hidden)->wait_current(20s));  // it is told so before
    REQUIRE((*hidden)->refused());
    CHECK((*hidden)->refused()->code == Code::denied);

    // Its key goes with the lease, though it may not delete.
    web->reset();
    CHECK(wait_for([&] { return guarded.is_empty("services/"); }));
}

TEST_CASE("rights: registering without one of the three is denied, and leaves nothing behind", "[integration][rights]") {
    const GuardedHub guarded;
    const Words all = {"read", "write", "lease"};
    for (const std::string& missing : all) {
        Words rights = all;
        std::erase(rights, missing);
        INFO("without " << missing);
        const auto client = guarded.user("no-" + missing, rights, "services/");
        CHECK(Registry(client).register_instance(instance_of("web")).error().code == Code::denied);
    }
    CHECK(guarded.is_empty("services/"));
}

TEST_CASE("rights: locks, permits, elections, presence and one-time jobs need all four, on their name alone",
          "[integration][rights]") {
    const GuardedHub guarded;
    const Words all = {"read", "write", "delete", "lease"};
    const auto attempts = [](const std::shared_ptr<Client>& client, const Bytes& name) {
        const auto lease = lease_of(client, 30s);
        const auto work = [](const OnceTurn&) -> Result<Bytes> { return Bytes("done"); };
        Lock lock(client, lease, name + "/lock");
        SharedLock shared(client, lease, name + "/shared");
        Semaphore semaphore(client, lease, name + "/uploads", 2);
        Election election(client, lease, name + "/office");
        Presence presence(client, lease, name + "/there");
        const auto once = run_once(client, lease, name + "/once", work);
        return std::vector<std::pair<std::string, Status>>{{"lock", lock.lock(5s)},
                                                           {"shared lock", shared.lock(5s)},
                                                           {"permit", semaphore.acquire(5s)},
                                                           {"office", election.campaign("me", 5s)},
                                                           {"presence", presence.join("me", 5s)},
                                                           {"once", once ? Status() : Status(once.error())}};
    };
    const auto may = guarded.user("may", all, "team/");
    for (const auto& [what, status] : attempts(may, "team")) {
        INFO(what);
        CHECK(code_of(status) == Code::ok);
    }
    for (const auto& [what, status] : attempts(may, "other")) {
        INFO(what);
        CHECK(code_of(status) == Code::denied);
    }
    for (const std::string missing : {"read", "write", "lease"}) {
        Words rights = all;
        std::erase(rights, missing);
        const auto client = guarded.user("no-" + missing, rights, "team/");
        for (const auto& [what, status] : attempts(client, "team/no-" + missing)) {
            INFO(what << " without " << missing);
            CHECK(code_of(status) == Code::denied);
        }
    }
    CHECK(guarded.is_empty("other/"));
}

TEST_CASE("rights: at a barrier and a counter whoever may only read waits and reads, and changes nothing",
          "[integration][rights]") {
    const GuardedHub guarded;
    const auto may = guarded.user("may", {"read", "write", "delete", "lease"}, "team/");
    const auto reader = guarded.user("reader", {"read"}, "team/");
    Barrier held(may, lease_of(may, 30s), "team/gate"), stolen(reader, nullptr, "team/gate");
    REQUIRE(held.hold());
    CHECK(stolen.hold().error().code == Code::denied);
    CHECK(Barrier::open(*reader, "team/gate").error().code == Code::denied);
    CHECK(Barrier::wait(reader, "team/gate", 200ms).error().code == Code::timeout);
    REQUIRE(held.release());
    CHECK(Barrier::wait(reader, "team/gate", 5s));

    const Counter counted(may, "team/count"), seen(reader, "team/count");
    CHECK(counted.add(3).value() == 3);
    CHECK(seen.get().value() == 3);
    CHECK(seen.add(1).error().code == Code::denied);
    CHECK(counted.get().value() == 3);
}

// Those who observe a folder with the SDK's recipes: the real recipes::Children and recipes::Members over what a simulated
// subscriber takes. What they tell is held against the log:
//   a change          just what its revision did, and nothing happened between it and the one told of before
//   a later listing   what is different now, no more and no less
//   afterwards        the list is what the folder holds at that revision
#pragma once

#include "sdk/recipes/presence.hpp"
#include "tests/sim/deliveries.hpp"
#include "tests/sim/folder_truth.hpp"
#include "tests/sim/presence_checks.hpp"

namespace belfry::sim {

// Where an observer is in the log.
class Following {
public:
    Following(World& world, const Truth& truth, std::string name, Bytes prefix)
        : world_(world), truth_(truth), name_(std::move(name)), folder_(truth, std::move(prefix)) {}

    void begin_anew();
    // True: it is the first. Only a listing may pass over what happened.
    bool check_order(const Delivery& delivery);
    void fail(const std::string& what) const { world_.fail("observer " + name_ + ": " + what); }
    // Everything that happened in the folder was told.
    void check_end() const;

    FolderTruth& folder() { return folder_; }
    const FolderTruth& folder() const { return folder_; }
    const std::string& name() const { return name_; }

private:
    World& world_;
    const Truth& truth_;
    const std::string name_;
    FolderTruth folder_;
    bool begun_ = false;
};

// belfry::Directory
class DirectoryObserver {
public:
    DirectoryObserver(World& world, const Truth& truth, Subscriber& subscriber, ObserverPlants plants);
    void check_end() const { following_.check_end(); }

private:
    // Of a child: its key, and those below, in their order.
    using Standing = std::vector<KeyValue>;
    void begin();
    void take(const Delivery& delivery);
    void check_event(const ChildEvent& event, const Standing& before, const Standing& after, bool is_listing);
    Standing standing(const Bytes& name) const;
    void check_list();

    Following following_;
    Deliveries deliveries_;
    std::optional<recipes::Children> children_;
};

// belfry::PresenceObserver
class PresentObserver {
public:
    PresentObserver(World& world, const Truth& truth, PresenceChecks& checks, Subscriber& subscriber,
                    ObserverPlants plants);
    void check_end() const { following_.check_end(); }

private:
    void begin();
    void take(const Delivery& delivery);
    void check_told(const PresenceChange& told, const State& before);

    PresenceChecks& checks_;
    Following following_;
    Deliveries deliveries_;
    std::optional<recipes::Children> children_;
    std::optional<recipes::Members> members_;
};

}  // namespace belfry::sim

// Snapshots of our own, and those that take the place of our log.
#include <algorithm>
#include <utility>

#include "hub/base/assert.hpp"
#include "hub/raft/engine.hpp"

namespace belfry::hub::raft {

Status Engine::snapshot_taken(Index index, unsigned trailing, uint64_t now_ms, Effects& effects) {
    // No news (the engine must not hear it twice), or too young (D9).
    const Index youngest{options_.guards.first_entry ? 1u : 0u};
    if (index <= std::max(Index{raft_->trail.snapshot.index}, youngest)) return {};
    if (index > commit_ || index <= trail_.boundary()) {
        return Error{Code::invalid_argument, "snapshot at " + std::to_string(index.value) + ", but the log holds " +
                                                 std::to_string(trail_.boundary().value + 1) + ".." +
                                                 std::to_string(trail_.last().value) + ", committed up to " +
                                                 std::to_string(commit_.value)};
    }
    // The membership in force at `index`.
    const Change* const in_force = in_force_at(index);
    BELFRY_ASSERT(in_force != nullptr);
    if (installing_) return {};  // a newer one is on its way
    raft_event taken = event(RAFT_SNAPSHOT, now_ms);
    taken.snapshot.metadata.index = index.value;
    taken.snapshot.metadata.term = trail_.term_of(index).value;
    taken.snapshot.metadata.configuration = copy_configuration(*in_force->servers);  // the engine keeps it
    taken.snapshot.metadata.configuration_index = in_force->index.value;
    const Index cut = cut_for(index, trailing);
    taken.snapshot.trailing = static_cast<unsigned>(index.value - cut.value);
    if (cut > trail_.boundary()) trail_.drop_to(cut);
    while (changes_.size() > 1 && changes_[1].index <= trail_.boundary()) changes_.pop_front();
    return step(taken, {}, effects);
}

// The log in memory is gone already; the membership changes when the snapshot is durable.
Status Engine::take_install(const raft_update& update, Effects& effects) {
    const raft_snapshot_metadata& metadata = update.snapshot.metadata;
    raft_free(update.snapshot.chunk.base);
    Install install{Index{metadata.index}, Term{metadata.term}, Index{metadata.configuration_index},
                    encode_configuration(metadata.configuration)};
    raft_configuration servers = metadata.configuration;
    raft_configuration_close(&servers);
    trail_.start(install.index, install.term);
    cuts_.push_back({++generation_, Index{}});
    effects.generation = generation_;
    effects.truncate_after.reset();
    effects.entries.clear();
    effects.install = install;
    installing_ = std::move(install);
    return {};
}

Status Engine::snapshot_installed(uint64_t now_ms, Effects& effects) {
    BELFRY_ASSERT(installing_);
    const Install done = *std::exchange(installing_, std::nullopt);
    changes_.clear();
    if (auto taken = take_change(done.configuration_index, done.configuration); !taken) return taken;
    change_confirmed_ = done.configuration_index;
    raft_event installed = event(RAFT_PERSISTED_SNAPSHOT, now_ms);
    installed.persisted_snapshot.metadata.index = done.index.value;
    installed.persisted_snapshot.metadata.term = done.term.value;
    installed.persisted_snapshot.metadata.configuration_index = done.configuration_index.value;
    installed.persisted_snapshot.metadata.configuration =
        copy_configuration(*changes_.back().servers);  // the engine keeps it
    installed.persisted_snapshot.last = true;
    return step(installed, {}, effects);
}

}  // namespace belfry::hub::raft

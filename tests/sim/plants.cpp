#include "tests/sim/plants.hpp"

namespace belfry::sim {

namespace {

struct Row {
    std::string name;
    bool& (*flag)(Plants&);
    std::optional<Recipe> recipe = {};
};

const std::vector<Row>& all_plants() {
    static const std::vector<Row> rows = {
        {"no_mark", [](Plants& p) -> bool& { return p.hub.no_mark; }},
        {"ack_before_durable", [](Plants& p) -> bool& { return p.hub.ack_before_durable; }},
        {"skip_sync", [](Plants& p) -> bool& { return p.hub.skip_sync; }},
        {"forget_vote", [](Plants& p) -> bool& { return p.hub.forget_vote; }},
        {"messages_before_vote", [](Plants& p) -> bool& { return p.hub.messages_before_vote; }},
        {"newest_generation", [](Plants& p) -> bool& { return p.hub.newest_generation; }},
        {"requests_twice", [](Plants& p) -> bool& { return p.requests_twice; }},
        {"forget_truncation", [](Plants& p) -> bool& { return p.hub.forget_truncation; }},
        {"install_keeps_state", [](Plants& p) -> bool& { return p.hub.install_keeps_state; }},
        {"install_keeps_log", [](Plants& p) -> bool& { return p.hub.install_keeps_log; }},
        {"old_snapshot", [](Plants& p) -> bool& { return p.hub.old_snapshot; }},
        {"stale_read", [](Plants& p) -> bool& { return p.hub.core.stale_read; }},
        {"reply_before_quorum", [](Plants& p) -> bool& { return p.hub.core.reply_before_quorum; }},
        {"forget_tickets", [](Plants& p) -> bool& { return p.hub.core.forget_tickets; }},
        {"deaf_streams", [](Plants& p) -> bool& { return p.hub.core.deaf_streams; }},
        {"forget_renewals", [](Plants& p) -> bool& { return p.hub.core.forget_renewals; }},
        {"renewals_unshared", [](Plants& p) -> bool& { return p.hub.core.renewals_unshared; }},
        {"end_leases_unasked", [](Plants& p) -> bool& { return p.hub.core.end_leases_unasked; }},
        {"uncertain_as_refused", [](Plants& p) -> bool& { return p.hub.core.uncertain_as_refused; }},
        {"claim_for_ever", [](Plants& p) -> bool& { return p.hub.core.claims.claim_for_ever; }, Recipe::queue},
        {"claim_inherited", [](Plants& p) -> bool& { return p.hub.core.claims.claim_inherited; }, Recipe::queue},
        {"claim_own_again", [](Plants& p) -> bool& { return p.hub.core.claims.claim_own_again; }, Recipe::queue},
        {"claim_given_back", [](Plants& p) -> bool& { return p.hub.core.claims.claim_given_back; }, Recipe::queue},
        {"claim_behind_last", [](Plants& p) -> bool& { return p.hub.core.claims.claim_behind_last; }, Recipe::queue},
        {"claim_begun_anew", [](Plants& p) -> bool& { return p.hub.core.claims.claim_begun_anew; }, Recipe::queue},
        {"forget_attempts", [](Plants& p) -> bool& { return p.hub.core.claims.forget_attempts; }, Recipe::queue},
        {"sweep_claims", [](Plants& p) -> bool& { return p.hub.core.claims.sweep_claims; }, Recipe::queue},
        {"keep_orphans", [](Plants& p) -> bool& { return p.hub.core.claims.keep_orphans; }, Recipe::queue},
        {"skip_fetch", [](Plants& p) -> bool& { return p.subscriber.skip_fetch; }},
        {"apply_twice", [](Plants& p) -> bool& { return p.subscriber.apply_twice; }},
        {"turn_unlooked", [](Plants& p) -> bool& { return p.line.turn_unlooked; }, Recipe::line},
        {"leave_alone", [](Plants& p) -> bool& { return p.barrier.leave_alone; }, Recipe::barrier},
        {"write_unguarded", [](Plants& p) -> bool& { return p.line.write_unguarded; }, Recipe::line},
        {"acknowledge_unguarded", [](Plants& p) -> bool& { return p.queue.acknowledge_unguarded; }, Recipe::queue},
        {"wait_from_now", [](Plants& p) -> bool& { return p.queue.wait_from_now; }, Recipe::queue},
        {"pass_unlooked", [](Plants& p) -> bool& { return p.gate.pass_unlooked; }, Recipe::gate},
        {"open_anybody", [](Plants& p) -> bool& { return p.gate.open_anybody; }, Recipe::gate},
        {"begin_unlooked", [](Plants& p) -> bool& { return p.once.begin_unlooked; }, Recipe::once},
        {"publish_unguarded", [](Plants& p) -> bool& { return p.once.publish_unguarded; }, Recipe::once},
        {"wait_for_result", [](Plants& p) -> bool& { return p.once.wait_for_result; }, Recipe::once},
        {"add_unguarded", [](Plants& p) -> bool& { return p.counter.add_unguarded; }, Recipe::counter},
        {"add_again", [](Plants& p) -> bool& { return p.counter.add_again; }, Recipe::counter},
        {"presence_unbound", [](Plants& p) -> bool& { return p.presence.unbound; }, Recipe::presence},
        {"observer_skips_removals", [](Plants& p) -> bool& { return p.observer.skip_removals; }, Recipe::presence},
        {"report_unguarded", [](Plants& p) -> bool& { return p.discovery.report_unguarded; }, Recipe::discovery},
        {"register_again_never", [](Plants& p) -> bool& { return p.discovery.register_again_never; }, Recipe::discovery},
        {"forget_lost_lease", [](Plants& p) -> bool& { return p.discovery.forget_lost_lease; }, Recipe::discovery},
        {"claim_late", [](Plants& p) -> bool& { return p.queue.claim_late; }, Recipe::queue},
    };
    return rows;
}

}  // namespace

std::vector<std::string> Plants::names() {
    std::vector<std::string> all;
    for (const Row& row : all_plants()) all.push_back(row.name);
    return all;
}

bool Plants::set(const std::string& name) {
    for (const Row& row : all_plants()) {
        if (row.name != name) continue;
        recipe = row.recipe;
        return row.flag(*this) = true;
    }
    return false;
}

}  // namespace belfry::sim

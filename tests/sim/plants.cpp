#include "tests/sim/plants.hpp"

namespace belfry::sim {

namespace {

struct Row {
    std::string name;
    bool& (*flag)(Plants&);
    std::optional<Use> use = {};
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
        {"forget_renewals", [](Plants& p) -> bool& { return p.hub.core.forget_renewals; }, Use::leases},
        {"renewals_unshared", [](Plants& p) -> bool& { return p.hub.core.renewals_unshared; }, Use::leases},
        {"end_leases_unasked", [](Plants& p) -> bool& { return p.hub.core.end_leases_unasked; }, Use::leases},
        {"uncertain_as_refused", [](Plants& p) -> bool& { return p.hub.core.uncertain_as_refused; }},
        {"claim_for_ever", [](Plants& p) -> bool& { return p.hub.core.claims.claim_for_ever; }, Use::queue},
        {"claim_inherited", [](Plants& p) -> bool& { return p.hub.core.claims.claim_inherited; }, Use::queue},
        {"claim_own_again", [](Plants& p) -> bool& { return p.hub.core.claims.claim_own_again; }, Use::queue},
        {"claim_given_back", [](Plants& p) -> bool& { return p.hub.core.claims.claim_given_back; }, Use::queue},
        {"claim_behind_last", [](Plants& p) -> bool& { return p.hub.core.claims.claim_behind_last; }, Use::queue},
        {"claim_begun_anew", [](Plants& p) -> bool& { return p.hub.core.claims.claim_begun_anew; }, Use::queue},
        {"forget_attempts", [](Plants& p) -> bool& { return p.hub.core.claims.forget_attempts; }, Use::queue},
        {"sweep_claims", [](Plants& p) -> bool& { return p.hub.core.claims.sweep_claims; }, Use::queue},
        {"keep_orphans", [](Plants& p) -> bool& { return p.hub.core.claims.keep_orphans; }, Use::queue},
        {"skip_fetch", [](Plants& p) -> bool& { return p.subscriber.skip_fetch; }},
        {"apply_twice", [](Plants& p) -> bool& { return p.subscriber.apply_twice; }},
        {"turn_unlooked", [](Plants& p) -> bool& { return p.line.turn_unlooked; }, Use::line},
        {"leave_alone", [](Plants& p) -> bool& { return p.barrier.leave_alone; }, Use::barrier},
        {"write_unguarded", [](Plants& p) -> bool& { return p.line.write_unguarded; }, Use::line},
        {"acknowledge_unguarded", [](Plants& p) -> bool& { return p.queue.acknowledge_unguarded; }, Use::queue},
        {"wait_from_now", [](Plants& p) -> bool& { return p.queue.wait_from_now; }, Use::queue},
        {"pass_unlooked", [](Plants& p) -> bool& { return p.gate.pass_unlooked; }, Use::gate},
        {"open_anybody", [](Plants& p) -> bool& { return p.gate.open_anybody; }, Use::gate},
        {"begin_unlooked", [](Plants& p) -> bool& { return p.once.begin_unlooked; }, Use::once},
        {"publish_unguarded", [](Plants& p) -> bool& { return p.once.publish_unguarded; }, Use::once},
        {"wait_for_result", [](Plants& p) -> bool& { return p.once.wait_for_result; }, Use::once},
        {"add_unguarded", [](Plants& p) -> bool& { return p.counter.add_unguarded; }, Use::counter},
        {"add_again", [](Plants& p) -> bool& { return p.counter.add_again; }, Use::counter},
        {"presence_unbound", [](Plants& p) -> bool& { return p.presence.unbound; }, Use::presence},
        {"observer_skips_removals", [](Plants& p) -> bool& { return p.observer.skip_removals; }, Use::presence},
        {"report_unguarded", [](Plants& p) -> bool& { return p.discovery.report_unguarded; }, Use::discovery},
        {"register_again_never", [](Plants& p) -> bool& { return p.discovery.register_again_never; }, Use::discovery},
        {"forget_lost_lease", [](Plants& p) -> bool& { return p.discovery.forget_lost_lease; }, Use::discovery},
        {"bury_unguarded", [](Plants& p) -> bool& { return p.queue.bury_unguarded; }, Use::queue},
        {"bury_early", [](Plants& p) -> bool& { return p.queue.bury_early; }, Use::queue},
        {"claim_late", [](Plants& p) -> bool& { return p.queue.claim_late; }, Use::queue},
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
        use = row.use;
        return row.flag(*this) = true;
    }
    return false;
}

}  // namespace belfry::sim

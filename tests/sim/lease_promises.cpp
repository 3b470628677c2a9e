#include "tests/sim/lease_promises.hpp"

#include <algorithm>

namespace belfry::sim {

namespace {

constexpr uint64_t late_ms_max = 3000;  // for how long a request may be under way, and wait for a leader
constexpr uint64_t watch_ms = 50;
constexpr uint64_t slack_ms = 1500;  // from its time until its end is applied

}  // namespace

void LeasePromises::fail(const Life& life, const std::string& what) {
    world_.fail("lease " + std::to_string(life.id.value) + ", granted to " + life.granted_by + " for " +
                std::to_string(life.ttl_s) + " s: " + what);
}

uint64_t LeasePromises::promised_until(uint64_t life) const {
    const auto found = promised_.find(life);
    return found == promised_.end() ? 0 : found->second;
}

void LeasePromises::promise(const Life& life, uint64_t sent_ms) {
    uint64_t& until_ms = promised_[life.number];
    until_ms = std::max(until_ms, sent_ms + life.ttl_s * 1000);
    check(life);
}

void LeasePromises::check(const Life& life) {
    const uint64_t until_ms = promised_until(life.number);
    if (!life.expired() || life.ended_at_ms >= until_ms) return;
    fail(life, "expired at " + std::to_string(life.ended_at_ms) + ", promised until " + std::to_string(until_ms));
}

void LeasePromises::watch() {
    while (known_ < truth_.leases().all().size()) watched_.push_back(++known_);
    std::erase_if(watched_, [&](uint64_t number) {
        const Life& life = at(number);
        if (life.lives()) return false;
        world_.trace([&] {
            return "lease " + std::to_string(life.id.value) + " of " + life.granted_by +
                   (life.expired() ? " has expired at " : " was revoked at ") + std::to_string(life.ended_at_ms);
        });
        check(life);
        return true;
    });
    world_.after(watch_ms, [this] { watch(); });
}

LeasePromises::Question LeasePromises::question(uint64_t life, bool keys) {
    return {life, world_.now(), promised_until(life), ledger_.newest(), keys};
}

LeasePromises::Question LeasePromises::sign_of_life(uint64_t life) {
    last_signs_[life] = world_.now();
    return question(life);
}

// ---- answers ----

uint64_t LeasePromises::answered_grant(const protocol::LeaseGrantRequest& request, const Bytes& comment, uint64_t sent_ms,
                                       const protocol::Reply& reply) {
    if (reply.error.code == Code::uncertain) return 0;
    if (reply.error.code != Code::ok) {
        refused_.push_back(comment);
        return 0;
    }
    const auto* const told = std::get_if<protocol::LeaseGrantReply>(&reply.result);
    const Life* const life = truth_.leases().granted_by(comment);
    if (told == nullptr || life == nullptr || life->id != told->lease || told->ttl_s != request.ttl_s ||
        life->ttl_s != request.ttl_s || (request.lease != LeaseId{} && life->id != request.lease)) {
        world_.fail("the lease of " + comment + " was granted otherwise than the log says");
        return 0;
    }
    promise(*life, sent_ms);
    return life->number;
}

// Said of a later life of this number, it says nothing of this one.
bool LeasePromises::answered_keep_alive(const Question& asked, uint64_t ttl_s) {
    const Life& life = at(asked.life);
    if (truth_.leases().was_granted_again(life)) return false;
    if (ttl_s == 0) return check_ended(asked, "a word to keep it alive was answered as if it had ended"), false;
    if (ttl_s != life.ttl_s) fail(life, "kept alive for " + std::to_string(ttl_s) + " s");
    ++kept_alive_;
    promise(life, asked.sent_ms);
    return true;
}

void LeasePromises::check_ended(const Question& asked, const std::string& what) {
    const Life& life = at(asked.life);
    if (!life.lives() || asked.promised_ms <= world_.now()) return;
    fail(life, what + "; it lives, and is promised until " + std::to_string(asked.promised_ms));
}

void LeasePromises::answered_time_to_live(const Question& asked, const protocol::Reply& reply) {
    const Life& life = at(asked.life);
    if (reply.error.code != Code::ok && reply.error.code != Code::not_found) return;
    if (truth_.leases().was_granted_again(life)) return;
    if (reply.revision < asked.floor) {
        return fail(life, "told about as of revision " + std::to_string(reply.revision.value) + ", which is older than " +
                              std::to_string(asked.floor.value));
    }
    const auto* const told = std::get_if<protocol::LeaseTimeToLiveReply>(&reply.result);
    if (reply.error.code == Code::ok && told != nullptr) return check_facts(asked, *told, reply.revision);
    if (life.lives()) return fail(life, "was not found, and lives");
    if (!truth_.bound_to(life.id, reply.revision).empty()) fail(life, "was not found, and has keys");
}

void LeasePromises::check_facts(const Question& asked, const protocol::LeaseTimeToLiveReply& told, Revision revision) {
    const Life& life = at(asked.life);
    if (life.ended_at_ms < asked.sent_ms) return fail(life, "had ended, and was found");
    const uint64_t left_ms = told.facts.remaining_ms;
    if (told.facts.lease != life.id || told.facts.ttl_s != life.ttl_s || left_ms > life.ttl_s * 1000) {
        return fail(life, "is told about as of another one");
    }
    if (life.lives() && world_.now() + left_ms < asked.promised_ms) {
        return fail(life, "has " + std::to_string(left_ms) + " ms left, and is promised until " +
                              std::to_string(asked.promised_ms));
    }
    if (asked.keys && told.keys != truth_.bound_to(life.id, revision)) {
        fail(life, "has other keys than the log says, at revision " + std::to_string(revision.value));
    }
}

void LeasePromises::answered_revoke(uint64_t number, const Bytes& comment, const protocol::Reply& reply) {
    const Life& life = at(number);
    if (reply.error.code == Code::uncertain) return;
    if (reply.error.code != Code::ok) refused_.push_back(comment);
    if (reply.error.code == Code::not_found && life.lives()) return fail(life, "was not found by a revoke, and lives");
    if (reply.error.code != Code::ok) return;
    const auto* const told = std::get_if<protocol::LeaseRevokeReply>(&reply.result);
    const Life* const revoked = truth_.leases().revoked_by(comment);
    if (told == nullptr || revoked == nullptr || revoked->id != life.id || told->deleted != revoked->deleted ||
        told->more) {
        fail(life, "was revoked by " + comment + " otherwise than the log says");
    }
}

void LeasePromises::put_refused(uint64_t number) {
    if (at(number).lives()) fail(at(number), "a put with it was refused as if it had ended, and it lives");
}

// Asked when all is quiet.
void LeasePromises::answered_list(const protocol::Reply& reply) {
    const auto* const told = std::get_if<protocol::LeasesReply>(&reply.result);
    if (reply.error.code != Code::ok || told == nullptr) return world_.fail("no list of leases");
    std::map<LeaseId, uint64_t> listed, living;
    for (const auto& one : told->leases) listed[one.lease] = one.ttl_s;
    for (const Life& life : truth_.leases().all()) {
        if (life.lives()) living[life.id] = life.ttl_s;
    }
    if (listed != living) world_.fail("the list of leases is not what the log says");
}

// ---- the end ----

// A new leader may give a lease its whole time once more; after that nobody does.
void LeasePromises::check_end(uint64_t quiet_ms) {
    for (const Life& life : truth_.leases().all()) {
        check(life);
        const auto sign = last_signs_.find(life.number);
        const uint64_t sign_ms = sign == last_signs_.end() ? 0 : sign->second + late_ms_max;
        const uint64_t begins_ms = std::max({life.granted_at_ms, sign_ms, quiet_ms});
        if (life.lives() && begins_ms + life.ttl_s * 1000 + slack_ms < world_.now()) fail(life, "lives on and on");
    }
    for (const Bytes& comment : refused_) {
        const bool granted = truth_.leases().granted_by(comment) != nullptr;
        if (granted || truth_.leases().revoked_by(comment) != nullptr) {
            world_.fail(comment + " was refused, and is in the log");
        }
    }
}

}  // namespace belfry::sim

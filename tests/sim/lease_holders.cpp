#include "tests/sim/lease_holders.hpp"

#include <utility>

namespace belfry::sim {

using protocol::LeaseGrantRequest;
using protocol::LeaseKeepAliveRequest;

namespace {

constexpr uint64_t holder_ttl_s_min = 2, holder_ttl_s_max = 6;
constexpr uint64_t long_ttl_s = 300;  // longer than any run
constexpr size_t held_max = 2;

// Calls back once, and only with an answer of the hub's; what is lost has none.
template <class Take>
Answer once(Take take) {
    return [take = std::move(take), heard = std::make_shared<bool>(false)](const Result<protocol::Reply>& reply) {
        if (reply && !std::exchange(*heard, true)) take(*reply);
    };
}

}  // namespace

LeaseHolder::LeaseHolder(World& world, Ledger& ledger, LeasePromises& promises, Send send, Bytes name, LeaseId own_number)
    : world_(world),
      ledger_(ledger),
      promises_(promises),
      send_(std::move(send)),
      name_(std::move(name)),
      own_number_(own_number),
      act_ms_max_(world.random.between(100, 500)),
      sign_ms_max_(world.random.between(100, 1100)) {}

void LeaseHolder::start() {
    act();
    keep_alive();
}

void LeaseHolder::stop(bool keeps_on) {
    stopped_ = true;
    keeps_on_ = keeps_on;
}

// ---- signs of life ----

void LeaseHolder::keep_alive() {
    world_.after(world_.random.below(sign_ms_max_), [this] {
        if (stopped_ && !keeps_on_) return;
        keep_alive();
        LeaseKeepAliveRequest request;
        std::vector<LeasePromises::Question> asked;
        for (const Held& held : held_) {
            if (world_.now() >= held.silent_at_ms || (!stopped_ && world_.random.chance(15))) continue;
            request.leases.push_back(held.id);
            asked.push_back(promises_.sign_of_life(held.life));
        }
        if (asked.empty()) return;
        send_({std::move(request), {}}, once([this, asked = std::move(asked)](const protocol::Reply& reply) {
                  const auto* const told = std::get_if<protocol::LeaseKeepAliveReply>(&reply.result);
                  if (reply.error.code != Code::ok) return;
                  if (told == nullptr || told->ttl_s.size() != asked.size()) {
                      return world_.fail(name_ + ": signs of life were answered with something else");
                  }
                  for (size_t i = 0; i < asked.size(); ++i) {
                      if (!promises_.answered_keep_alive(asked[i], told->ttl_s[i])) drop(asked[i].life);
                  }
              }));
    });
}

void LeaseHolder::drop(uint64_t life) {
    std::erase_if(held_, [&](const Held& held) { return held.life == life; });
}

// ---- the rest ----

void LeaseHolder::act() {
    world_.after(world_.random.below(act_ms_max_), [this] {
        if (stopped_) return;
        act();
        // Who fell silent still asks and writes for a while, and then has forgotten.
        std::erase_if(held_, [&](const Held& held) {
            return held.silent_at_ms != UINT64_MAX && world_.now() > held.silent_at_ms + 2 * held.ttl_s * 1000;
        });
        if (!granting_ && (held_.empty() || (held_.size() < held_max && world_.random.chance(10)))) return grant();
        if (held_.empty()) return;
        Held& held = some_held();
        const uint64_t dice = world_.random.below(100);
        if (dice < 40) return put(held);
        if (dice < 50) return let_go_of_key();
        if (dice < 75) return ask(held);
        if (dice < 79) return revoke(held);
        if (dice < 86 && held.silent_at_ms == UINT64_MAX) held.silent_at_ms = world_.now();
    });
}

void LeaseHolder::grant() {
    LeaseGrantRequest request{{}, world_.random.between(holder_ttl_s_min, holder_ttl_s_max)};
    if (world_.random.chance(10)) request.ttl_s = long_ttl_s;
    if (held_.empty()) request.lease = own_number_;
    const Bytes comment = next_comment();
    granting_ = true;
    send_({request, comment}, [this, request, comment, sent_ms = world_.now(),
                               heard = std::make_shared<bool>(false)](const Result<protocol::Reply>& reply) {
        if (std::exchange(*heard, true)) return;
        granting_ = false;
        if (!reply) return;
        const uint64_t life = promises_.answered_grant(request, comment, sent_ms, *reply);
        if (life != 0) granted(life, request, std::get<protocol::LeaseGrantReply>(reply->result).lease);
    });
}

void LeaseHolder::granted(uint64_t life, const LeaseGrantRequest& request, LeaseId id) {
    held_.push_back({life, id, request.ttl_s});
    lives_.push_back(held_.back());
    world_.trace(
        [&] { return name_ + " has lease " + std::to_string(id.value) + " of " + std::to_string(request.ttl_s) + " s"; });
}

// One of its own, or now and then one that other holders put too: it goes from one lease to another.
Bytes LeaseHolder::some_key() {
    if (world_.random.chance(20)) return "l/all/" + std::to_string(world_.random.below(2));
    return "l/" + name_ + "/" + std::to_string(world_.random.below(3));
}

void LeaseHolder::put(const Held& held) {
    const Bytes key = some_key();
    const Bytes comment = next_comment();
    Event event{EventType::put, {key, comment, {}, {}, 0, held.id, {}}};
    Ledger::Write write{name_, comment, {std::move(event)}, std::nullopt, ledger_.newest(), {}};
    protocol::RequestOp op = protocol::PutRequest{key, comment, held.id, false};
    if (world_.random.chance(20)) op = protocol::TxnRequest{{}, {{std::get<protocol::PutRequest>(op)}}, {}};
    send_({std::move(op), comment}, once([this, write = std::move(write), held](const protocol::Reply& reply) {
              ledger_.answered(write, reply);
              if (reply.error.code == Code::not_found) promises_.put_refused(held.life);
          }));
}

// Puts it without a lease, or deletes it.
void LeaseHolder::let_go_of_key() {
    const Bytes key = some_key();
    const Bytes comment = next_comment();
    Ledger::Write write{name_, comment, {}, std::nullopt, ledger_.newest(), {}};
    protocol::RequestOp op = protocol::DeleteRequest{KeyRange::one(key), false};
    if (world_.random.chance(50)) {
        op = protocol::PutRequest{key, comment, {}, false};
        write.events.push_back({EventType::put, {key, comment, {}, {}, 0, {}, {}}});
    }
    send_({std::move(op), comment},
          once([this, write = std::move(write)](const protocol::Reply& reply) { ledger_.answered(write, reply); }));
}

void LeaseHolder::ask(const Held& held) {
    const auto asked = promises_.question(held.life, world_.random.chance(50));
    send_({protocol::LeaseTimeToLiveRequest{held.id, asked.keys, {}}, {}},
          once([this, asked](const protocol::Reply& reply) { promises_.answered_time_to_live(asked, reply); }));
}

void LeaseHolder::revoke(const Held& held) {
    const Bytes comment = next_comment();
    const uint64_t life = held.life;
    send_({protocol::LeaseRevokeRequest{held.id}, comment},
          once([this, life, comment](const protocol::Reply& reply) { promises_.answered_revoke(life, comment, reply); }));
}

void LeaseHolder::ask_finally(const Send& send) {
    unanswered_ = lives_.size();
    for (const Held& held : lives_) {
        const auto asked = promises_.question(held.life, true);
        send({protocol::LeaseTimeToLiveRequest{held.id, true, {}}, {}}, once([this, asked](const protocol::Reply& reply) {
                 if (reply.error.code == Code::ok || reply.error.code == Code::not_found) --unanswered_;
                 promises_.answered_time_to_live(asked, reply);
             }));
    }
}

}  // namespace belfry::sim

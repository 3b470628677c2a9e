#include "tests/sim/once_users.hpp"

#include <cstdlib>
#include <utility>

namespace belfry::sim {

namespace {

using protocol::Compare;
using protocol::DeleteRequest;
using protocol::PutRequest;
using protocol::TxnRequest;

constexpr unsigned failures_percent = 35;
constexpr uint64_t rest_short_ms_max = 300, rest_long_ms_max = 3000;  // so that one is alone now and then
constexpr unsigned slow_percent = 20;                                 // of those who see that nobody is at it
constexpr uint64_t slow_ms_max = 400;
constexpr unsigned no_more_percent = 25;  // of those who have failed, or were too late: others must take it up
constexpr unsigned forgotten_percent = 15;

Compare nothing_at(const Bytes& key) { return {KeyRange::one(key), Compare::Target::version, Compare::Op::equal, 0, {}}; }

Compare same_as(const KeyValue& kv) {
    return {KeyRange::one(kv.key), Compare::Target::mod, Compare::Op::equal, kv.mod_revision.value, {}};
}

const KeyValue* key_in(const protocol::TxnReply& reply, size_t place) {
    return first_of(std::get_if<protocol::RangeReply>(&reply.replies.at(place).reply));
}

// "2 12 no space left"
uint64_t begun_in(const KeyValue* tries) { return tries == nullptr ? 0 : std::strtoull(tries->value.c_str(), nullptr, 10); }

Code failure_in(const KeyValue* tries) {
    const size_t space = tries == nullptr ? Bytes::npos : tries->value.find(' ');
    if (space == Bytes::npos) return Code::uncertain;
    return static_cast<Code>(std::strtol(tries->value.c_str() + space, nullptr, 10));
}

}  // namespace

OnceUser::OnceUser(RecipeParts parts, OnceChecks& checks, RecipeClient client, OncePlants plants)
    : world_(parts.world), checks_(checks), process_(parts, std::move(client)), plants_(plants) {
    process_.on_begin = [this] {
        checks_.is_gone(process_.name());
        rest();
    };
}

void OnceUser::calm_down() {
    calm_ = true;
    process_.go_on();
}

void OnceUser::rest() {
    if (stopped_) return;
    const uint64_t rest_ms_max = world_.random.chance(25) ? rest_long_ms_max : rest_short_ms_max;
    process_.after(world_.random.below(rest_ms_max), [this] {
        if (stopped_) return;
        name_ = checks_.some_name();
        world_.random.chance(forgotten_percent) ? forget() : run();
    });
}

// Others may be at it.
void OnceUser::forget() {
    TxnRequest txn;
    for (const char* const part : {OnceKeys::worker, OnceKeys::tries, OnceKeys::result})
        txn.then_ops.push_back({DeleteRequest{KeyRange::one(key(part))}});
    process_.write(std::move(txn), std::nullopt, [this](const auto&) { rest(); });
}

// ---- waiting ----

void OnceUser::run() {
    mark_ = process_.object_name() + " " + std::to_string(++runs_);
    perhaps_begun_ = false;
    checks_.runs(process_.name(), name_);
    look();
}

void OnceUser::look() {
    if (!process_.alive()) return process_.begin_soon();
    if (!calm_ && world_.random.chance(2)) return give_up();
    TxnRequest txn;
    for (const char* const part : {OnceKeys::worker, OnceKeys::tries, OnceKeys::result}) {
        protocol::RangeRequest one;
        one.range = KeyRange::one(key(part));
        txn.then_ops.push_back({one});
    }
    process_.ask(std::move(txn), {}, [this](const Result<protocol::Reply>& reply) {
        const auto* const found = reply ? std::get_if<protocol::TxnReply>(&reply->result) : nullptr;
        if (found != nullptr && reply->error.code == Code::ok) return on_look(*found, reply->revision);
        process_.after(process_.pause_ms(), [this] { look(); });
    });
}

void OnceUser::on_look(const protocol::TxnReply& reply, Revision at) {
    const KeyValue *const worker = key_in(reply, 0), *const tries = key_in(reply, 1), *const result = key_in(reply, 2);
    if (result != nullptr) return told(Code::ok, result->value);
    const uint64_t number = begun_in(tries);
    if (worker != nullptr && worker->value == mark_) return begun(number, worker->create_revision);
    if (worker != nullptr) return await(at);
    if (number >= OnceKeys::tries_max) return told(failure_in(tries), {});
    const bool is_slow = world_.random.chance(slow_percent);
    const auto kept = tries == nullptr ? std::nullopt : std::optional(*tries);
    process_.after(is_slow ? world_.random.below(slow_ms_max) : 0, [this, kept, number] { begin(kept, number + 1); });
}

void OnceUser::await(Revision seen) {
    const Bytes awaited = key(plants_.wait_for_result ? OnceKeys::result : OnceKeys::worker);
    process_.await({"exact", awaited}, seen, [this](const auto*) { look(); });
}

// ---- its turn ----

// Who was too late looks again at once: if the name was forgotten, no change of the worker's key tells of it.
void OnceUser::begin(const std::optional<KeyValue>& tries, uint64_t number) {
    TxnRequest txn;
    const Bytes counted = key(OnceKeys::tries);
    if (!plants_.begin_unlooked) {
        txn.compares = {nothing_at(key(OnceKeys::worker)), nothing_at(key(OnceKeys::result)),
                        tries ? same_as(*tries) : nothing_at(counted)};
    }
    txn.then_ops = {{PutRequest{key(OnceKeys::worker), mark_, process_.lease()}},
                    {PutRequest{counted, std::to_string(number), {}}}};
    const bool perhaps_before = std::exchange(perhaps_begun_, true);
    process_.write(std::move(txn), std::nullopt, [this, number, perhaps_before](const Result<protocol::Reply>& reply) {
        const auto* const done = reply ? std::get_if<protocol::TxnReply>(&reply->result) : nullptr;
        const Code code = code_of(reply);
        if (code == Code::ok && done != nullptr) {
            perhaps_begun_ = done->succeeded || perhaps_before;
            return done->succeeded ? begun(number, reply->revision) : look();
        }
        if (!may_pass(code)) return process_.begin_soon();
        process_.after(process_.pause_ms(), [this] { look(); });
    });
}

void OnceUser::begun(uint64_t number, Revision token) {
    number_ = number;
    token_ = token;
    process_.stay(calm_, [this] { end_turn(world_.random.chance(failures_percent)); });
}

void OnceUser::end_turn(bool fails) {
    TxnRequest txn;
    if (!plants_.publish_unguarded) {
        const KeyRange own = KeyRange::one(key(OnceKeys::worker));
        txn.compares = {{own, Compare::Target::create, Compare::Op::equal, token_.value, {}}};
    }
    if (fails) {
        const Bytes failed = std::to_string(static_cast<int32_t>(Code::io)) + " " + result();
        txn.then_ops = {{PutRequest{key(OnceKeys::tries), std::to_string(number_) + " " + failed, {}}}};
    } else {
        txn.then_ops = {{PutRequest{key(OnceKeys::result), result(), {}}},
                        {DeleteRequest{KeyRange::one(key(OnceKeys::tries))}}};
    }
    txn.then_ops.push_back({DeleteRequest{KeyRange::one(key(OnceKeys::worker))}});
    insist(txn, fails);
}

// One that was stopped asks as if nothing had been; only without an answer it looks at its lease.
void OnceUser::insist(const TxnRequest& txn, bool fails) {
    const auto guard = txn.compares.empty() ? std::nullopt : std::optional(txn.compares[0]);
    process_.write(txn, guard, [this, txn, fails](const Result<protocol::Reply>& reply) {
        const auto* const done = reply ? std::get_if<protocol::TxnReply>(&reply->result) : nullptr;
        const Code code = code_of(reply);
        if (code == Code::ok && done != nullptr) {
            perhaps_begun_ = false;
            if (done->succeeded && !fails) return told(Code::ok, result());
            if (world_.random.chance(no_more_percent)) return give_up();
            return process_.after(process_.pause_ms(), [this] { look(); });
        }
        if (!may_pass(code) || !process_.alive()) return process_.begin_soon();
        process_.after(process_.pause_ms(), [this, txn, fails] { insist(txn, fails); });
    });
}

void OnceUser::told(Code code, const Bytes& result) {
    checks_.told(process_.name(), code, result);
    give_back();
}

// It is cancelled.
void OnceUser::give_up() {
    checks_.is_gone(process_.name());
    give_back();
}

// What was begun and not heard of.
void OnceUser::give_back() {
    if (!perhaps_begun_) return rest();
    const KeyRange own = KeyRange::one(key(OnceKeys::worker));
    const Compare is_own{own, Compare::Target::value, Compare::Op::equal, 0, mark_};
    process_.write(TxnRequest{{is_own}, {{DeleteRequest{own}}}, {}}, is_own, [this](const auto&) { rest(); });
}

}  // namespace belfry::sim

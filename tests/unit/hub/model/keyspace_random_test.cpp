// Random commands against a reference that keeps a whole map per revision.
#include <catch2/generators/catch_generators_range.hpp>

#include <algorithm>
#include <map>
#include <random>

#include "tests/unit/hub/model/fixture.hpp"

using namespace belfry;
using namespace belfry::hub::model;
using namespace belfry::hub::model::test;

namespace {

using Keys = std::map<Bytes, KeyValue>;

// Everything is kept; the answer to a read is looked up, never computed along chains.
struct Reference {
    std::vector<Keys> at{Keys()};  // by revision
    std::vector<ChangeSet> changes{ChangeSet()};
    uint64_t compacted = 0;
    uint64_t time_ms = 0;

    uint64_t revision() const { return at.size() - 1; }

    void change(Keys& keys, ChangeSet& set, const p::PutRequest& op) {
        const auto found = keys.find(op.key);
        KeyValue kv{op.key, op.value, set.revision, set.revision, 1, op.lease, op.content_type};
        if (found != keys.end()) {
            kv.create_revision = found->second.create_revision;
            kv.version = found->second.version + 1;
        }
        keys[op.key] = kv;
        set.events.push_back({EventType::put, kv});
    }
    void change(Keys& keys, ChangeSet& set, const p::DeleteRequest& op) {
        for (auto it = keys.begin(); it != keys.end();) {
            if (!op.range.contains(it->first)) {
                ++it;
                continue;
            }
            set.events.push_back({EventType::erase, {it->first, {}, {}, set.revision, 0, {}}});
            it = keys.erase(it);
        }
    }
    void change(Keys& keys, ChangeSet& set, const p::TxnRequest& op) {
        for (const p::TxnOp& item : op.then_ops) {
            if (const auto* put_op = std::get_if<p::PutRequest>(&item.op)) change(keys, set, *put_op);
            if (const auto* erase_op = std::get_if<p::DeleteRequest>(&item.op)) change(keys, set, *erase_op);
        }
    }
    template <class Op>
    std::optional<ChangeSet> apply(const Op& op, uint64_t now, const Bytes& comment) {
        time_ms = std::max(time_ms, now);
        Keys keys = at.back();
        ChangeSet set{{revision() + 1}, time_ms, "ada", comment, {}};
        change(keys, set, op);
        if (set.events.empty()) return std::nullopt;
        at.push_back(keys);
        changes.push_back(set);
        return set;
    }
};

class Story {
public:
    Story(Hub& hub, unsigned seed) : hub_(hub), random_(seed) {}

    void run(int commands) {
        for (const uint64_t lease : {1, 2}) hub_.apply(p::LeaseGrantRequest{{lease}, 10});
        hub_.begin();
        for (int i = 0; i < commands; ++i) {
            step();
            if (below(10) == 0) look();
            if (below(20) == 0) end_batch();
        }
        hub_.commit();
        look();
    }

private:
    uint64_t below(uint64_t bound) { return random_() % bound; }
    Bytes key() { return (below(2) ? "a/" : "b/") + std::to_string(below(12)); }
    Bytes value() { return Bytes(below(30), 'v') + std::to_string(below(1000)); }
    Bytes type() { return below(3) ? Bytes() : below(2) ? "json" : "text/" + std::to_string(below(100)); }
    KeyRange range() {
        switch (below(4)) {
            case 0: return KeyRange::one(key());
            case 1: return KeyRange::all();
            case 2: return KeyRange::prefix(below(2) ? "a/" : "b/");
            default: return {key(), key()};
        }
    }

    void step() {
        const uint64_t dice = below(100);
        if (dice < 55) return both(p::PutRequest{key(), value(), {below(3)}, false, type()});
        if (dice < 75) return both(p::DeleteRequest{below(6) ? KeyRange::one(key()) : range(), false});
        if (dice < 97) return both(txn());
        const uint64_t revision = below(reference_.revision() + 3);
        const bool refused = revision > reference_.revision() || revision <= reference_.compacted;
        CHECK(hub_.apply(p::CompactRequest{{revision}}).reply.ok() == !refused);
        if (!refused) reference_.compacted = revision;
    }
    p::TxnRequest txn() {
        p::TxnRequest request;
        std::vector<Bytes> taken;
        for (uint64_t i = below(5); i > 0; --i) {
            const Bytes mine = key();
            if (std::find(taken.begin(), taken.end(), mine) != taken.end()) continue;
            taken.push_back(mine);
            if (below(3)) {
                request.then_ops.push_back({put(mine, value())});
            } else {
                request.then_ops.push_back({erase(mine)});
            }
        }
        return request;
    }
    template <class Op>
    void both(const Op& op) {
        const uint64_t now = below(100000);
        const Bytes comment = std::to_string(now);
        const Applied applied = hub_.apply(op, now, comment);
        REQUIRE(applied.reply);
        REQUIRE(applied.change == reference_.apply(op, now, comment));
        REQUIRE(applied.revision.value == reference_.revision());
    }
    void end_batch() {
        if (below(3) > 0) {
            hub_.commit();
            saved_ = reference_;
            if (below(4) == 0) hub_.restart();
        } else {
            hub_.rollback();
            reference_ = saved_;
        }
        hub_.begin();
    }

    void look() {
        CHECK(hub_.keys().revision().value == reference_.revision());
        CHECK(hub_.keys().key_count() == reference_.at.back().size());
        const uint64_t when = reference_.compacted + below(reference_.revision() - reference_.compacted + 1);
        look_at_range(when);
        look_at_snapshot(when);
        look_at_history(key());
        look_at_changes(when);
    }
    void look_at_range(uint64_t when) {
        p::RangeRequest request;
        request.range = range();
        request.at = {when};
        request.limit = below(5);
        if (below(2)) request.sort_order = p::SortOrder::descending;
        std::vector<KeyValue> expected;
        for (const auto& [name, kv] : reference_.at[when]) {
            if (request.range.contains(name)) expected.push_back(kv);
        }
        if (when == 0) expected = in_range(request.range, reference_.at.back());
        if (request.sort_order == p::SortOrder::descending) std::reverse(expected.begin(), expected.end());
        const auto reply = hub_.keys().range(request);
        REQUIRE(reply);
        CHECK(reply->count == expected.size());
        if (request.limit > 0 && expected.size() > request.limit) expected.resize(request.limit);
        CHECK(reply->kvs == expected);
        CHECK(reply->more == (reply->count > expected.size()));
    }
    static std::vector<KeyValue> in_range(const KeyRange& wanted, const Keys& keys) {
        std::vector<KeyValue> list;
        for (const auto& [name, kv] : keys) {
            if (wanted.contains(name)) list.push_back(kv);
        }
        return list;
    }
    void look_at_snapshot(uint64_t when) {
        const auto filter = prefix("a/");
        const Keys& keys = when == 0 ? reference_.at.back() : reference_.at[when];
        p::SnapshotRequest request{{}, {when}, {}, 200};
        std::vector<KeyValue> kvs;
        for (bool more = true; more;) {
            const auto reply = hub_.keys().snapshot(request, *filter);
            REQUIRE(reply);
            kvs.insert(kvs.end(), reply->kvs.begin(), reply->kvs.end());
            more = reply->more;
            if (more) request.after_key = kvs.back().key;
        }
        CHECK(kvs == in_range(KeyRange::prefix("a/"), keys));
        StateDigest expected;
        for (const KeyValue& kv : kvs) expected.add(kv);
        const auto digest = hub_.keys().digest({{}, {when}}, *filter);
        REQUIRE(digest);
        CHECK(digest->digest == expected.value());
        CHECK(digest->count == kvs.size());
    }
    void look_at_history(const Bytes& name) {
        std::vector<std::pair<uint64_t, Bytes>> expected;
        for (uint64_t revision = reference_.revision(); revision > reference_.compacted; --revision) {
            for (const Event& event : reference_.changes[revision].events) {
                if (event.kv.key == name) expected.emplace_back(revision, reference_.changes[revision].comment);
            }
        }
        const Keys& base = reference_.at[reference_.compacted];
        if (base.count(name) > 0) expected.emplace_back(base.at(name).mod_revision.value, "");
        std::vector<std::pair<uint64_t, Bytes>> versions;
        p::HistoryRequest request{name, 1 + below(3), {}};
        for (bool more = true; more;) {
            const auto reply = hub_.keys().history(request);
            REQUIRE(reply);
            for (const auto& version : reply->versions) {
                versions.emplace_back(version.kv.mod_revision.value, version.comment);
                request.before = version.kv.mod_revision;
                if (version.type == EventType::erase) continue;
                if (version.kv.mod_revision.value < reference_.compacted) continue;
                CHECK(version.kv == reference_.at[version.kv.mod_revision.value].at(name));
            }
            more = reply->more;
        }
        CHECK(versions == expected);
    }
    void look_at_changes(uint64_t from) {
        const auto filter = prefix("b/");
        std::vector<ChangeSet> expected;
        for (uint64_t revision = from + 1; revision <= reference_.revision(); ++revision) {
            ChangeSet set = reference_.changes[revision];
            std::erase_if(set.events, [](const Event& event) { return !event.kv.key.starts_with("b/"); });
            if (!set.events.empty()) expected.push_back(set);
        }
        std::vector<ChangeSet> sets;
        p::ChangesRequest request{{}, {from}, {}, 300};
        for (bool more = true; more;) {
            const auto reply = hub_.keys().changes(request, *filter);
            REQUIRE(reply);
            sets.insert(sets.end(), reply->changes.begin(), reply->changes.end());
            request.from = reply->to;
            more = reply->more;
        }
        CHECK(sets == expected);
        CHECK(request.from.value == reference_.revision());
    }

    Hub& hub_;
    std::mt19937 random_;
    Reference reference_;
    Reference saved_;
};

}  // namespace

TEST_CASE("keyspace: 1500 random commands agree with a map per revision", "[model][random]") {
    const std::string store = GENERATE(from_range(stores()));
    const unsigned seed = GENERATE(1u, 2u, 3u, 4u);
    INFO("store " << store << ", seed " << seed);
    Hub hub(store);
    Story(hub, seed).run(1500);
}

TEST_CASE("keyspace: the same commands make the same tables, whatever the store and the batches", "[model][random]") {
    std::vector<Bytes> images;
    int every = 1;
    for (const std::string& store : stores()) {
        Hub hub(store);
        every += 6;
        std::mt19937 random(7);
        hub.begin();
        for (int i = 0; i < 4000; ++i) {
            const Bytes key = std::to_string(random() % 50);
            if (i == 3000) {
                hub.apply(p::CompactRequest{{2500}}, 1);
            } else if (random() % 4 == 0) {
                hub.apply(erase(key), i);
            } else {
                hub.apply(put(key, std::to_string(i)), i);
            }
            if (i % every == 0) {
                hub.commit();
                hub.begin();
            }
        }
        hub.commit();
        images.push_back(hub.image());
    }
    CHECK(hash64(images[0]) == hash64(images[1]));
    CHECK(images[0] == images[1]);
}

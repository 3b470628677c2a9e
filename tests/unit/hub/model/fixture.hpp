// A key space over a store of either kind, a prefix filter, and short words for commands.
#pragma once

#include <catch2/catch_test_macros.hpp>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "hub/model/keyspace.hpp"
#include "hub/plugin/plugin.hpp"

extern "C" const belfry_plugin_descriptor* belfry_plugin_entry_storage_memory(const belfry_host_v1*, belfry_error*);
extern "C" const belfry_plugin_descriptor* belfry_plugin_entry_storage_lmdb(const belfry_host_v1*, belfry_error*);
extern "C" const belfry_plugin_descriptor* belfry_plugin_entry_storage_sqlite(const belfry_host_v1*, belfry_error*);

namespace belfry::hub::model::test {

namespace p = belfry::protocol;

inline const belfry_host_v1& host() {
    static const belfry_host_v1 host = {sizeof(belfry_host_v1), BELFRY_ABI_MAJOR, BELFRY_ABI_MINOR, nullptr, nullptr};
    return host;
}

// The smallest filter there can be: spec = prefix.
inline const belfry_filter_v1& prefix_table() {
    struct Prefix {
        Bytes spec;
        Bytes end;
    };
    static const auto of = [](const belfry_filter* filter) { return reinterpret_cast<const Prefix*>(filter); };
    static const belfry_filter_v1 table = {
        sizeof(belfry_filter_v1),
        0,
        "prefix",
        [](belfry_bytes spec, belfry_filter** filter, belfry_error*) -> belfry_status {
            const Bytes prefix(static_cast<const char*>(spec.data), spec.size);
            const Bytes end = prefix_end(prefix);
            *filter = reinterpret_cast<belfry_filter*>(new Prefix{prefix, end == Bytes(1, '\0') ? Bytes() : end});
            return BELFRY_OK;
        },
        [](const belfry_filter* filter, belfry_bytes* spec) {
            *spec = {of(filter)->spec.data(), of(filter)->spec.size()};
        },
        [](const belfry_filter* filter, belfry_bytes* begin, belfry_bytes* end) {
            *begin = {of(filter)->spec.data(), of(filter)->spec.size()};
            *end = {of(filter)->end.data(), of(filter)->end.size()};
        },
        [](const belfry_filter* filter, belfry_bytes key, belfry_bytes) -> int32_t {
            return BytesView(static_cast<const char*>(key.data), key.size).starts_with(of(filter)->spec) ? 1 : 0;
        },
        [](belfry_filter* filter) { delete of(filter); },
        nullptr,
        nullptr,
        nullptr,
        nullptr,
        nullptr,
    };
    return table;
}

inline std::shared_ptr<const plugin::Filter> compile(const belfry_filter_v1& table, const Bytes& spec) {
    plugin::Filters filters;
    REQUIRE(filters.add(table));
    auto filter = filters.compile({table.kind, spec});
    REQUIRE(filter);
    return *filter;
}
inline std::shared_ptr<const plugin::Filter> prefix(const Bytes& spec) {
    static const belfry_filter_v1 by_key = [] {
        belfry_filter_v1 table = prefix_table();
        table.reads_value = [](const belfry_filter*) -> int32_t { return 0; };
        return table;
    }();
    return compile(by_key, spec);
}
// By content: the keys with the prefix whose values begin with "on".
inline std::shared_ptr<const plugin::Filter> switched_on(const Bytes& spec) {
    static const belfry_filter_v1 by_value = [] {
        belfry_filter_v1 table = prefix_table();
        table.matches = [](const belfry_filter* filter, belfry_bytes key, belfry_bytes value) -> int32_t {
            const BytesView text(static_cast<const char*>(value.data), value.size);
            return text.starts_with("on") ? prefix_table().matches(filter, key, value) : 0;
        };
        table.reads_value = [](const belfry_filter*) -> int32_t { return 1; };
        return table;
    }();
    return compile(by_value, spec);
}

// The change sets of ada, and of these the keys with the prefix.
inline std::shared_ptr<const plugin::Filter> by_ada(const Bytes& spec) {
    static const belfry_filter_v1 of_changes = [] {
        belfry_filter_v1 table = prefix_table();
        table.matches_change = [](const belfry_filter*, const belfry_change* change) -> int32_t {
            return belfry::plugin::from_c(change->author) == "ada" ? 1 : 0;
        };
        return table;
    }();
    return compile(of_changes, spec);
}

inline p::PutRequest put(Bytes key, Bytes value) { return {std::move(key), std::move(value), {}, true}; }
inline p::DeleteRequest erase(Bytes key) { return {KeyRange::one(key), true}; }
inline p::DeleteRequest erase(Bytes begin, Bytes end) { return {{std::move(begin), std::move(end)}, true}; }
inline p::RangeRequest get(Bytes key, uint64_t at = 0) {
    p::RangeRequest request;
    request.range = KeyRange::one(key);
    request.at = {at};
    return request;
}
inline p::RangeRequest all(uint64_t at = 0) {
    p::RangeRequest request;
    request.range = KeyRange::all();
    request.at = {at};
    return request;
}

inline const std::vector<std::string>& stores() {
    static const std::vector<std::string> names = {"storage_memory", "storage_lmdb", "storage_sqlite"};
    return names;
}

class Hub {
public:
    explicit Hub(const std::string& store_name) {
        const char* root = std::getenv("TMPDIR");
        std::string path = std::string(root ? root : "/tmp") + "/belfry_model_XXXXXX";
        REQUIRE(::mkdtemp(path.data()) != nullptr);
        directory_ = path;
        const auto entry = store_name == "storage_memory" ? belfry_plugin_entry_storage_memory
                           : store_name == "storage_lmdb" ? belfry_plugin_entry_storage_lmdb
                                                          : belfry_plugin_entry_storage_sqlite;
        auto linked = plugin::link_plugin(entry, host());
        REQUIRE(linked);
        auto opened = plugin::StateStore::open(host(), *linked->state_store(), store_name, directory_, {});
        REQUIRE(opened);
        store_ = *std::move(opened);
        keyspace_ = std::make_unique<Keyspace>(*store_);
        begin();
        REQUIRE(keyspace_->load());
        commit();
    }
    ~Hub() {
        keyspace_.reset();
        store_.reset();
        std::filesystem::remove_all(directory_);
    }

    Keyspace& keys() { return *keyspace_; }
    plugin::StateStore& store() { return *store_; }
    void begin() { REQUIRE(store_->begin()); }
    void commit() {
        REQUIRE(keyspace_->finish_batch());
        REQUIRE(keyspace_->commit(Index{++applied_}));
    }
    void rollback() {
        store_->rollback();
        REQUIRE(keyspace_->reload());
    }
    void restart() {
        keyspace_ = std::make_unique<Keyspace>(*store_);
        REQUIRE(keyspace_->load());
    }

    // One command; in a batch of its own if none is open.
    template <class Op>
    Applied apply(Op op, uint64_t time_ms = 0, Bytes comment = {}, p::Ticket ticket = {}, Bytes author = "ada") {
        const bool alone = !store_->in_batch();
        if (alone) begin();
        log::Command command{std::move(author), std::move(comment), std::move(op), ticket};
        auto applied = keyspace_->apply(command, time_ms);
        REQUIRE(applied);
        if (alone) commit();
        return *std::move(applied);
    }

    Bytes value(const Bytes& key, uint64_t at = 0) {
        auto reply = keyspace_->range(get(key, at));
        REQUIRE(reply);
        return reply->kvs.empty() ? "-" : reply->kvs[0].value;
    }

    // Every octet of every table.
    Bytes image() {
        Bytes image;
        for (uint32_t table = 0; table < BELFRY_TABLE_COUNT; ++table) {
            REQUIRE(
                store_->scan(table, {}, {}, plugin::StateStore::Direction::forward, [&](BytesView key, BytesView value) {
                    image += std::to_string(table) + ":" + std::to_string(key.size()) + ":" + Bytes(key) +
                             std::to_string(value.size()) + ":" + Bytes(value);
                    return true;
                }));
        }
        return image;
    }
    size_t rows(uint32_t table) {
        size_t count = 0;
        REQUIRE(store_->scan(table, {}, {}, plugin::StateStore::Direction::forward,
                             [&](BytesView, BytesView) { return ++count, true; }));
        return count;
    }

private:
    std::string directory_;
    std::unique_ptr<plugin::StateStore> store_;
    std::unique_ptr<Keyspace> keyspace_;
    uint64_t applied_ = 0;
};

template <class Reply>
const Reply& reply_of(const Applied& applied) {
    REQUIRE(applied.reply);
    return std::get<Reply>(*applied.reply);
}

inline Code refusal_code(const Applied& applied) {
    REQUIRE_FALSE(applied.reply);
    CHECK_FALSE(applied.change);
    return applied.reply.error().code;
}

}  // namespace belfry::hub::model::test

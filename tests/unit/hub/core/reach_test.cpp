// What is refused at the door because every member would be busy with it for long.
#include "hub/base/limits.hpp"
#include "sdk/protocol/codec.hpp"
#include "tests/unit/hub/core/world.hpp"

using namespace belfry;
using namespace belfry::hub;
using namespace belfry::hub::core;

TEST_CASE("a transaction that would look at too many keys is refused at the door", "[core]") {
    Ready world;
    constexpr int keys = 1000;
    for (int i = 0; i < keys; ++i) world.enqueue(put_of("k" + std::to_string(i), ""));
    world.flush();
    world.sync();
    const size_t entries = world.written.size();
    const protocol::Compare all_there{
        KeyRange::all(), protocol::Compare::Target::version, protocol::Compare::Op::greater, 0, {}};
    protocol::TxnRequest txn;
    txn.compares.assign(hub::limits::scan_keys_max / keys, all_there);
    txn.then_ops = {{put_of("x", "1")}};
    REQUIRE(world.write(txn).error.code == Code::ok);
    CHECK(world.written.size() == entries + 1);
    CHECK(world.write(txn).error.code == Code::too_large);  // one key more
    CHECK(world.reply(world.try_out(txn))->error.code == Code::too_large);
    txn.then_ops.clear();
    CHECK(world.write(txn).error.code == Code::too_large);  // a read
    CHECK(world.written.size() == entries + 1);
}

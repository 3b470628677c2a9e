// Backups as the core sees them: which copy is made, which one answers.
#include <catch2/catch_test_macros.hpp>

#include "tests/unit/hub/core/world.hpp"

namespace belfry::hub::core {

TEST_CASE("a backup is of a copy that holds what was acknowledged before it", "[core][backup]") {
    World world(World::default_options());
    world.start();
    world.sync();
    world.write(protocol::PutRequest{"a", "1", {}, false});
    const auto ask = [&](protocol::BackupRequest request) { return world.send(std::move(request)); };
    const auto backup = [&](uint64_t id) { return std::get<protocol::BackupReply>(world.reply(id)->result); };
    const uint64_t at_least = backup(ask({})).at_least;
    CHECK(at_least == world.core->applied().value);
    CHECK(world.take_snapshot);
    // What is written while the copy is made is not in it: a second one is made for who asks after that.
    const auto [index, image] = world.snapshot();
    world.write(protocol::PutRequest{"a", "2", {}, false});
    const uint64_t later = backup(ask({})).at_least;
    CHECK(later > at_least);
    CHECK(world.take_snapshot);
    // The first one has its copy.
    REQUIRE(world.backup_pieces.empty());
    const uint64_t piece = ask({0, 0, at_least});
    REQUIRE(world.backup_pieces.size() == 1);
    CHECK(world.backup_pieces[0].index == index);
    CHECK(world.reply(piece) == nullptr);
    world.step(BackupPieceRead{world.backup_pieces[0].connection, piece, index, 3, Bytes("abc")});
    CHECK(backup(piece).index == index.value);
    CHECK(backup(piece).at == Revision{1});
    CHECK(backup(piece).bytes == 3);
    CHECK(backup(piece).piece == "abc");
    // Unknown copies, entries that nobody has, and a copy that fails are said.
    CHECK(world.reply(ask({index.value + 100, 0, 0}))->error.code == Code::not_found);
    CHECK(world.reply(ask({0, 0, later + 100}))->error.code == Code::invalid_argument);
    world.step(SnapshotFailed{{Code::no_space, "the disk is full"}});
    CHECK(world.reply(ask({0, 0, later}))->error.code == Code::no_space);
}

}  // namespace belfry::hub::core

// Write configuration: one key, then several at once under a condition, then read back what changed.
//
//   belfry-example-write [ENDPOINT FEED]
#include <cstdio>

#include "sdk/client/client.hpp"

namespace {

int fail(const belfry::Error& error) { return std::fprintf(stderr, "%s\n", to_string(error).c_str()), 1; }

unsigned long long number(belfry::Revision revision) { return revision.value; }

}  // namespace

int main(int argc, char** argv) {
    using namespace belfry;
    ClientOptions where;
    if (argc == 3) where.endpoints = {argv[1]}, where.feed_endpoints = {argv[2]};
    auto client = Client::connect(where);
    if (!client) return fail(client.error());

    const auto put = (*client)->put("app/pool/size", "64", {.comment = "more traffic", .previous = true, .lease = {}});
    if (!put) return fail(put.error());
    std::printf("app/pool/size = 64 since revision %llu, before: %s\n", number(put->revision),
                put->previous ? put->previous->value.c_str() : "(none)");

    // All three or none, and only if nobody has changed the size since.
    protocol::TxnRequest txn;
    txn.compares = {{KeyRange::one("app/pool/size"),
                     protocol::Compare::Target::mod,
                     protocol::Compare::Op::equal,
                     put->revision.value,
                     {}}};
    for (const auto& [key, value] : {std::pair{"app/pool/size", "96"}, {"app/pool/idle", "8"}, {"app/timeout", "300ms"}}) {
        txn.then_ops.push_back({protocol::PutRequest{key, value, {}, false}});
    }
    const auto done = (*client)->txn(txn, {.comment = "resize", .previous = false, .lease = {}});
    if (!done) return fail(done.error());
    std::printf("the transaction %s at revision %llu\n", done->succeeded ? "was made" : "was refused",
                number(done->revision));

    const auto history = (*client)->history({.key = "app/pool/size", .limit = 5, .before = {}});
    if (!history) return fail(history.error());
    for (const auto& version : history->versions) {
        std::printf("  revision %llu: %s (%s: %s)\n", number(version.kv.mod_revision), version.kv.value.c_str(),
                    version.author.c_str(), version.comment.c_str());
    }
    return 0;
}

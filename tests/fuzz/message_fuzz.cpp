// Messages between members: any octets are refused or spell themselves again; and an engine lives through them.
#include <cstdlib>

#include "hub/raft/message_codec.hpp"
#include "hub/raft/raft.hpp"

using namespace belfry;
using namespace belfry::hub::raft;

namespace {

// A follower with a log and a snapshot behind it.
std::unique_ptr<Raft> make_member() {
    Restored restored;
    const Entry first = Raft::bootstrap_entry({{1, "a"}, {2, "b"}, {3, "c"}});
    restored.term = Term{4};
    restored.boundary = Index{5};
    restored.boundary_term = Term{2};
    restored.configuration_index = Index{1};
    restored.configuration = *first.payload;
    for (uint64_t index = 6; index < 12; ++index) {
        restored.trail.push_back({Index{index}, Term{3}, EntryType::command, std::make_shared<const Bytes>("x")});
    }
    auto raft = std::move(*Raft::create(Options()));
    Effects effects;
    if (!raft->start(restored, 1000, effects)) std::abort();
    return raft;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const BytesView octets(reinterpret_cast<const char*>(data), size);
    const auto message = decode_message(2, octets);
    if (!message) return 0;
    if (encode_message(*message) != octets) std::abort();
    const auto raft = make_member();
    Effects effects;
    const Status received = raft->receive(*message, 1500, effects);
    // A member of the cluster may lie, and then this one stops; but it does so with a sentence.
    if (!received && received.error().detail.empty()) std::abort();
    return 0;
}

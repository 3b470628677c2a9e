#include "sdk/recipes/double_barrier.hpp"

#include <algorithm>
#include <charconv>

#include "sdk/base/limits.hpp"

namespace belfry {
namespace {

using protocol::Compare;
using recipes::Awaited;

static_assert(DoubleBarrier::members_max + 2 <= limits::txn_ops_max);

// The places' keys, one to a line, without what they have in common.
Bytes spelled(const Bytes& name, const std::vector<KeyValue>& places) {
    Bytes text;
    for (const KeyValue& place : places) text += place.key.substr(name.size() + 1) + '\n';
    return text;
}

std::vector<Bytes> keys_of(const Bytes& name, BytesView text) {
    std::vector<Bytes> keys;
    for (size_t end = text.find('\n'); end != BytesView::npos; end = text.find('\n')) {
        keys.push_back(name + "/" + Bytes(text.substr(0, end)));
        text.remove_prefix(end + 1);
    }
    return keys;
}

bool holds(const std::vector<KeyValue>& line, const Bytes& key) {
    return std::any_of(line.begin(), line.end(), [&](const KeyValue& place) { return place.key == key; });
}

// Those of the keys that are in line.
std::vector<Bytes> left_of(std::vector<Bytes> keys, const std::vector<KeyValue>& line) {
    std::vector<Bytes> there;
    for (const KeyValue& place : line) there.push_back(place.key);
    std::sort(there.begin(), there.end());
    std::erase_if(keys, [&](const Bytes& key) { return !std::binary_search(there.begin(), there.end(), key); });
    return keys;
}

}  // namespace

DoubleBarrier::DoubleBarrier(std::shared_ptr<Client> client, std::shared_ptr<const Lease> lease, Bytes name, size_t members,
                             std::function<bool()> cancelled)
    : client_(client),
      members_(members),
      cancelled_(std::move(cancelled)),
      round_key_(name + "/round"),
      place_(std::move(client), std::move(lease), std::move(name)) {}

DoubleBarrier::~DoubleBarrier() { (void)place_.leave(); }

// ---- entering ----

Status DoubleBarrier::enter(std::chrono::milliseconds timeout) {
    if (inside()) return Error{Code::conflict, "'" + place_.name() + "': this object is inside already; leave() first"};
    if (members_ < 1 || members_ > members_max) {
        return Error{Code::invalid_argument, "a barrier of " + std::to_string(members_) + " members; 1 to " +
                                                 std::to_string(members_max) + " are possible"};
    }
    const auto patience = recipes::Patience::of(timeout, cancelled_);
    Status done = place_.join(std::to_string(members_) + " " + recipes::this_process(), patience);
    const recipes::Waiting waiting(client_, nullptr, place_.name(), "too few have come");
    own_ = place_.key();
    if (done) done = waiting.until([this] { return look_for_round(); }, patience);
    if (!done) (void)place_.leave();
    return done;
}

// Whoever tries to begin the round, or removes one, looks again at once: another one may have been quicker, or one of the
// line have gone and enough be there all the same; and of that no change that comes later will tell.
Result<std::optional<Awaited>> DoubleBarrier::look_for_round() {
    for (;;) {
        const auto now = read();
        if (!now) return now.error();
        if (!place_.lease().alive() || !holds(now->line, own_)) {
            return Error{Code::not_found,
                         "'" + place_.name() + "': the lease has ended, or somebody deleted this member's key"};
        }
        const auto acted = now->round ? take_round(*now) : begin_round(now->line);
        if (!acted) return acted.error();
        if (inside()) return std::optional<Awaited>();
        if (!*acted) return std::optional<Awaited>({round_key_, now->revision});
    }
}

// One that names this member is its own. Of the round before, if all of it are gone, who should have removed it is gone
// too: true, it was removed.
Result<bool> DoubleBarrier::take_round(const Standing& now) {
    auto named = keys_of(place_.name(), now.round->value);
    if (std::find(named.begin(), named.end(), own_) != named.end()) {
        round_ = std::move(named);
        round_created_ = now.round->create_revision;
        return false;
    }
    if (!left_of(std::move(named), now.line).empty()) return false;
    if (const Status ended = end_round(now.round->create_revision); !ended) return ended.error();
    return true;
}

// Two who count differently would both wait for ever, or one get in too early.
Status DoubleBarrier::check_line(const std::vector<KeyValue>& line) const {
    for (const KeyValue& place : line) {
        size_t number = 0;
        std::from_chars(place.value.data(), place.value.data() + place.value.size(), number);
        if (number == members_) continue;
        return Error{Code::conflict, "'" + place.key + "' waits for " + std::to_string(number) + " members, this one for " +
                                         std::to_string(members_)};
    }
    return {};
}

// False: there are too few. True: tried, and not done if another one was quicker, or one of them has gone.
Result<bool> DoubleBarrier::begin_round(const std::vector<KeyValue>& line) const {
    if (const Status good = check_line(line); !good) return good.error();
    if (line.size() < members_) return false;
    const std::vector<KeyValue> first(line.begin(), line.begin() + static_cast<ptrdiff_t>(members_));
    protocol::TxnRequest txn;
    txn.compares = {{KeyRange::one(round_key_), Compare::Target::version, Compare::Op::equal, 0, {}}};
    for (const KeyValue& place : first) {
        txn.compares.push_back(
            {KeyRange::one(place.key), Compare::Target::create, Compare::Op::equal, place.create_revision.value, {}});
    }
    txn.then_ops.push_back({protocol::PutRequest{round_key_, spelled(place_.name(), first), {}}});
    const auto done = client_->txn(std::move(txn));
    if (!done) return done.error();
    return true;
}

// ---- leaving ----

Status DoubleBarrier::leave(std::chrono::milliseconds timeout) {
    if (!inside()) return {};
    const auto patience = recipes::Patience::of(timeout, cancelled_);
    Status done = give_back(patience);
    const recipes::Waiting waiting(client_, nullptr, place_.name(), "some are not ready to leave");
    if (done) done = waiting.until([this] { return look_for_others(); }, patience);
    if (!done) return done;
    (void)end_round(round_created_);  // or another one did, or who comes next does
    round_.clear();
    return {};
}

Status DoubleBarrier::give_back(const recipes::Patience& patience) {
    const recipes::Waiting waiting(client_, nullptr, place_.name(), "some are not ready to leave");
    for (;;) {
        const Status left = place_.leave();
        if (left || !may_pass(left.error().code)) return left;
        if (const Status go = waiting.may_go_on(patience); !go) return go;
        waiting.pause(patience);
    }
}

Result<std::optional<Awaited>> DoubleBarrier::look_for_others() const {
    const auto now = read();
    if (!now) return now.error();
    // Its own one too: where the lease was over it could not be given back, and must not be there for the next round.
    const auto left = left_of(round_, now->line);
    if (left.empty()) return std::optional<Awaited>();
    // Each waits for another one, so that one who leaves wakes few.
    const auto own = std::find(round_.begin(), round_.end(), own_) - round_.begin();
    return std::optional<Awaited>({left[static_cast<size_t>(own) % left.size()], now->revision});
}

Status DoubleBarrier::end_round(Revision created) const {
    protocol::TxnRequest txn;
    txn.compares = {{KeyRange::one(round_key_), Compare::Target::create, Compare::Op::equal, created.value, {}}};
    txn.then_ops.push_back({protocol::DeleteRequest{KeyRange::one(round_key_)}});
    const auto done = client_->txn(std::move(txn));
    if (!done) return done.error();
    return {};
}

// All at one revision.
Result<DoubleBarrier::Standing> DoubleBarrier::read() const {
    protocol::RangeRequest request;
    request.range = KeyRange::prefix(place_.name() + "/");
    auto range = client_->range(request);
    if (!range) return range.error();
    if (range->more) return Error{Code::too_large, "there are too many keys below '" + place_.name() + "/'"};
    Standing now{range->revision, {}, {}};
    for (const KeyValue& kv : range->kvs) {
        if (kv.key == round_key_) now.round = kv;
    }
    now.line = recipes::line_of(place_.name(), std::move(range->kvs));
    return now;
}

}  // namespace belfry

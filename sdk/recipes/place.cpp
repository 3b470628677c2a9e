#include "sdk/recipes/place.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>

#include "sdk/base/limits.hpp"
#include "sdk/base/random.hpp"

namespace belfry::recipes {
namespace {

std::string hex(uint64_t number, size_t digits) {
    std::array<char, 24> text{};
    std::snprintf(text.data(), text.size(), "%0*llx", static_cast<int>(digits), static_cast<unsigned long long>(number));
    return text.data();
}

// What was told of the one key is what was waited for: a fact, whoever tells it, and the look at the line that follows is
// read behind it.
bool is_over(const protocol::ChangesReply& told, bool or_put) {
    if (told.changes.empty() || told.changes.back().events.empty()) return false;
    return or_put || told.changes.back().events.back().type == EventType::erase;
}

Error place_gone(const Bytes& key) {
    return {Code::not_found, "the key '" + key + "' is gone: its lease has ended, or somebody deleted it"};
}

}  // namespace

Place::Place(std::shared_ptr<Client> client, std::shared_ptr<const Lease> lease, Bytes name, Order order)
    : client_(std::move(client)),
      lease_(std::move(lease)),
      name_(std::move(name)),
      order_(order),
      line_(line_name(name_, order)),
      waiting_(client_, lease_, name_, "somebody else was ahead all the time"),
      own_prefix_(line_ + "/" + hex(lease_->id().value, lease_digits) + "-" +
                  hex(random_u64() & 0xffffffff, object_digits) + "-") {}

// ---- joining and leaving ----

Status Place::join(BytesView value, const Patience& patience) {
    if (const Status good = check(); !good) return good;
    if (const Status may = waiting_.may_begin(patience); !may) return may;
    key_ = own_prefix_ + hex(++times_joined_, count_digits);
    if (order_.kind == Order::Kind::shared) key_ += shared_mark;
    value_ = value;
    const protocol::TxnRequest txn = joining(times_joined_ > 1);
    perhaps_there_ = true;
    const auto done = insist(txn, patience);
    if (!done) return done.error();
    return read_created(*done);
}

// If the key is there already, an earlier try has put it, and its answer was lost: it is read.
protocol::TxnRequest Place::joining(bool tidy) const {
    using protocol::Compare;
    std::vector<protocol::TxnOp> puts;
    // A new key each time, so that a deletion or a put that went astray is not of this one; and what one of them may have
    // left in the line goes. Without tickets (exactly_once) that may have come after it was left.
    if (tidy) puts.push_back({protocol::DeleteRequest{{own_prefix_, key_}}});
    puts.push_back({protocol::PutRequest{key_, value_, lease_->id()}});
    const Compare not_there{KeyRange::one(key_), Compare::Target::version, Compare::Op::equal, 0, {}};
    protocol::RangeRequest mine;
    mine.range = KeyRange::one(key_);
    mine.keys_only = true;
    protocol::TxnRequest txn{{not_there}, puts, {{mine}}};
    if (order_.kind != Order::Kind::permit) return txn;

    const Bytes number = std::to_string(order_.permits);
    protocol::RangeRequest agreed;
    agreed.range = KeyRange::one(line_);
    protocol::TxnRequest first = txn;
    first.compares.push_back({KeyRange::prefix(line_ + "/"), Compare::Target::version, Compare::Op::equal, 0, {}});
    first.then_ops.push_back({protocol::PutRequest{line_, number, {}}});
    first.else_ops.push_back({agreed});
    txn.compares.push_back({KeyRange::one(line_), Compare::Target::value, Compare::Op::equal, 0, number});
    txn.else_ops = {{std::move(first)}};
    return txn;
}

Status Place::read_created(const TxnResult& done) {
    created_ = {};
    const auto* replies = &done.replies;
    const auto* first = replies->empty() ? nullptr : std::get_if<protocol::TxnReply>(&replies->front().reply);
    if (done.succeeded || (first != nullptr && first->succeeded)) {
        created_ = done.revision;
        return {};
    }
    if (first != nullptr) replies = &first->replies;
    std::vector<KeyValue> found;
    for (const auto& part : *replies) {
        if (const auto* range = std::get_if<protocol::RangeReply>(&part.reply))
            found.insert(found.end(), range->kvs.begin(), range->kvs.end());
    }
    if (!found.empty() && found.front().key == key_) {
        created_ = found.front().create_revision;
        return {};
    }
    if (first == nullptr) return Error{Code::corrupt, "the hub answered without the key that is there"};
    return Error{Code::conflict,
                 "'" + name_ + "': somebody has a permit or waits for one, and " +
                     (found.empty() ? "their number, the key '" + line_ + "', is gone"
                                    : "of " + found.front().value + ", not " + std::to_string(order_.permits))};
}

Status Place::leave() {
    created_ = {};
    if (!perhaps_there_) return {};
    const Status erased = lease_->alive() ? erase_own() : Status();
    perhaps_there_ = !erased;
    return erased;
}

// The keys of all joinings so far, which are over, and of none that comes: so it may be late.
Status Place::erase_own() const {
    const protocol::DeleteRequest own{{own_prefix_, key_ + '\0'}};
    const auto erased = client_->erase(own.range);
    if (erased) return {};
    lease_->owe(own_prefix_, {{}, {{own}}, {}});
    return erased.error();
}

// ---- waiting ----

Result<std::optional<Ahead>> Place::ahead() {
    ++looks_;
    const auto line = read_line(*client_, line_, true, &seen_);
    if (!line) return line.error();
    const auto own = std::find_if(line->begin(), line->end(), [&](const KeyValue& place) {
        return place.key == key_ && place.create_revision == created_;
    });
    if (joined() && own == line->end()) return place_gone(key_);
    const auto place = static_cast<size_t>(own - line->begin());
    followed_ = place + 1 < line->size();
    const auto others = awaited(order_, *line, place);
    if (!others) return std::optional<Ahead>();
    const auto at = [&](size_t index) { return line->begin() + static_cast<ptrdiff_t>(index); };
    return std::optional<Ahead>({{at(others->begin), at(others->end)}, others->or_put});
}

Status Place::wait(const Patience& patience) {
    for (;;) {
        const auto others = ahead();
        if (const Status may = waiting_.may_begin(patience); !may) return may;
        if (others && !*others) return tell_next(patience);
        if (!others && !may_pass(others.error().code)) return others.error();
        if (const Status go = waiting_.may_go_on(patience); !go) return go;
        if (!others) {
            waiting_.pause(patience);
        } else if (const Status gone = outlast(**others, patience); !gone) {
            return gone;
        }
    }
}

Result<bool> Place::try_wait(const Patience& patience) {
    const auto others = ahead();
    if (!others) return others.error();
    if (*others) return false;
    if (const Status told = tell_next(patience); !told) return told.error();
    return true;
}

// With permits whoever is behind does not hear of its turn otherwise, for it stays in the line.
Status Place::tell_next(const Patience& patience) const {
    if (order_.kind != Order::Kind::permit || !followed_) return {};
    const auto done = insist({{guard()}, {{protocol::PutRequest{key_, value_, lease_->id()}}}, {}}, patience);
    if (!done) return done.error();
    if (!done->succeeded) return place_gone(key_);
    return {};
}

// Until one of them may be gone. Whoever was ahead of them may still be: the line is to be looked at again.
Status Place::outlast(const Ahead& others, const Patience& patience) {
    if (others.any_of.size() == 1) return outlast_one(others.any_of.front(), others.or_put, patience);
    return outlast_any(others.any_of, patience);
}

Status Place::outlast_one(const KeyValue& other, bool or_put, const Patience& patience) {
    protocol::RangeRequest request;
    request.range = KeyRange::one(other.key);
    request.keys_only = true;
    for (;;) {
        if (const Status go = waiting_.may_go_on(patience); !go) return go;
        const auto told = waiting_.hear({"exact", other.key}, seen_, patience);
        if (!told) return told.error();
        if (*told && is_over(**told, or_put)) return {};
        const auto now = client_->range(request);
        if (!now && !may_pass(now.error().code)) return now.error();
        if (!now) {
            waiting_.pause(patience);
            continue;
        }
        if (now->kvs.empty() || now->kvs[0].create_revision != other.create_revision) return {};
        if (or_put && now->kvs[0].mod_revision != other.mod_revision) return {};
        seen_ = now->revision;
    }
}

// Others that join behind it are passed over without a read; where nothing was told the line decides.
Status Place::outlast_any(const std::vector<KeyValue>& others, const Patience& patience) {
    const auto is_one_that_went = [&](const Event& event) {
        const auto same = [&](const KeyValue& other) { return other.key == event.kv.key; };
        return event.type == EventType::erase && std::any_of(others.begin(), others.end(), same);
    };
    for (;;) {
        if (const Status go = waiting_.may_go_on(patience); !go) return go;
        const auto told = waiting_.hear({"prefix", line_ + "/"}, seen_, patience);
        if (!told) return told.error();
        if (!*told || (*told)->changes.empty()) return {};
        for (const ChangeSet& change : (*told)->changes) {
            if (std::any_of(change.events.begin(), change.events.end(), is_one_that_went)) return {};
        }
        seen_ = (*told)->to;
    }
}

// What may pass is tried again.
Result<TxnResult> Place::insist(const protocol::TxnRequest& txn, const Patience& patience) const {
    if (const Status may = waiting_.may_begin(patience); !may) return may.error();
    for (;;) {
        auto done = client_->txn(txn);
        // A ticket's `conflict` says that it was done and the answer is forgotten: asked again, the hub tells.
        if (done || (!may_pass(done.error().code) && done.error().code != Code::conflict)) return done;
        waiting_.pause(patience);
        if (const Status go = waiting_.may_go_on(patience); !go) return go.error();
    }
}

protocol::Compare Place::guard() const {
    return {KeyRange::one(key_), protocol::Compare::Target::create, protocol::Compare::Op::equal, created_.value, {}};
}

std::string this_process() {
    std::array<char, 256> host{};
    if (::gethostname(host.data(), host.size() - 1) != 0) host = {"unknown"};
    return std::string(host.data()) + ":" + std::to_string(::getpid());
}

}  // namespace belfry::recipes

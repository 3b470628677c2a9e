// Whose turn it is in a line, and who waits for whom; then whole lines that do nothing but what that says, in every order
// of steps that chance finds, beside the plainest model.
#include "sdk/recipes/line.hpp"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <random>

namespace belfry::recipes {
namespace {

constexpr Order alone{Order::Kind::alone}, sharing{Order::Kind::shared};
constexpr Order permits(size_t number) { return {Order::Kind::permit, number}; }

KeyValue place(size_t number, Order order) {
    std::string digits = std::to_string(number);
    digits.insert(0, count_digits - digits.size(), '0');
    Bytes key = line_name("x", order) + "/0000000000000007-5f3a9c21-" + digits;
    if (order.kind == Order::Kind::shared) key += shared_mark;
    return {key, "", {number}, {number}, 1, {7}};
}

// 'A' is alone, 's' shares.
std::vector<KeyValue> line_of(std::string_view kinds) {
    std::vector<KeyValue> line;
    for (const char kind : kinds) line.push_back(place(line.size() + 1, kind == 'A' ? alone : sharing));
    return line;
}

std::optional<AwaitedPlaces> one(size_t place, bool or_put = false) { return AwaitedPlaces{place, place + 1, or_put}; }
constexpr std::optional<AwaitedPlaces> nothing;

// Places that look when they are woken, and say that their turn has come; each of these is a step of its own. Others join
// and leave between any two.
class Model {
public:
    explicit Model(uint32_t seed) : random_(seed) {}

    size_t size() const { return members_.size(); }
    void join(Order order) {
        Member member;
        member.place = place(++joined_, order);
        member.order = order;
        members_.push_back(member);
    }
    void leave(size_t index) {
        const Bytes key = members_[index].place.key;
        members_.erase(members_.begin() + static_cast<ptrdiff_t>(index));
        wake(key, false);
    }
    // Of one member, by chance; false: all wait or hold.
    bool step() {
        std::vector<size_t> busy;
        for (size_t i = 0; i < size(); ++i) {
            if (members_[i].state == State::looks || members_[i].state == State::tells) busy.push_back(i);
        }
        if (busy.empty()) return false;
        const size_t chosen = busy[below(busy.size())];
        if (members_[chosen].state == State::looks) return look(chosen), true;
        members_[chosen].state = State::holds;
        wake(members_[chosen].place.key, true);
        return true;
    }
    // How many looks that took.
    size_t settle() {
        const size_t before = looks_;
        while (step()) continue;
        return looks_ - before;
    }
    // Whoever holds may, and whoever may does if nobody is busy.
    bool is_right(bool settled) const {
        for (size_t i = 0; i < size(); ++i) {
            const bool holds = members_[i].state == State::holds || members_[i].state == State::tells;
            if (holds && !may_hold(i)) return false;
            if (settled && !holds && may_hold(i)) return false;
        }
        return true;
    }
    bool may_hold(size_t index) const {
        if (members_[index].order.kind == Order::Kind::permit) return index < members_[index].order.permits;
        if (members_[index].order.kind == Order::Kind::alone) return index == 0;
        return std::none_of(members_.begin(), members_.begin() + static_cast<ptrdiff_t>(index),
                            [](const Member& ahead) { return ahead.order.kind == Order::Kind::alone; });
    }
    bool is_alone(size_t index) const { return index < size() && members_[index].order.kind == Order::Kind::alone; }
    // So many in a row who share.
    size_t sharing_from(size_t index) const {
        size_t end = index;
        while (end < size() && !is_alone(end)) ++end;
        return end - index;
    }
    size_t below(size_t bound) { return std::uniform_int_distribution<size_t>(0, bound - 1)(random_); }

private:
    enum class State { looks, waits, tells, holds };
    struct Member {
        KeyValue place;
        Order order;
        State state = State::looks;
        std::vector<Bytes> any_of = {};
        bool or_put = false;
    };

    void look(size_t index) {
        ++looks_;
        std::vector<KeyValue> line;
        for (const Member& member : members_) line.push_back(member.place);
        Member& member = members_[index];
        const auto waits = awaited(member.order, line, index);
        const bool tells = member.order.kind == Order::Kind::permit && index + 1 < size();
        member.state = waits ? State::waits : tells ? State::tells : State::holds;
        member.any_of.clear();
        if (!waits) return;
        for (size_t i = waits->begin; i < waits->end; ++i) member.any_of.push_back(line[i].key);
        member.or_put = waits->or_put;
    }
    void wake(const Bytes& key, bool by_put) {
        for (Member& member : members_) {
            const bool watched = std::count(member.any_of.begin(), member.any_of.end(), key) > 0;
            if (member.state == State::waits && watched && (member.or_put || !by_put)) member.state = State::looks;
        }
    }

    std::mt19937 random_;
    std::vector<Member> members_;
    size_t joined_ = 0, looks_ = 0;
};

// Of a line of locks (0 permits), or of so many permits.
Order any_order(Model& model, size_t number) {
    if (number > 0) return permits(number);
    return model.below(3) == 0 ? alone : sharing;
}

}  // namespace

TEST_CASE("line: who waits for whom") {
    struct Case {
        Order order;
        const char* line;
        size_t own;
        std::optional<AwaitedPlaces> waits;
    };
    const Case cases[] = {
        {alone, "A", 0, nothing},
        {alone, "AA", 1, one(0)},
        {alone, "AAA", 2, one(1)},
        {alone, "sA", 1, one(0)},
        {alone, "ssA", 2, one(1)},  // whichever of the two goes last: it looks again
        {alone, "", 0, nothing},
        {alone, "s", 1, one(0)},  // not joined: behind the last
        {sharing, "s", 0, nothing},
        {sharing, "sss", 2, nothing},
        {sharing, "As", 1, one(0)},
        {sharing, "Asss", 3, one(0)},  // none who shares wakes another one
        {sharing, "sAs", 2, one(1)},   // it does not overtake
        {sharing, "AsAss", 4, one(2)},
        {sharing, "sss", 3, nothing},
        {sharing, "ssA", 3, one(2)},
        {permits(1), "A", 0, nothing},
        {permits(1), "AA", 1, one(0)},
        {permits(1), "AAA", 2, one(1, true)},
        {permits(3), "AAA", 2, nothing},
        {permits(3), "AAAA", 3, AwaitedPlaces{0, 3}},
        {permits(3), "AAAAA", 4, one(3, true)},
        {permits(3), "AA", 2, nothing},
        {permits(3), "AAA", 3, AwaitedPlaces{0, 3}},
        {permits(3), "AAAAAA", 6, one(5, true)},
    };
    for (const Case& c : cases) {
        INFO(c.line << ", place " << c.own << ", kind " << static_cast<int>(c.order.kind) << ", " << c.order.permits);
        CHECK(awaited(c.order, line_of(c.line), c.own) == c.waits);
    }
}

TEST_CASE("line: in 3,000 random lines who may hold does in the end, and who may not never does") {
    size_t held_lines = 0;
    for (uint32_t seed = 0; seed < 3000; ++seed) {
        Model model(seed);
        const size_t number = model.below(2) * (1 + model.below(4));
        INFO("seed " << seed << ", " << number << " permits");
        for (int turn = 0; turn < 60; ++turn) {
            const size_t what = model.below(8);
            if (what < 2 && model.size() < 12) model.join(any_order(model, number));
            if (what == 2 && model.size() > 0) model.leave(model.below(model.size()));
            if (what > 2) (void)model.step();
            if (!model.is_right(false)) FAIL("one holds that may not, at turn " << turn);
        }
        (void)model.settle();
        if (!model.is_right(true)) FAIL("one may hold and does not");
        held_lines += model.size() > 0;
    }
    CHECK(held_lines > 2000);
}

TEST_CASE("line: who leaves wakes those who may go, and with permits one more") {
    for (uint32_t seed = 0; seed < 1000; ++seed) {
        Model model(seed);
        const size_t number = model.below(2) * (1 + model.below(4));
        for (int i = 0; i < 15; ++i) model.join(any_order(model, number));
        (void)model.settle();
        while (model.size() > 1) {
            const size_t index = model.below(model.size());
            INFO("seed " << seed << ", " << number << " permits, place " << index << " of " << model.size());
            const bool was_alone = model.is_alone(index), held = model.may_hold(index);
            model.leave(index);
            const size_t looks = model.settle();
            if (number > 0 && looks > (held ? 2u : 1u)) FAIL(looks << " looks");
            if (number > 0) continue;
            const size_t next = model.is_alone(index) ? 1 : was_alone ? model.sharing_from(index) : 0;
            if (looks != next) FAIL(looks << " looks, and not " << next);
        }
    }
}

TEST_CASE("line: whose places are whose, and how long names may be") {
    const Bytes key = place(1, alone).key;
    CHECK(is_place("x", key));
    CHECK_FALSE(is_shared(key));
    CHECK(is_place("x", place(1, sharing).key));
    CHECK(is_shared(place(1, sharing).key));
    CHECK_FALSE(is_place("x", place(1, permits(2)).key));
    CHECK(is_place("x/permits", place(1, permits(2)).key));
    CHECK_FALSE(is_place("x", "x/permits"));
    CHECK_FALSE(is_place("y", key));
    CHECK_FALSE(is_place("x", "x/-shared"));
    CHECK_FALSE(is_place("x", "x/0000000000000001-00000001-0000000"));
    CHECK_FALSE(is_place("x", "x/0000000000000001-00000001-0000000g"));
    CHECK_FALSE(is_place("x", "x/00000000000000010000000010000000-1"));
    CHECK_FALSE(is_place("x", "x/a" + key));
    CHECK_FALSE(is_place("x", "x"));
    CHECK(check_name(Bytes(445, 'n')));
    CHECK(check_name(Bytes(446, 'n')).error().code == Code::invalid_argument);
    CHECK(check_name(Bytes(438, 'n'), sharing));
    CHECK(check_name(Bytes(439, 'n'), sharing).error().code == Code::invalid_argument);
    CHECK(check_name(Bytes(437, 'n'), permits(1)));
    CHECK(check_name(Bytes(438, 'n'), permits(1)).error().detail == "a name of 438 octets; 437 are the bound");
    for (const char* name : {"a/permits", "a/permits/b", "a/b/permits", "/permits", "a/permits/permits"}) {
        INFO(name);
        for (const Order order : {alone, sharing, permits(1)})
            CHECK(check_name(name, order).error().code == Code::invalid_argument);
    }
    for (const char* name : {"permits", "permits/a", "a/permitsx", "a/xpermits", "a/permits-b"}) CHECK(check_name(name));
    CHECK(check_name("", permits(1)).error().code == Code::invalid_argument);
    CHECK(check_name("x", permits(permits_max)));
    CHECK(check_name("x", permits(permits_max + 1)).error().code == Code::invalid_argument);
    CHECK(check_name("x", permits(0)).error().code == Code::invalid_argument);
}

}  // namespace belfry::recipes

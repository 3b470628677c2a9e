#include "tests/support/linearizability.hpp"

#include <algorithm>
#include <map>
#include <unordered_set>

namespace belfry::test {

namespace {

using Kind = Operation::Kind;
using State = std::optional<Bytes>;
using Verdict = LinearizabilityVerdict;

bool is_pending(const Operation& operation) { return operation.returned == Operation::never; }

// The state afterwards; none if the operation cannot have had its result in this state.
std::optional<State> state_after(const Operation& operation, const State& state) {
    switch (operation.kind) {
        case Kind::put: return State(operation.value);
        case Kind::erase: return State(std::nullopt);
        case Kind::get: return state == operation.value ? std::optional<State>(state) : std::nullopt;
        case Kind::swap: break;
    }
    const bool takes_place = state == operation.expected;
    if (!is_pending(operation) && takes_place != operation.succeeded) return std::nullopt;
    return takes_place ? State(operation.value) : state;
}

std::string words(const Operation& operation) {
    const auto shown = [](const State& value) { return value ? "'" + *value + "'" : std::string("nothing"); };
    switch (operation.kind) {
        case Kind::put: return "put " + shown(operation.value);
        case Kind::erase: return "erase";
        case Kind::get: return "get " + shown(operation.value);
        case Kind::swap: break;
    }
    return "swap " + shown(operation.expected) + " for " + shown(operation.value) +
           (operation.succeeded ? "" : " (refused)");
}

// Calls and returns in the order of time, as a list from which an operation can be lifted and put back.
class Search {
public:
    explicit Search(std::vector<const Operation*> operations);
    Verdict run(uint64_t steps_max);

private:
    static constexpr size_t none = SIZE_MAX;
    struct Event {
        size_t operation = 0;
        bool is_call = false;
        size_t before = none, after = none;
    };
    struct Step {
        size_t event = 0;
        State before;
    };

    void lift(size_t call);
    void put_back(size_t call);
    void unlink(size_t event);
    void link(size_t event);
    bool try_call(size_t event);
    std::string configuration() const;
    std::string order() const;

    std::vector<const Operation*> operations_;
    std::vector<Event> events_;  // the first is a sentinel
    std::vector<size_t> return_of_;
    size_t unreturned_ = 0;  // completed operations that are not in the order yet
    State state_;
    std::string placed_;  // a bit for each operation
    std::vector<Step> steps_;
    std::unordered_set<std::string> visited_;
    std::string longest_;
    size_t longest_steps_ = 0;
};

Search::Search(std::vector<const Operation*> operations)
    : operations_(std::move(operations)), return_of_(operations_.size(), none), placed_(operations_.size() / 8 + 1, '\0') {
    struct Moment {
        uint64_t time;
        bool is_return;
        size_t operation;
    };
    std::vector<Moment> moments;
    for (size_t i = 0; i < operations_.size(); ++i) {
        moments.push_back({operations_[i]->called, false, i});
        if (is_pending(*operations_[i])) continue;
        moments.push_back({operations_[i]->returned, true, i});
        ++unreturned_;
    }
    // At the same moment calls come first: then the two overlap, which is the milder reading.
    std::stable_sort(moments.begin(), moments.end(), [](const Moment& left, const Moment& right) {
        return left.time != right.time ? left.time < right.time : left.is_return < right.is_return;
    });
    events_.push_back({});
    for (const Moment& moment : moments) {
        if (moment.is_return) return_of_[moment.operation] = events_.size();
        events_.push_back({moment.operation, !moment.is_return, events_.size() - 1, none});
        events_[events_.size() - 2].after = events_.size() - 1;
    }
}

void Search::unlink(size_t event) {
    events_[events_[event].before].after = events_[event].after;
    if (events_[event].after != none) events_[events_[event].after].before = events_[event].before;
}

void Search::link(size_t event) {
    events_[events_[event].before].after = event;
    if (events_[event].after != none) events_[events_[event].after].before = event;
}

void Search::lift(size_t call) {
    unlink(call);
    const size_t returned = return_of_[events_[call].operation];
    if (returned == none) return;
    unlink(returned);
    --unreturned_;
}

void Search::put_back(size_t call) {
    const size_t returned = return_of_[events_[call].operation];
    if (returned != none) {
        link(returned);
        ++unreturned_;
    }
    link(call);
}

std::string Search::configuration() const { return placed_ + (state_ ? "1" + *state_ : "0"); }

// Puts the operation next in the order, unless its result forbids it or the search was there before.
bool Search::try_call(size_t event) {
    const size_t operation = events_[event].operation;
    const auto after = state_after(*operations_[operation], state_);
    if (!after) return false;
    const auto bit = static_cast<char>(1 << (operation % 8));
    const State before = state_;
    placed_[operation / 8] = static_cast<char>(placed_[operation / 8] | bit);
    state_ = *after;
    if (!visited_.insert(configuration()).second) {
        placed_[operation / 8] = static_cast<char>(placed_[operation / 8] & ~bit);
        state_ = before;
        return false;
    }
    steps_.push_back({event, before});
    lift(event);
    return true;
}

std::string Search::order() const {
    std::string text;
    for (const Step& step : steps_) {
        if (!text.empty()) text += "; ";
        text += words(*operations_[events_[step.event].operation]);
    }
    return text;
}

Verdict Search::run(uint64_t steps_max) {
    size_t at = events_[0].after;
    for (uint64_t steps = 0; unreturned_ > 0; ++steps) {
        if (steps == steps_max) return {Verdict::Kind::gave_up, {}, {}};
        // The end of the list, or the return of what is not in the order: nothing more can come before it.
        if (at == none || !events_[at].is_call) {
            if (steps_.size() > longest_steps_ || longest_.empty()) {
                longest_steps_ = steps_.size();
                longest_ = order();
                if (at != none) longest_ += " | then no place for: " + words(*operations_[events_[at].operation]);
            }
            if (steps_.empty()) return {Verdict::Kind::not_linearizable, {}, longest_};
            const Step last = steps_.back();
            steps_.pop_back();
            const size_t operation = events_[last.event].operation;
            placed_[operation / 8] = static_cast<char>(placed_[operation / 8] & ~(1 << (operation % 8)));
            state_ = last.before;
            put_back(last.event);
            at = events_[last.event].after;
            continue;
        }
        at = try_call(at) ? events_[0].after : events_[at].after;
    }
    return {};
}

}  // namespace

LinearizabilityVerdict check_linearizability(const std::vector<Operation>& history, uint64_t steps_max) {
    std::map<Bytes, std::vector<const Operation*>> by_key;
    for (const Operation& operation : history) {
        if (operation.kind == Kind::get && is_pending(operation)) continue;
        by_key[operation.key].push_back(&operation);
    }
    for (auto& [key, operations] : by_key) {
        Verdict verdict = Search(std::move(operations)).run(steps_max);
        verdict.key = key;
        if (!verdict.ok()) return verdict;
    }
    return {};
}

}  // namespace belfry::test

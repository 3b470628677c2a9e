#include "tests/sim/line_checks.hpp"

#include <algorithm>
#include <string>

namespace belfry::sim {

namespace {

constexpr uint64_t line_quick_ms = 2000;  // some round trips

Error wrong_place(const Bytes& key, const std::string& what) { return {Code::corrupt, "place " + key + ": " + what}; }

}  // namespace

// In one change those who leave go first: who cleans up behind himself joins at the end.
Status LineChecks::on_change(const ChangeSet& change) {
    for (const Event& event : change.events) {
        const Bytes& key = event.kv.key;
        if (!key.starts_with(LineKeys::all) || key == LineKeys::permits) continue;
        Line& line = line_of(key);
        if (event.type == EventType::erase) {
            std::erase_if(line, [&](const Place& place) { return place.key == key; });
        } else if (event.kv.version == 1) {
            line.push_back({key, change.revision, change.author, {}, false});
        }
        note_turns(line);
    }
    for (const Event& event : change.events) {
        if (event.type != EventType::put || !event.kv.key.starts_with(LineKeys::writes)) continue;
        if (Status good = on_write(change, event.kv); !good) return good;
    }
    return {};
}

void LineChecks::note_turns(Line& line) {
    size_t alone_ahead = 0;
    for (size_t ahead = 0; ahead < line.size(); ++ahead) {
        Place& place = line[ahead];
        bool turn = ahead == 0;
        if (&line == &permits_) turn = ahead < LineKeys::permit_count;
        if (&line == &places_ && is_shared(place.key)) turn = alone_ahead == 0;
        if (!is_shared(place.key)) ++alone_ahead;
        if (!turn || place.turn_since_ms) continue;
        place.turn_since_ms = world_.now();
        ++turns_;
    }
}

Status LineChecks::on_write(const ChangeSet& change, const KeyValue& kv) {
    const Line& line = kv.key == Bytes(LineKeys::writes) + "permit" ? permits_ : places_;
    const auto place = std::find_if(line.begin(), line.end(),
                                    [&](const Place& one) { return std::to_string(one.created.value) == kv.value; });
    if (place == line.end()) return wrong_place(kv.value, change.author + " writes, and it is not there any more");
    if (place->author != change.author) return wrong_place(place->key, change.author + " writes, and it is not his");
    if (!place->turn_since_ms) return wrong_place(place->key, change.author + " writes, and it is not his turn");
    ++writes_;
    if (&line == &permits_) return {};
    const uint64_t token = place->created.value;
    if (token < last_token_) return wrong_place(place->key, "its token is smaller than " + std::to_string(last_token_));
    if (!is_shared(place->key)) last_token_ = token;
    return {};
}

void LineChecks::holds(const Bytes& key, Revision created) {
    Line& line = line_of(key);
    const auto place =
        std::find_if(line.begin(), line.end(), [&](const Place& one) { return one.key == key && one.created == created; });
    if (place == line.end()) return world_.fail("place " + key + ": its owner believes in it, and it is gone");
    if (!place->turn_since_ms) return world_.fail("place " + key + ": its owner believes that it is its turn");
    if (std::exchange(place->known, true)) return;
    const uint64_t since_ms = *place->turn_since_ms;
    if (since_ms < quick_from_ms_ || world_.now() <= since_ms + line_quick_ms) return;
    world_.fail("place " + key + ": it was its turn at " + std::to_string(since_ms) + " ms, and nobody said so");
}

void LineChecks::check_end() const {
    for (const Line* line : {&places_, &permits_}) {
        if (line->empty()) continue;
        return world_.fail("place " + line->front().key + " of " + line->front().author + " is still in the line, of " +
                           std::to_string(line->size()));
    }
}

}  // namespace belfry::sim

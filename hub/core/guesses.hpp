// Keeps passwords from being guessed: after a few wrong ones for a name, each further one must wait, twice as long every
// time. A right one clears the name. Pure; one thread.
#pragma once

#include <cstdint>
#include <unordered_map>

#include "sdk/base/types.hpp"

namespace belfry::hub::core {

class Guesses {
public:
    // 0 = may be tried now; else how long it has to wait, in milliseconds.
    uint64_t wait_ms(const Bytes& name, uint64_t now_ms) const;
    // It is being tried: counts as wrong until succeeded() says otherwise, so that many at once are no way round.
    void begin(const Bytes& name, uint64_t now_ms);
    void failed(const Bytes& name, uint64_t now_ms);  // the wait begins now
    void succeeded(const Bytes& name) { names_.erase(name); }
    // It was not tried after all, or could not be told.
    void undo(const Bytes& name);

private:
    struct Row {
        unsigned wrong = 0;
        uint64_t last_ms = 0;
    };
    std::unordered_map<Bytes, Row> names_;
};

}  // namespace belfry::hub::core

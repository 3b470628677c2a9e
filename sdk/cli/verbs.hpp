// Commands whose first word says what to do: which words and flags belong to each.
#pragma once

#include <span>

#include "sdk/cli/command.hpp"

namespace belfry::cli {

struct Verb {
    std::string_view name;
    size_t words_min, words_max;  // itself included
    std::string_view flags;       // with blanks around each
};

// The row whose `verb` has this name and takes so many words; NULL: there is none.
template <class Row>
const Row* find_verb(const Context& context, std::span<const Row> rows) {
    const size_t words = context.arguments.words().size();
    for (const Row& row : rows) {
        if (context.word(0) == row.verb.name && words >= row.verb.words_min && words <= row.verb.words_max) return &row;
    }
    return nullptr;
}

// False, and said: a flag that is given is none of this verb's.
bool are_flags_of(const Context& context, const Verb& verb);

struct ContextVerb {
    Verb verb;
    Exit (*run)(Context& context);
};
struct ClientVerb {
    Verb verb;
    Exit (*run)(Context& context, Client& client);
};

// Runs the row that the words choose, if all flags are its own. No such row: `usage` says what to write.
Exit run_verb(Context& context, std::span<const ContextVerb> verbs, std::string_view usage);
// Likewise, with a client of its own.
Exit run_verb(Context& context, std::span<const ClientVerb> verbs, std::string_view usage);

}  // namespace belfry::cli

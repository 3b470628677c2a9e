// SIGINT and SIGTERM as a question: commands that go on for ever ask it a few times a second and end in order.
#pragma once

namespace belfry::cli {

void catch_stop_signals();  // from now on they only set the answer
bool stop_requested();

}  // namespace belfry::cli

// Options for a client as `belfry` itself takes them from the environment (docs/cli.md): BELFRY_ENDPOINT, BELFRY_FEED and
// BELFRY_SERVER_KEY, several with commas between, BELFRY_KEY_FILE and BELFRY_AUTHOR. What is not set is the default. No
// credentials: where they are kept is the application's business. Not while another thread changes the environment.
#pragma once

#include "sdk/client/client.hpp"

namespace belfry {

ClientOptions options_from_environment();

}  // namespace belfry

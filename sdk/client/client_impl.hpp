// What a Client holds. Private to sdk/client.
#pragma once

#include "sdk/client/keep_alives.hpp"
#include "sdk/client/loop.hpp"

namespace belfry {

class Client::Impl {
public:
    ClientOptions options;
    std::shared_ptr<client::Loop> loop;
    client::KeepAlives keep_alives = {};  // loop thread
};

}  // namespace belfry

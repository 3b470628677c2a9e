// msgpack octets -> typed values, with an error that names the place. Private to sdk/protocol.
//
// The octets are parsed once into flat tokens (16 octets each, at most one for each octet of the frame) that point into the
// frame; then the decoder pulls values out in order. After the first failure every call gives an empty value, so a decoder
// asks ok() only in loops and at its end.
#pragma once

#include <string>
#include <vector>

#include "sdk/base/error.hpp"
#include "sdk/base/types.hpp"

namespace belfry::protocol {

struct Token {
    enum class Kind : uint8_t { nil, boolean, number, bytes, array, other };
    Kind kind = Kind::nil;
    uint32_t size = 0;  // of bytes, array
    union {
        uint64_t number = 0;
        const char* data;
    };
};

// Parses one msgpack value that fills all of `octets`. On an error `tokens` holds what came before it.
Status tokenize(BytesView octets, std::vector<Token>& tokens);

class Reader {
public:
    // Borrows the tokens and the octets they point to. `code` is that of every error.
    Reader(const std::vector<Token>& tokens, Code code)
        : at_(tokens.data()), end_(tokens.data() + tokens.size()), code_(code) {}

    bool ok() const { return error_.empty(); }
    Error error() const { return {fail_code_, error_}; }
    // Says where we are: "request 3".
    void enter(const char* scope, size_t item) { scope_ = scope, item_ = item; }

    // The number of elements, `least` to `most`; 0 after a failure.
    size_t array(const char* what, size_t least, size_t most = SIZE_MAX);
    uint64_t number(const char* what);
    uint64_t number(const char* what, uint64_t most);
    bool flag(const char* what);
    BytesView bytes(const char* what);
    bool take_nil();
    bool next_is_number() const { return ok() && at_ != end_ && at_->kind == Token::Kind::number; }
    bool next_is_flag() const { return ok() && at_ != end_ && at_->kind == Token::Kind::boolean; }
    void skip(size_t values = 1);
    void fail(const char* what, const char* must);
    void fail_with(Code code, std::string sentence);

private:
    const Token* take(const char* what);

    const Token* at_;
    const Token* end_;
    Code code_;
    Code fail_code_ = Code::ok;
    const char* scope_ = "frame";
    size_t item_ = SIZE_MAX;
    std::string error_;
};

// The tokens of this thread, kept between frames; large ones are given back.
class TokenBuffer {
public:
    TokenBuffer();
    ~TokenBuffer();
    TokenBuffer(const TokenBuffer&) = delete;
    TokenBuffer& operator=(const TokenBuffer&) = delete;
    std::vector<Token>& get() { return tokens_; }

private:
    std::vector<Token>& tokens_;
};

}  // namespace belfry::protocol

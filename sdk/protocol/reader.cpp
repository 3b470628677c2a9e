#include "sdk/protocol/reader.hpp"

#include <msgpack.hpp>

#include "sdk/protocol/wire.hpp"

namespace belfry::protocol {
namespace {

constexpr size_t tokens_kept_max = 64 * 1024;

class Tokenizer : public msgpack::null_visitor {
public:
    Tokenizer(std::vector<Token>& tokens, size_t elements_max) : tokens_(tokens), elements_left_(elements_max) {}

    const char* refusal = nullptr;

    bool visit_nil() { return push(Token::Kind::nil); }
    bool visit_boolean(bool value) { return push(Token::Kind::boolean, value ? 1 : 0); }
    bool visit_positive_integer(uint64_t value) { return push(Token::Kind::number, value); }
    bool visit_negative_integer(int64_t) { return push(Token::Kind::other); }
    bool visit_float32(float) { return push(Token::Kind::other); }
    bool visit_float64(double) { return push(Token::Kind::other); }
    bool visit_ext(const char*, uint32_t) { return push(Token::Kind::other); }
    bool visit_str(const char* data, uint32_t size) { return visit_bin(data, size); }
    bool visit_bin(const char* data, uint32_t size) {
        Token token;
        token.kind = Token::Kind::bytes;
        token.size = size;
        token.data = data;
        tokens_.push_back(token);
        return true;
    }
    bool start_array(uint32_t size) {
        // Each element has an octet of its own, so an honest frame never announces more than it is long.
        if (size > elements_left_) return refuse("an array announces more than the frame can hold");
        if (++depth_ > wire::nesting_max) return refuse("arrays are nested too deep");
        elements_left_ -= size;
        Token token;
        token.kind = Token::Kind::array;
        token.size = size;
        tokens_.push_back(token);
        return true;
    }
    bool end_array() { return --depth_, true; }
    bool start_map(uint32_t) { return refuse("maps are not part of the protocol"); }
    void parse_error(size_t, size_t) { refuse("not msgpack"); }
    void insufficient_bytes(size_t, size_t) { refuse("the frame ends too early"); }

private:
    bool push(Token::Kind kind, uint64_t number = 0) {
        Token token;
        token.kind = kind;
        token.number = number;
        tokens_.push_back(token);
        return true;
    }
    bool refuse(const char* why) {
        if (refusal == nullptr) refusal = why;
        return false;
    }

    std::vector<Token>& tokens_;
    size_t elements_left_;
    size_t depth_ = 0;
};

}  // namespace

Status tokenize(BytesView octets, std::vector<Token>& tokens) {
    tokens.clear();
    size_t end = 0;
    const char* refusal = nullptr;
    try {
        Tokenizer tokenizer(tokens, octets.size());
        const bool parsed = msgpack::parse(octets.data(), octets.size(), end, tokenizer);
        refusal = tokenizer.refusal;
        if (!parsed && refusal == nullptr) refusal = "the frame ends too early";
    } catch (const std::exception&) {
        refusal = "not msgpack";
    }
    if (refusal == nullptr && end != octets.size()) refusal = "octets follow the message's end";
    if (refusal == nullptr) return {};
    return Error{Code::invalid_argument, "frame of " + std::to_string(octets.size()) + " octets, at " +
                                             std::to_string(std::min(end, octets.size())) + ": " + refusal};
}

void Reader::fail_with(Code code, std::string sentence) {
    if (!ok()) return;
    error_ = scope_;
    if (item_ != SIZE_MAX) error_ += " " + std::to_string(item_);
    error_ += ": " + std::move(sentence);
    fail_code_ = code;
    at_ = end_;
}

void Reader::fail(const char* what, const char* must) { fail_with(code_, std::string(what) + " must be " + must); }

const Token* Reader::take(const char* what) {
    if (!ok()) return nullptr;
    if (at_ == end_) return fail(what, "there"), nullptr;
    return at_++;
}

size_t Reader::array(const char* what, size_t least, size_t most) {
    const Token* token = take(what);
    if (token == nullptr) return 0;
    if (token->kind != Token::Kind::array) return fail(what, "an array"), 0;
    if (token->size >= least && token->size <= most) return token->size;
    const std::string bound = token->size < least ? "at least " + std::to_string(least) : "at most " + std::to_string(most);
    return fail_with(code_, std::string(what) + " has " + std::to_string(token->size) + " elements; " + bound + " allowed"),
           0;
}

uint64_t Reader::number(const char* what) {
    const Token* token = take(what);
    if (token == nullptr) return 0;
    if (token->kind != Token::Kind::number) return fail(what, "a number, 0 or more"), 0;
    return token->number;
}

uint64_t Reader::number(const char* what, uint64_t most) {
    const uint64_t value = number(what);
    if (value <= most) return value;
    fail_with(code_, std::string(what) + " is " + std::to_string(value) + "; known are 0 to " + std::to_string(most));
    return 0;
}

bool Reader::flag(const char* what) {
    const Token* token = take(what);
    if (token == nullptr) return false;
    if (token->kind != Token::Kind::boolean) return fail(what, "true or false"), false;
    return token->number != 0;
}

BytesView Reader::bytes(const char* what) {
    const Token* token = take(what);
    if (token == nullptr) return {};
    if (token->kind != Token::Kind::bytes) return fail(what, "octets"), BytesView{};
    return {token->data, token->size};
}

bool Reader::take_nil() {
    if (!ok() || at_ == end_ || at_->kind != Token::Kind::nil) return false;
    return ++at_, true;
}

void Reader::skip(size_t values) {
    for (; values > 0 && at_ != end_; --values, ++at_) {
        if (at_->kind == Token::Kind::array) values += at_->size;
    }
}

namespace {
std::vector<Token>& tokens_of_thread() {
    thread_local std::vector<Token> tokens;
    return tokens;
}
}  // namespace

TokenBuffer::TokenBuffer() : tokens_(tokens_of_thread()) {}

TokenBuffer::~TokenBuffer() {
    if (tokens_.capacity() > tokens_kept_max) std::vector<Token>().swap(tokens_);
}

}  // namespace belfry::protocol

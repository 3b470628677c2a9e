#include "hub/core/access.hpp"

#include <array>

#include "hub/base/binary.hpp"
#include "sdk/auth/secrets.hpp"

namespace belfry::hub::core {

namespace {

constexpr BytesView token_prefix = "t1-";
constexpr uint8_t token_format = 1;
// As a client reconnects it brings its token; past so many the memory starts anew.
constexpr size_t known_tokens_max = 65536;
// What the clocks of two members may differ by.
constexpr uint64_t leeway_ms = 30'000;

Error nobody() {
    return {Code::unauthenticated, "this hub must know who asks: log in (belfry --user NAME, belfry login; docs/auth.md)"};
}
Error bad_token() {
    return {Code::unauthenticated, "the token is none that this cluster gave, or it is no longer good: log in"};
}

// Names that no user has, also where the users are another directory's: nothing but the token in its file makes root.
bool is_no_user(BytesView name) { return name == auth::root_name || name == auth::own_name; }

int digit_of(char octet) {
    if (octet >= '0' && octet <= '9') return octet - '0';
    if (octet >= 'a' && octet <= 'f') return octet - 'a' + 10;
    return -1;
}

// Empty for what is no even number of hexadecimal digits.
Bytes octets_of(BytesView text) {
    Bytes octets;
    if (text.size() % 2 != 0) return octets;
    for (size_t at = 0; at < text.size(); at += 2) {
        const int high = digit_of(text[at]), low = digit_of(text[at + 1]);
        if (high < 0 || low < 0) return {};
        octets.push_back(static_cast<char>(high * 16 + low));
    }
    return octets;
}

}  // namespace

// ---- records ----

void Access::load(bool all, const std::vector<plugin::Authority::Record>& records) {
    ++version_;
    known_.clear();
    if (all) secret_.clear();
    if (all) users_of_keys_.clear();
    for (const auto& record : records) {
        const Bytes content = record.content.value_or(Bytes());
        if (record.name == auth::secret_name) {
            const auto secret = auth::decode_secret(content);
            secret_ = secret ? *secret : Bytes();
        }
        if (!record.name.starts_with(auth::key_prefix)) continue;
        const Bytes key = record.name.substr(auth::key_prefix.size());
        users_of_keys_.erase(key);
        if (const auto user = auth::decode_key(content)) users_of_keys_.emplace(key, *user);
    }
    if (authority_ == nullptr) return;
    const Status loaded = authority_->load(all, records);
    refusal_ = loaded ? Error{} : loaded.error();
}

Status Access::check_record(const protocol::RecordChangeRequest& request) const {
    if (request.remove) return {};
    if (request.name == auth::secret_name) {
        return Error{Code::invalid_argument,
                     "the key of its tokens the hub chooses itself: remove the record, and it makes another one"};
    }
    return authority_ == nullptr ? auth::check_record(request.name, request.content)
                                 : authority_->check_record(request.name, request.content);
}

// ---- who asks ----

Result<PrincipalPointer> Access::identify(const Bytes& credential, uint64_t wall_ms) {
    if (!root_token_.empty() && auth::equal(credential, root_token_)) return root_;
    if (refusal_.code != Code::ok) return refusal_;
    if (credential.empty()) return nobody();
    auto found = known_.find(credential);
    if (found == known_.end()) {
        auto known = read_token(credential);
        if (!known) return known.error();
        if (known_.size() >= known_tokens_max) known_.clear();
        found = known_.emplace(credential, *std::move(known)).first;
    }
    if (wall_ms > found->second.expires_ms + leeway_ms) return bad_token();
    return found->second.principal;
}

Result<Access::Known> Access::read_token(const Bytes& token) const {
    if (secret_.empty() || !BytesView(token).starts_with(token_prefix)) return bad_token();
    const Bytes octets = octets_of(BytesView(token).substr(token_prefix.size()));
    if (octets.size() < auth::mark_bytes) return bad_token();
    const BytesView body = BytesView(octets).substr(0, octets.size() - auth::mark_bytes);
    if (!auth::equal(auth::mark(secret_, body), BytesView(octets).substr(body.size()))) return bad_token();
    Reader in(body);
    if (in.u8() != token_format) return bad_token();
    const uint64_t expires_ms = in.varint();
    const uint64_t stamp = in.u64();
    const Principal principal{Bytes(in.bytes()), stamp};
    if (!in.ok() || !in.at_end() || is_no_user(principal.name)) return bad_token();
    if (Status good = still_good(principal); !good) return good.error();
    return Known{std::make_shared<const Principal>(principal), expires_ms};
}

Result<PrincipalPointer> Access::identify_key(BytesView public_key) const {
    if (refusal_.code != Code::ok) return refusal_;
    if (authority_ == nullptr || public_key.empty()) return nobody();
    const auto name = authority_->user_of_key(public_key);
    if (!name) return name.error();
    return is_no_user(*name) ? Result<PrincipalPointer>(nobody()) : named(*name);
}

Result<PrincipalPointer> Access::named(const Bytes& name) const {
    if (name == auth::root_name) return root_;
    if (refusal_.code != Code::ok) return refusal_;
    const auto stamp = authority_->stamp(name);
    if (!stamp) return stamp.error();
    return std::make_shared<const Principal>(Principal{name, *stamp});
}

ClientKeys Access::client_keys() const {
    ClientKeys keys;
    keys.feed_open = is_open();
    const bool asks = authority_ != nullptr && !authority_->is_open();
    for (const auto& [key, user] : users_of_keys_) {
        if (asks && !authority_->stamp(user)) continue;
        keys.known.push_back(key);
        const bool reads_all = asks && (authority_->authorize(user, auth::Action::read, KeyRange::all()) ||
                                        authority_->authorize(user, auth::Action::watch, KeyRange::all()));
        if (reads_all) keys.feed.push_back(key);
    }
    return keys;
}

Status Access::still_good(const Principal& principal) const {
    if (principal.is_root()) return principal.stamp == 0 ? Status() : Status(bad_token());
    if (refusal_.code != Code::ok) return refusal_;
    const auto stamp = authority_->stamp(principal.name);
    if (!stamp) return stamp.error();
    return *stamp == principal.stamp ? Status() : Status(bad_token());
}

Result<Bytes> Access::token_for(const Bytes& name, uint64_t expires_ms) const {
    if (secret_.empty()) {
        return Error{Code::unavailable, "the cluster is making the key for its tokens; nobody was logged in"};
    }
    if (is_no_user(name)) return Error{Code::unauthenticated, "'" + name + "' is no user"};
    const auto stamp = authority_->stamp(name);
    if (!stamp) return stamp.error();
    Bytes body;
    Writer out(body);
    out.u8(token_format);
    out.varint(expires_ms);
    out.u64(*stamp);
    out.bytes(name);
    return Bytes(token_prefix) + auth::hex(body + auth::mark(secret_, body));
}

}  // namespace belfry::hub::core

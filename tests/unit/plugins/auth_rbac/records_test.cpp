#include <catch2/catch_test_macros.hpp>

#include "sdk/auth/secrets.hpp"
#include "sdk/protocol/auth_records.hpp"

using namespace belfry;

namespace {

std::string refusal(BytesView name, BytesView content) {
    const Status status = auth::check_record(name, content);
    return status ? "" : status.error().detail;
}
bool has(const std::string& text, BytesView part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("auth records: what was encoded is understood", "[auth][records]") {
    const auth::User user{true, 77, {"app", "ops"}};
    const auto back = auth::decode_user(auth::encode_user(user));
    REQUIRE(back);
    CHECK((back->disabled && back->stamp == 77 && back->roles == user.roles));
    const auth::Role role{{{3, KeyRange::prefix("app/")}, {32, KeyRange::all()}, {1, KeyRange::one("x")}}};
    CHECK(auth::decode_role(auth::encode_role(role))->permissions == role.permissions);
    CHECK(*auth::decode_key(auth::encode_key("ann")) == "ann");
    CHECK(*auth::decode_password(auth::encode_password("$argon2id$")) == "$argon2id$");
    CHECK(*auth::decode_secret(auth::encode_secret(Bytes(32, 'k'))) == Bytes(32, 'k'));
    CHECK(refusal("auth/user/ann", auth::encode_user(user)).empty());
    CHECK(refusal("auth/role/app", auth::encode_role(role)).empty());
    CHECK(refusal("auth/enabled", auth::encode_enabled()).empty());
}

TEST_CASE("auth records: what is wrong is refused with a sentence", "[auth][records]") {
    const Bytes user = auth::encode_user({});
    CHECK(has(refusal("auth/user/", user), "a user's name is 1 to 64"));
    CHECK(has(refusal("auth/user/a b", user), "letters, digits"));
    CHECK(has(refusal("auth/user/a/b", user), "letters, digits"));
    CHECK(has(refusal("auth/user/root", user), "data directory"));
    CHECK(has(refusal("auth/user/" + Bytes(65, 'a'), user), "1 to 64"));
    CHECK(has(refusal("auth/user/ann", "nonsense"), "user"));
    CHECK(has(refusal("auth/user/ann", BytesView("\x94\x02\xc2\x00\x90", 5)), "another format"));
    CHECK(has(refusal("auth/user/ann", auth::encode_user({false, 0, {"ro le"}})), "a role's name"));
    CHECK(has(refusal("auth/role/app", auth::encode_role({{{0, KeyRange::all()}}})), "actions"));
    CHECK(has(refusal("auth/role/app", auth::encode_role({{{64, KeyRange::all()}}})), "actions"));
    CHECK(has(refusal("auth/role/app", auth::encode_role({{{1, {"b", "a"}}}})), "ends before"));
    CHECK(has(refusal("auth/role/app", auth::encode_role({{{1, {"", "a"}}}})), "empty key"));
    CHECK(has(refusal("auth/role/app", auth::encode_role({{{33, KeyRange::prefix("a")}}})), "whole cluster"));
    CHECK(has(refusal("auth/enabled", "x"), "nothing"));
    CHECK(has(refusal("auth/secret", auth::encode_secret("short")), "32 octets"));
    CHECK(has(refusal("auth/other", "x"), "no record of users"));
    CHECK(has(refusal("auth/key/", auth::encode_key("ann")), "public key"));
}

TEST_CASE("auth records: password hashes of any cost are no password hashes", "[auth][records]") {
    const auto hash = auth::hash_password("correct horse");
    REQUIRE(hash);
    const auto said = [](const std::string& text) { return refusal("auth/password/ann", auth::encode_password(text)); };
    CHECK(said(*hash).empty());
    CHECK(has(said("plain text"), "argon2id"));
    CHECK(has(said("$argon2i$v=19$m=65536,t=2,p=1$abc$def"), "argon2id"));
    CHECK(has(said("$argon2id$v=19$m=4194304,t=2,p=1$abc$def"), "262144"));
    CHECK(has(said("$argon2id$v=19$m=1024,t=2,p=1$abc$def"), "8192"));
    CHECK(has(said("$argon2id$v=19$m=65536,t=1000,p=1$abc$def"), "t up to 16"));
    CHECK(has(said("$argon2id$v=19$m=65536,t=2,p=1$" + std::string(200, 'x')), "argon2id"));
    CHECK_FALSE(auth::password_matches("$argon2id$v=19$m=65536,t=2,p=1$abc$def", "x"));
}

TEST_CASE("auth records: words for actions, there and back", "[auth][records]") {
    CHECK(*auth::parse_actions("read") == 1);
    CHECK(*auth::parse_actions("delete,read,lease") == 21);
    CHECK(auth::actions_text(63) == "read,write,delete,watch,lease,admin");
    CHECK(has(auth::parse_actions("read,,write").error().detail, "'' is no action"));
    CHECK(has(auth::parse_actions("raed").error().detail, "there are read,write"));
    CHECK_FALSE(auth::parse_actions(""));
}

TEST_CASE("secrets: a mark needs the key", "[auth][secrets]") {
    const Bytes key = auth::random_bytes(auth::key_bytes);
    CHECK(auth::mark(key, "message").size() == auth::mark_bytes);
    CHECK(auth::mark(key, "message") == auth::mark(key, "message"));
    CHECK(auth::mark(key, "message") != auth::mark(key, "massage"));
    CHECK(auth::mark(auth::random_bytes(auth::key_bytes), "message") != auth::mark(key, "message"));
    CHECK(auth::equal("abc", "abc"));
    CHECK_FALSE(auth::equal("abc", "abd"));
    CHECK_FALSE(auth::equal("abc", "ab"));
    CHECK(auth::hex("\x01\xff") == "01ff");
    CHECK_FALSE(auth::hash_password("short"));
}

#include "sdk/discovery/instance.hpp"

#include <catch2/catch_test_macros.hpp>
#include <functional>

namespace belfry {
namespace {

Instance good_instance() {
    Instance instance;
    instance.service = "web";
    instance.id = "web1-4711";
    instance.address = "10.0.0.5";
    instance.port = 80;
    return instance;
}

Result<Instance> decode(BytesView value) { return decode_instance("services/web/1", value); }

std::string refusal(BytesView value) {
    const auto decoded = decode(value);
    return decoded ? "taken" : to_string(decoded.error());
}

}  // namespace

TEST_CASE("instance: what is encoded is decoded, every octet of it") {
    Instance instance = good_instance();
    instance.labels = {{"zone", "a"}, {"app.kubernetes.io/version", "\xc3\xa9 \"2\" \\"}, {"empty", ""}};
    instance.weight = 0;
    instance.health = Health::critical;
    instance.note = "connect: refused";
    const auto value = encode_instance(instance);
    REQUIRE(value);
    const auto decoded = decode_instance(instance_key("web", "web1-4711"), *value);
    REQUIRE(decoded);
    CHECK(*decoded == instance);

    KeyValue kv{"elsewhere/web/web1-4711", *value, {7}, {9}, 2, {3}};
    const auto found = decode_instance(kv, "elsewhere/");
    REQUIRE(found);
    CHECK(found->created == Revision{7});
    CHECK(found->changed == Revision{9});
    CHECK(encode_instance(good_instance()).value() ==
          R"({"address":"10.0.0.5","port":80,"health":"passing","weight":100})");
}

TEST_CASE("instance: the largest one there may be fits its bound") {
    Instance instance = good_instance();
    instance.address =
        std::string(63, 'a') + "." + std::string(63, 'b') + "." + std::string(63, 'c') + "." + std::string(61, 'd');
    instance.note = std::string(limits::instance_note_bytes_max, '"');
    for (size_t i = 0; i < limits::instance_labels_max; ++i) {
        const std::string number = std::to_string(10 + i);
        instance.labels[std::string(limits::instance_label_name_bytes_max - 2, 'n') + number] =
            std::string(limits::instance_label_value_bytes_max, '\\');
    }
    const auto value = encode_instance(instance);
    REQUIRE(value);
    CHECK(value->size() * 2 <= limits::instance_bytes_max);
    CHECK(decode_instance(instance_key("web", "web1-4711"), *value).value() == instance);
}

TEST_CASE("instance: what cannot be one is not encoded, and the sentence names the member") {
    const struct {
        std::function<void(Instance&)> spoil;
        const char* sentence;
    } table[] = {
        {[](Instance& i) { i.service = "Web"; },
         "invalid_argument: service: 1 to 63 of a-z, 0-9 and '-' (not at an end) are a name, not 'Web'"},
        {[](Instance& i) { i.service = ""; }, "invalid_argument: service: "},
        {[](Instance& i) { i.id = "a/b"; }, "invalid_argument: id: "},
        {[](Instance& i) { i.id = "-a"; }, "invalid_argument: id: "},
        {[](Instance& i) { i.id = std::string(64, 'a'); }, "invalid_argument: id: "},
        {[](Instance& i) { i.address = ""; }, "invalid_argument: address: "},
        {[](Instance& i) { i.address = "10.0.0.256"; },
         "invalid_argument: address: an IP address or a host name is wanted, not '10.0.0.256'"},
        {[](Instance& i) { i.address = "[::1]"; }, "invalid_argument: address: "},
        {[](Instance& i) { i.address = "a..b"; }, "invalid_argument: address: "},
        {[](Instance& i) { i.address = std::string("10.0.0.5\0x", 10); }, "invalid_argument: address: "},
        {[](Instance& i) { i.address = "http://host"; }, "invalid_argument: address: "},
        {[](Instance& i) { i.port = 0; }, "invalid_argument: port: 1 to 65535, not 0"},
        {[](Instance& i) { i.weight = 65536; }, "invalid_argument: weight: 65536 is more than 65535"},
        {[](Instance& i) { i.labels["a b"] = "c"; }, "invalid_argument: labels: "},
        {[](Instance& i) { i.labels["a"] = "\xff"; }, "invalid_argument: label a: "},
        {[](Instance& i) { i.labels["a"] = std::string(256, 'x'); },
         "too_large: label a: 256 octets; at most 255 are allowed"},
        {[](Instance& i) {
             for (int n = 0; n < 33; ++n) i.labels["n" + std::to_string(n)] = "";
         },
         "too_large: labels: 33; at most 32 are allowed"},
        {[](Instance& i) { i.note = std::string(513, 'x'); }, "too_large: note: "},
        {[](Instance& i) { i.note = "two\nlines"; }, "invalid_argument: note: "},
    };
    for (const auto& row : table) {
        Instance instance = good_instance();
        row.spoil(instance);
        const auto encoded = encode_instance(instance);
        REQUIRE_FALSE(encoded);
        INFO(to_string(encoded.error()));
        CHECK(to_string(encoded.error()).starts_with(row.sentence));
    }
    for (const char* address : {"::1", "2001:db8::5", "web1", "web-1.example.org", "4u.example", "127.0.0.1"}) {
        Instance instance = good_instance();
        instance.address = address;
        CHECK(encode_instance(instance));
    }
}

TEST_CASE("instance: garbage is refused, with its key and its place") {
    const std::string head = "invalid_argument: 'services/web/1': ";
    CHECK(refusal(R"({"address":"a","port":1})") == "taken");
    CHECK(refusal("") == head + "this is not JSON any more at octet 1");
    CHECK(refusal("10.0.0.5:80") == head + "an object is wanted, not a number that is not whole");
    CHECK(refusal("web1:80").starts_with(head + "this is not JSON any more at octet "));
    CHECK(refusal("7") == head + "an object is wanted, not a number");
    CHECK(refusal("\"7\"") == head + "an object is wanted, not a text");
    CHECK(refusal("null") == head + "an object is wanted, not null");
    CHECK(refusal("[]") == head + "an object is wanted, not a list");
    CHECK(refusal("{}") == head + "address: it must be there");
    CHECK(refusal(R"({"address":"a"})") == head + "port: it must be there");
    CHECK(refusal(R"({"address":"a","port":1}x)").starts_with(head + "this is not JSON any more at octet 25"));
    CHECK(refusal(BytesView("{\"address\":\"a\",\"port\":1}\0x", 26)) == head + "a NUL is not JSON");
    CHECK(refusal(R"({"address":"a","address":"b","port":1})") == head + "member 'address': it stands twice");
    CHECK(refusal(R"({"address":7,"port":1})") == head + "address: cannot be a number");
    CHECK(refusal(R"({"address":"a","port":"1"})") == head + "port: cannot be a text");
    CHECK(refusal(R"({"address":"a","port":-1})") == head + "port: cannot be a negative number");
    CHECK(refusal(R"({"address":"a","port":1.0})") == head + "port: cannot be a number that is not whole");
    CHECK(refusal(R"({"address":"a","port":65536})") == head + "port: 65536 is more than 65535");
    CHECK(refusal(R"({"address":"a","port":0})") == head + "port: 1 to 65535, not 0");
    CHECK(refusal(R"({"address":"a","port":1,"weight":null})") == head + "weight: cannot be null");
    CHECK(refusal(R"({"address":"a","port":1,"health":"well"})") ==
          head + "health: passing, warning or critical, not 'well'");
    CHECK(refusal(R"({"address":"a","port":1,"labels":[]})") == head + "labels: cannot be a list");
    CHECK(refusal(R"({"address":"a","port":1,"labels":{"a":1}})") == head + "labels: 'a' must be a text, not a number");
    CHECK(refusal(R"({"address":"a","port":1,"labels":{"a":{}}})") == head + "labels: 'a' must be a text, not an object");
    CHECK(refusal(R"({"address":"a","port":1,"labels":{"a":"1","a":"2"}})") == head + "labels: 'a' stands twice");
    CHECK(refusal("{\"address\":\"\xff\",\"port\":1}").starts_with(head));
    CHECK(refusal(std::string(limits::instance_bytes_max + 1, ' ')).starts_with("too_large: 'services/web/1': value: "));
    CHECK(refusal(std::string(limits::instance_bytes_max, '[')).starts_with(head));
    CHECK(refusal(R"({"x":)" + std::string(40'000, '[')).starts_with(head));
}

TEST_CASE("instance: what a later version may say is passed over, however it looks") {
    const auto decoded = decode(R"({"tags":["a",{"port":"x"}],"meta":{"labels":{"a":1},"port":7},"port":80,)"
                                R"("since":1.5,"address":"h","up":true,"none":null,"n":-1})");
    REQUIRE(decoded);
    CHECK(decoded->port == 80);
    CHECK(decoded->weight == 100);
    CHECK(decoded->health == Health::passing);
    CHECK(decoded->labels.empty());
    CHECK(decode(R"({"address":"a","port":1,"x":)" + std::string(20'000, '[') + std::string(20'000, ']') + "}"));
}

TEST_CASE("instance: other keys are none") {
    constexpr BytesView value = R"({"address":"a","port":1})";
    for (const char* key : {"services/web", "services/web/", "services//1", "service/web/1", "services/web/1/2",
                            "services/Web/1", "web/1", ""}) {
        INFO(key);
        CHECK(decode_instance(key, value).error().code == Code::invalid_argument);
    }
    CHECK(decode_instance("a/web/1", value, "a/")->service == "web");
    CHECK(instance_key("web", "1") == "services/web/1");
    CHECK(service_prefix("web", "x/") == "x/web/");
}

TEST_CASE("instance: what was said becomes one line of UTF-8") {
    CHECK(note_of("two\nlines\r\n") == "two lines");
    CHECK(note_of("a\xff\x1b[1m") == "a??[1m");
    CHECK(note_of(std::string(511, 'x') + "\xc3\xa9") == std::string(511, 'x'));
    CHECK(note_of("") == "");
}

}  // namespace belfry

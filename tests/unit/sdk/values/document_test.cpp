#include "sdk/values/document.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cmath>

#include "sdk/values/view_document.hpp"

using namespace belfry;
using namespace std::chrono_literals;
using Form = Document::Form;

namespace {

Document parsed(std::string_view text, Form form) {
    auto document = Document::parse(text, form);
    INFO((document ? "" : document.error().detail));
    REQUIRE(document);
    return *std::move(document);
}

std::string refusal(std::string_view text, Form form) {
    const auto document = Document::parse(text, form);
    REQUIRE_FALSE(document);
    return document.error().detail;
}

constexpr std::string_view json =
    R"({"db": {"host": "h", "port": 5432, "ratio": 0.5, "tls": true, "wait": "1.5s", "none": null,
  "hosts": ["a", "b"], "ports": [1, 2.0], "a/b~c": {"x": 1}}, "servers": [{"name": "one"}, {"name": "two"}]})";
constexpr std::string_view toml = R"(
[db]
host = "h"
port = 5432
ratio = 0.5
tls = true
wait = "1.5s"
hosts = ["a", "b"]
ports = [1, 2.0]
"a/b~c" = { x = 1 }
[[servers]]
name = "one"
[[servers]]
name = "two"
)";
constexpr std::string_view yaml = R"(
db:
  host: h
  port: 5432
  ratio: .5
  tls: true
  wait: 1.5s
  none: ~
  hosts: [a, b]
  ports:
    - 1
    - 2.0
  a/b~c: {x: 0x1}
servers:
  - name: one
  - name: "two"
)";

}  // namespace

TEST_CASE("document: the same configuration in three forms gives the same answers", "[values]") {
    for (const auto& [text, form] : {std::pair(json, Form::json), {toml, Form::toml}, {yaml, Form::yaml}}) {
        INFO(text);
        const Document document = parsed(text, form);
        CHECK(document.get_string("/db/host", "") == "h");
        CHECK(document.get_int("/db/port", 0) == 5432);
        CHECK(document.get_double("/db/port", 0) == 5432.0);
        CHECK(document.get_double("/db/ratio", 0) == 0.5);
        CHECK(document.get_bool("/db/tls", false));
        CHECK(document.get_duration("/db/wait", 0ms) == 1500ms);
        CHECK(document.get_strings("/db/hosts") == std::vector<std::string>{"a", "b"});
        CHECK(document.get_ints("/db/ports") == std::vector<int64_t>{1, 2});
        CHECK(document.get_int("/db/a~1b~0c/x", 0) == 1);
        CHECK(document.get_string("/servers/1/name", "") == "two");
        CHECK(document.size("/servers") == 2);
        CHECK(document.root().map() != nullptr);
    }
}

TEST_CASE("document: what is not there, or of another type, gives the default", "[values]") {
    const Document document = parsed(json, Form::json);
    for (const char* place : {"/nothing", "/db/host/x", "db", "/db/", "/servers/2", "/servers/01", "/servers/-1",
                              "/servers/x", "/db/a~2b", "/db/a~", "/db/none", "/db", "/servers"}) {
        INFO(place);
        CHECK(document.get_int(place, 7) == 7);
        CHECK(document.get_string(place, "d") == "d");
        CHECK(document.get_bool(place, true));
        CHECK(document.get_duration(place, 9ms) == 9ms);
        CHECK(document.get_ints(place, {3}) == std::vector<int64_t>{3});
    }
    CHECK(document.get_int("/db/host", 7) == 7);
    CHECK(document.get_int("/db/ratio", 7) == 7);
    CHECK(document.get_string("/db/port", "d") == "d");
    CHECK(document.get_duration("/db/port", 9ms) == 9ms);  // of what unit?
    CHECK(document.get_ints("/db/hosts", {3}) == std::vector<int64_t>{3});
    CHECK(document.get_strings("/db/ports", {"d"}) == std::vector<std::string>{"d"});
    CHECK(parsed("1e300", Form::json).get_int("", 7) == 7);
    CHECK(parsed("18446744073709551615", Form::json).get_int("", 7) == 7);
    CHECK(document.has("/db/none"));
    CHECK(document.has(""));
}

TEST_CASE("document: an error names line and column", "[values]") {
    CHECK(refusal("{\n  \"a\": 1,\n  b\n}", Form::json).starts_with("line 3, column 3: "));
    CHECK(refusal("", Form::json).starts_with("line 1, column 1: "));
    CHECK(refusal("{\"a\": 1e999}", Form::json).find("no double holds") != std::string::npos);
    CHECK(refusal("a = 1\nb = = 2\n", Form::toml).starts_with("line 2, column "));
    CHECK(refusal("a: 1\nb: [1, 2\nc: 3\n", Form::yaml).starts_with("line "));
    CHECK(refusal("a: 1\nb: !secret x\n", Form::yaml).starts_with("line 2, column "));
    for (const Form form : {Form::json, Form::toml, Form::yaml}) {
        CHECK(refusal("\n\"\xff\"", form) == "line 2, column 2: this is not UTF-8 text");
        CHECK(refusal(std::string_view("a\0b", 3), form) == "line 1, column 2: this is not UTF-8 text");
        CHECK(Document::parse(std::string(document_bytes_max + 1, ' '), form).error().code == Code::too_large);
    }
}

TEST_CASE("document: a name given twice is refused in every form", "[values]") {
    CHECK(refusal(R"({"a": 1, "b": {"a": 1}, "a": 2})", Form::json).find("twice") != std::string::npos);
    refusal("a = 1\na = 2\n", Form::toml);
    CHECK(refusal("a: 1\nb: 2\na: 3\n", Form::yaml).find("twice") != std::string::npos);
}

TEST_CASE("document: 64 deep is read, 65 is refused, and a million deep too", "[values]") {
    const auto nested = [](size_t depth, std::string open, std::string close, std::string inner) {
        std::string text;
        for (size_t i = 0; i < depth; ++i) text += open;
        text += inner;
        for (size_t i = 0; i < depth; ++i) text += close;
        return text;
    };
    for (const Form form : {Form::json, Form::yaml}) {
        CHECK(Document::parse(nested(64, "[", "]", "1"), form));
        CHECK(Document::parse(nested(65, "[", "]", "1"), form).error().code == Code::too_large);
        CHECK(Document::parse(nested(500'000, "[", "]", ""), form).error().code == Code::too_large);
        CHECK_FALSE(Document::parse(nested(100'000, "{\"a\":", "}", "1"), form));
    }
    CHECK_FALSE(Document::parse(nested(300'000, "- ", "", "1"), Form::yaml));
    CHECK(Document::parse("a = " + nested(63, "[", "]", "1"), Form::toml));
    CHECK(Document::parse("a = " + nested(64, "[", "]", "1"), Form::toml).error().code == Code::too_large);
    CHECK(Document::parse(nested(63, "a.", "", "b = 1.5"), Form::toml));
    CHECK(Document::parse(nested(500'000, "a.", "", "b = 1"), Form::toml).error().code == Code::too_large);
    CHECK(Document::parse("[" + nested(500'000, "a.", "", "b]"), Form::toml).error().code == Code::too_large);
    CHECK(Document::parse("a = " + nested(250, "{" + nested(60, "a.", "", "b = "), "}", "1"), Form::toml).error().code ==
          Code::too_large);
    // Dots and brackets within texts and remarks are no depth.
    const std::string dots(5000, '.');
    CHECK(Document::parse("a = \"" + dots + "\\\"" + dots + "\" # " + dots + "\nb = '''\n" + dots + "'\n'''\nc = '[['\n",
                          Form::toml));
    // One or two quotes stand before those that end a text, and what follows is counted.
    for (const std::string text : {R"("""a"""")", R"("""a""""")", "'''a''''", "'''a'''''"}) {
        INFO(text);
        CHECK(parsed("a = " + text, Form::toml).get_string("/a", "") == text.substr(3, text.size() - 6));
        CHECK(refusal("x = [" + text + ", {" + nested(200'000, "a.", "", "b = 1}]"), Form::toml) ==
              "nested deeper than 64");
    }
}

TEST_CASE("yaml: an alias stands for what it names, and a bomb of them is refused", "[values]") {
    const Document document = parsed("base: &b {port: 1, names: [x]}\ncopy: *b\nlist: [*b, *b]\n", Form::yaml);
    CHECK(*document.find("/copy") == *document.find("/base"));
    CHECK(document.get_int("/list/1/port", 0) == 1);
    std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
    for (int i = 1; i < 12; ++i) {
        const std::string last = "*a" + std::to_string(i - 1);
        bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + last;
        for (int k = 0; k < 9; ++k) bomb += ", " + last;
        bomb += "]\n";
    }
    CHECK(Document::parse(bomb, Form::yaml).error().code == Code::too_large);
    std::string heavy = "a: &a \"" + std::string(900'000, 'x') + "\"\nb: [*a";
    for (int i = 0; i < 1000; ++i) heavy += ", *a";
    CHECK(Document::parse(heavy + "]\n", Form::yaml).error().code == Code::too_large);
    std::string deep = "x0: &x0 [1]\n";
    for (int i = 1; i < 100; ++i) {
        deep += "x" + std::to_string(i) + ": &x" + std::to_string(i) + " [*x" + std::to_string(i - 1) + "]\n";
    }
    CHECK(refusal(deep, Form::yaml).find("deeper than 64") != std::string::npos);
    CHECK(refusal("a: &a [1, *a]\n", Form::yaml).find("within what it stands for") != std::string::npos);
    refusal("a: *nowhere\n", Form::yaml);
}

TEST_CASE("yaml: scalars are what version 1.2 says, and what has two readings is refused", "[values]") {
    const Document document = parsed(
        "[yes, on, 0o17, 0x1F, -7, +3, 1e3, 1., -.inf, .nan, ~, null, '', \"5\", !!str 5, !!float 5, 2001-01-01, 1_000,"
        " 012, 18446744073709551615, -9223372036854775808, 18446744073709551616, 1.2.3, '~', .e1, e1]",
        Form::yaml);
    const Node::List& list = *document.root().list();
    const auto is = [&](size_t place, const auto& value) {
        using Value = std::decay_t<decltype(value)>;
        const auto* held = std::get_if<Value>(&list[place].value);
        return held != nullptr && *held == value;
    };
    CHECK(is(0, std::string("yes")));
    CHECK(is(1, std::string("on")));
    CHECK(is(2, int64_t{15}));
    CHECK(is(3, int64_t{31}));
    CHECK(is(4, int64_t{-7}));
    CHECK(is(5, int64_t{3}));
    CHECK(is(6, 1000.0));
    CHECK(is(7, 1.0));
    CHECK(is(8, -std::numeric_limits<double>::infinity()));
    CHECK(std::isnan(std::get<double>(list[9].value)));
    CHECK(list[10].is_null());
    CHECK(list[11].is_null());
    CHECK(is(12, std::string()));
    CHECK(is(13, std::string("5")));
    CHECK(is(14, std::string("5")));
    CHECK(is(15, 5.0));
    CHECK(is(16, std::string("2001-01-01")));
    CHECK(is(17, std::string("1_000")));
    CHECK(is(18, int64_t{12}));
    CHECK(is(19, UINT64_MAX));
    CHECK(is(20, INT64_MIN));
    CHECK(is(21, 18446744073709551616.0));
    CHECK(is(22, std::string("1.2.3")));
    CHECK(is(23, std::string("~")));
    CHECK(is(24, std::string(".e1")));
    CHECK(is(25, std::string("e1")));
    CHECK(parsed("", Form::yaml).root().is_null());
    CHECK(parsed("---\na: 1\n...\n", Form::yaml).get_int("/a", 0) == 1);
    CHECK(parsed("? a\n: 1\n? b\n", Form::yaml).find("/b")->is_null());
    CHECK(refusal("a: 1\n---\nb: 2\n", Form::yaml).find("second document") != std::string::npos);
    CHECK(refusal("a: &a {x: 1}\nb:\n  <<: *a\n", Form::yaml).find("merge") != std::string::npos);
    refusal("[a, b]: 1\n", Form::yaml);
    refusal("{a: 1}: 1\n", Form::yaml);
    refusal("&k a: 1\n", Form::yaml);
    refusal("a: &k x\n*k : 1\n", Form::yaml);
    refusal("a: !!int x\n", Form::yaml);
    refusal("a: !!binary aGk=\n", Form::yaml);
    CHECK(refusal(R"(a: "x\Ny")", Form::yaml).find("\\u0085") != std::string::npos);
    CHECK(refusal(R"("\_": 1)", Form::yaml).find("\\u00a0") != std::string::npos);
    CHECK(parsed(R"(a: "\u0085\u00a0")", Form::yaml).get_string("/a", "") == "\xc2\x85\xc2\xa0");
    refusal("!mine {a: 1}\n", Form::yaml);
}

TEST_CASE("document: read by the value's content type, or by another that is stated", "[values]") {
    const KeyValue typed{"k", "a: 1", {1}, {1}, 1, {}, "application/yaml; charset=utf-8"};
    CHECK(Document::read(typed)->get_int("/a", 0) == 1);
    CHECK(Document::read(typed, "json").error().code == Code::invalid_argument);
    const KeyValue untyped{"k", "a = 1", {1}, {1}, 1, {}};
    CHECK(Document::read(untyped).error().code == Code::unsupported);
    CHECK(Document::read(untyped, "toml")->get_int("/a", 0) == 1);
    CHECK(Document::read({"k", "x", {1}, {1}, 1, {}, "image/png"}).error().detail.find("image/png") != std::string::npos);
    ViewBuilder builder;
    builder.put(typed);
    const auto view = builder.publish({1});
    CHECK(document(*view, "k")->get_int("/a", 0) == 1);
    CHECK(document(*view, "other").error().code == Code::not_found);
}

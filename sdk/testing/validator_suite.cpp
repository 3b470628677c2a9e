#include "sdk/testing/validator_suite.hpp"

#include <atomic>
#include <optional>
#include <random>
#include <thread>

#include "sdk/plugin/plugin.hpp"
#include "sdk/testing/leaks.hpp"

namespace belfry::testing {

namespace {

constexpr size_t random_specs = 2000;
constexpr size_t values_per_spec = 30;
constexpr size_t threads = 4;
constexpr size_t leak_specs = 20;
constexpr size_t validator_leak_rounds = 200;

struct Verdict {
    belfry_status status = BELFRY_OK;
    std::string sentence;
    friend bool operator==(const Verdict&, const Verdict&) = default;
};

void clear(belfry_error& error) {
    error.struct_size = sizeof(error);
    error.reserved = 0;
    error.message[0] = '\0';
}

class ValidatorDriver {
public:
    ValidatorDriver(const belfry_validator_v1& table, BytesView spec) : table_(table) {
        belfry_error error;
        clear(error);
        compiled.status = table.compile(plugin::to_c(spec), &validator_, &error);
        compiled.sentence = error.message;
        require(!ok() || validator_ != nullptr, "compile answered ok but gave no validator");
        require(ok() || !compiled.sentence.empty(), "compile refused a spec without a sentence");
    }
    ~ValidatorDriver() {
        if (ok()) table_.close(validator_);
    }
    ValidatorDriver(const ValidatorDriver&) = delete;
    ValidatorDriver& operator=(const ValidatorDriver&) = delete;

    bool ok() const { return compiled.status == BELFRY_OK; }
    Verdict check(BytesView key, std::optional<BytesView> old_value, std::optional<BytesView> value) const {
        belfry_error error;
        clear(error);
        const belfry_bytes before = plugin::to_c(old_value.value_or(BytesView()));
        const belfry_bytes now = plugin::to_c(value.value_or(BytesView()));
        Verdict verdict;
        verdict.status =
            table_.check(validator_, plugin::to_c(key), old_value ? &before : nullptr, value ? &now : nullptr, &error);
        verdict.sentence = error.message;
        if (verdict.status == BELFRY_OK) verdict.sentence.clear();
        require(verdict.status == BELFRY_OK || !verdict.sentence.empty(), "check refused a value without a sentence");
        return verdict;
    }
    bool may_block() const {
        const int32_t answer = table_.may_block(validator_);
        require(answer == 0 || answer == 1, "may_block answers neither 0 nor 1");
        return answer == 1;
    }

    Verdict compiled;

private:
    const belfry_validator_v1& table_;
    belfry_validator* validator_ = nullptr;
};

// Octets of which specs and values are made, and the extremes.
Bytes random_document(std::mt19937_64& random, size_t size_max) {
    constexpr BytesView common = "{}[]\":,.-+0123456789eE truefalsnuypminxaoc\\/*()\n\0\xff\xc3\xa9";
    Bytes bytes(random() % (size_max + 1), '\0');
    const bool any = random() % 4 == 0;
    for (char& octet : bytes) octet = any ? static_cast<char>(random()) : common[random() % common.size()];
    return bytes;
}

std::vector<Bytes> values_for(std::mt19937_64& random) {
    std::vector<Bytes> values = {"", "0", "-1", "1e400", "true", "null", "{}", "[]", "\"\"", "{\"a\":", "10s", "\xff\xfe"};
    values.push_back(Bytes(200, '['));
    values.push_back(Bytes(64 * 1024, '9'));
    while (values.size() < values_per_spec) values.push_back(random_document(random, 60));
    return values;
}

void check_spec(const belfry_validator_v1& table, BytesView spec, std::mt19937_64& random) {
    const ValidatorDriver validator(table, spec);
    if (!validator.ok()) return;
    const bool may_block = validator.may_block();
    require(validator.may_block() == may_block, "may_block changes its mind");
    (void)validator.check("key", {}, {});
    (void)validator.check("key", "old", {});
    for (const Bytes& value : values_for(random)) {
        const Verdict verdict = validator.check("key", {}, value);
        require(validator.check("key", {}, value) == verdict, "two checks of one value say two things");
    }
}

void check_threads(const belfry_validator_v1& table, BytesView spec, std::mt19937_64& random) {
    const ValidatorDriver validator(table, spec);
    require(validator.ok(), "the spec is refused: " + validator.compiled.sentence);
    const std::vector<Bytes> values = values_for(random);
    std::vector<Verdict> expected;
    for (const Bytes& value : values) expected.push_back(validator.check("key", {}, value));
    std::atomic<bool> differs{false};
    std::vector<std::thread> all;
    for (size_t i = 0; i < threads; ++i) {
        all.emplace_back([&] {
            for (size_t at = 0; at < values.size(); ++at) {
                if (validator.check("key", {}, values[at]) != expected[at]) differs = true;
            }
        });
    }
    for (std::thread& thread : all) thread.join();
    require(!differs, "threads that check at once hear something else");
}

}  // namespace

Report check_validator(const ValidatorSuite& suite) {
    Report report;
    std::mt19937_64 random(suite.seed);
    if (BELFRY_HAS(suite.table, belfry_validator_v1, configure)) {
        run_check(report, "validator: a setting that it does not know is refused by name", [&] {
            belfry_error error;
            clear(error);
            const belfry_setting unknown = {"no_such_setting", "1"};
            const belfry_status status = suite.table->configure(nullptr, &unknown, 1, &error);
            require(status == BELFRY_INVALID_ARGUMENT, "configure took a setting that no plugin has");
            require(std::string_view(error.message).find("no_such_setting") != std::string_view::npos,
                    "configure refused a setting without naming it");
        });
    }
    run_check(report, "validator: specs of any octets are taken, or refused with a sentence", [&] {
        for (size_t i = 0; i < random_specs; ++i) check_spec(*suite.table, random_document(random, 80), random);
    });
    run_check(report, "validator: the specs that were given are taken, and say the same of a value each time", [&] {
        for (const std::string& spec : suite.specs) {
            const ValidatorDriver validator(*suite.table, spec);
            require(validator.ok(), "'" + spec + "' is refused: " + validator.compiled.sentence);
            check_spec(*suite.table, spec, random);
        }
    });
    run_check(report, "validator: several threads may check at once", [&] {
        for (const std::string& spec : suite.specs) check_threads(*suite.table, spec, random);
    });
    run_check(report, "validator: specs that are taken, refused and asked leave no memory and no threads behind", [&] {
        std::vector<Bytes> specs(suite.specs.begin(), suite.specs.end());
        while (specs.size() < leak_specs) specs.push_back(random_document(random, 80));
        const auto work = [&] {
            for (const Bytes& spec : specs) {
                const ValidatorDriver validator(*suite.table, spec);
                if (validator.ok()) (void)validator.check("key", "1", "{\"a\":1}");
            }
        };
        require_no_leak("compile, check and close", validator_leak_rounds, work);
        require_threads_end("a validator that was closed", work);
    });
    return report;
}

}  // namespace belfry::testing

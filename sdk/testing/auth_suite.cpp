#include "sdk/testing/auth_suite.hpp"

#include <atomic>
#include <random>
#include <thread>
#include <vector>

#include "sdk/plugin/plugin.hpp"
#include "sdk/testing/leaks.hpp"

namespace belfry::testing {

namespace {

constexpr size_t random_records = 5000;
constexpr size_t records_at_once = 50;
constexpr size_t auth_leak_rounds = 16;  // each hashes a password
constexpr uint32_t actions[] = {BELFRY_ACTION_READ,  BELFRY_ACTION_WRITE, BELFRY_ACTION_DELETE,
                                BELFRY_ACTION_WATCH, BELFRY_ACTION_LEASE, BELFRY_ACTION_ADMIN};

struct AuthAnswer {
    belfry_status status = BELFRY_OK;
    std::string sentence;
    friend bool operator==(const AuthAnswer&, const AuthAnswer&) = default;
};

struct Record {
    Bytes name;
    Bytes content;
    bool removed = false;
};

class AuthDriver {
public:
    explicit AuthDriver(const belfry_auth_v1& table) : table_(table) {
        const AuthAnswer opened = ask([&](belfry_error* error) { return table_.open(nullptr, nullptr, 0, &auth_, error); });
        require(opened.status == BELFRY_OK, "open without settings is refused: " + opened.sentence);
        require(auth_ != nullptr, "open answered ok but gave nothing");
        const int32_t open = table_.is_open(auth_);
        require(open == 0 || open == 1, "is_open answers neither 0 nor 1");
        is_open = open == 1;
    }
    ~AuthDriver() {
        if (auth_ != nullptr) table_.close(auth_);
    }
    AuthDriver(const AuthDriver&) = delete;
    AuthDriver& operator=(const AuthDriver&) = delete;

    AuthAnswer load(bool all, const std::vector<Record>& records) {
        std::vector<belfry_auth_record> list;
        for (const Record& record : records) {
            list.push_back({plugin::to_c(record.name), plugin::to_c(record.content), record.removed ? 1 : 0, 0});
        }
        return ask([&](belfry_error* error) { return table_.load(auth_, all ? 1 : 0, list.data(), list.size(), error); });
    }
    AuthAnswer check_record(BytesView name, BytesView content) const {
        return ask([&](belfry_error* error) {
            return table_.check_record(auth_, plugin::to_c(name), plugin::to_c(content), error);
        });
    }
    AuthAnswer authenticate(BytesView name, BytesView password) const {
        return ask([&](belfry_error* error) {
            return table_.authenticate(auth_, plugin::to_c(name), plugin::to_c(password), error);
        });
    }
    AuthAnswer stamp(BytesView user) const {
        uint64_t stamp = 0;
        return ask([&](belfry_error* error) { return table_.stamp(auth_, plugin::to_c(user), &stamp, error); });
    }
    AuthAnswer user_of_key(BytesView key) const {
        belfry_bytes user{nullptr, 0};
        return ask([&](belfry_error* error) { return table_.user_of_key(auth_, plugin::to_c(key), &user, error); });
    }
    // `end` nullptr = the one key.
    AuthAnswer authorize(BytesView user, uint32_t action, BytesView begin, const BytesView* end) const {
        const belfry_bytes last = end == nullptr ? belfry_bytes{nullptr, 0} : plugin::to_c(*end);
        return ask([&](belfry_error* error) {
            return table_.authorize(auth_, plugin::to_c(user), action, plugin::to_c(begin),
                                    end == nullptr ? nullptr : &last, error);
        });
    }
    bool still_open() const { return table_.is_open(auth_) == 1; }

    bool is_open = false;

private:
    template <class Call>
    static AuthAnswer ask(Call call) {
        belfry_error error;
        error.struct_size = sizeof(error);
        error.reserved = 0;
        error.message[0] = '\0';
        AuthAnswer answer;
        answer.status = call(&error);
        answer.sentence = answer.status == BELFRY_OK ? "" : error.message;
        require(answer.status == BELFRY_OK || !answer.sentence.empty(), "a refusal without a sentence");
        return answer;
    }

    const belfry_auth_v1& table_;
    belfry_auth* auth_ = nullptr;
};

Bytes random_bytes(std::mt19937_64& random, size_t size_max) {
    Bytes bytes(random() % (size_max + 1), '\0');
    const bool any = random() % 4 == 0;
    constexpr BytesView common = "abc/._-@\x01\x02\x91\x92\x93\x94\xa1\xc2\xc3\xc4\x20\0";
    for (char& octet : bytes) octet = any ? static_cast<char>(random()) : common[random() % common.size()];
    return bytes;
}

Record random_record(std::mt19937_64& random) {
    constexpr BytesView kinds[] = {"auth/user/", "auth/role/", "auth/password/", "auth/key/", "auth/", "policy/", ""};
    Record record;
    record.name = Bytes(kinds[random() % std::size(kinds)]) + random_bytes(random, 4);
    record.removed = random() % 4 == 0;
    if (!record.removed) record.content = random_bytes(random, 30);
    return record;
}

void ask_everything(const AuthDriver& auth, BytesView user, std::mt19937_64& random) {
    (void)auth.stamp(user);
    (void)auth.user_of_key(user);
    const Bytes begin = random_bytes(random, 6) + "x";
    const Bytes later = begin + "y";
    const BytesView end = later;
    const BytesView none;
    for (const uint32_t action : actions) {
        for (const BytesView* to : {static_cast<const BytesView*>(nullptr), &end, &none}) {
            const AuthAnswer answer = auth.authorize(user, action, begin, to);
            require(answer.status == BELFRY_OK || answer.status == BELFRY_DENIED || answer.status == BELFRY_UNAUTHENTICATED,
                    "authorize answers " + std::to_string(answer.status) + ": " + answer.sentence);
            require(auth.authorize(user, action, begin, to) == answer, "authorize says two things of one question");
        }
    }
}

void check_empty(const belfry_auth_v1& table) {
    const AuthDriver auth(table);
    if (auth.is_open) return;
    const BytesView none;
    require(auth.authenticate("ann", "correct horse").status == BELFRY_UNAUTHENTICATED, "somebody may log in");
    require(auth.stamp("ann").status == BELFRY_UNAUTHENTICATED, "somebody is known");
    require(auth.user_of_key("key").status == BELFRY_UNAUTHENTICATED, "a key is known");
    for (const uint32_t action : actions) {
        require(auth.authorize("ann", action, "k", nullptr).status != BELFRY_OK, "an unknown user may do something");
        require(auth.authorize("", action, "k", &none).status != BELFRY_OK, "nobody may do something");
    }
}

void check_octets(const belfry_auth_v1& table, std::mt19937_64& random) {
    AuthDriver auth(table);
    for (size_t i = 0; i < random_records; i += records_at_once) {
        std::vector<Record> records;
        for (size_t n = 0; n < records_at_once; ++n) {
            records.push_back(random_record(random));
            (void)auth.check_record(records.back().name, records.back().content);
        }
        (void)auth.load(random() % 8 == 0, records);
        require(auth.still_open() == auth.is_open, "is_open changes its mind");
        ask_everything(auth, random_bytes(random, 4), random);
    }
}

void check_threads(const belfry_auth_v1& table, std::mt19937_64& random) {
    AuthDriver auth(table);
    std::atomic<bool> stop{false}, failed{false};
    const auto log_in = [&] {
        try {
            while (!stop) (void)auth.authenticate("a", "a password");
        } catch (const CheckFailed&) {
            failed = true;
        }
    };
    struct Threads {  // end also when a check fails
        std::atomic<bool>& stop;
        std::vector<std::thread> all;
        ~Threads() {
            stop = true;
            for (std::thread& thread : all) thread.join();
        }
    };
    {
        Threads threads{stop, {}};
        for (size_t i = 0; i < 2; ++i) threads.all.emplace_back(log_in);
        for (size_t i = 0; i < 200; ++i) {
            std::vector<Record> records(records_at_once);
            for (Record& record : records) record = random_record(random);
            (void)auth.load(i % 2 == 0, records);
            ask_everything(auth, "a", random);
        }
    }
    require(!failed, "authenticate refused without a sentence");
}

void check_leaks(const belfry_auth_v1& table, std::mt19937_64& random) {
    std::vector<Record> records(records_at_once);
    for (Record& record : records) record = random_record(random);
    const auto work = [&] {
        std::mt19937_64 questions(1);
        AuthDriver auth(table);
        (void)auth.load(true, records);
        (void)auth.load(true, {});
        for (const Record& record : records) (void)auth.check_record(record.name, record.content);
        ask_everything(auth, "a", questions);
        (void)auth.authenticate("a", "a password");
    };
    require_no_leak("open, load, ask and close", auth_leak_rounds, work);
    require_threads_end("authentication that was closed", work);
}

void check_settings(const belfry_auth_v1& table) {
    const belfry_setting strange{"no-such-setting-as-this", "1"};
    belfry_auth* auth = nullptr;
    belfry_error error{};
    error.struct_size = sizeof(error);
    const belfry_status status = table.open(nullptr, &strange, 1, &auth, &error);
    if (status == BELFRY_OK) table.close(auth);
    require(status == BELFRY_INVALID_ARGUMENT, "an unknown setting is taken");
    require(BytesView(error.message).find("no-such-setting-as-this") != BytesView::npos, "the refusal does not name it");
}

}  // namespace

Report check_auth(const AuthSuite& suite) {
    Report report;
    std::mt19937_64 random(suite.seed);
    run_check(report, "auth: an unknown setting is refused by name", [&] { check_settings(*suite.table); });
    run_check(report, "auth: without records nobody is anybody", [&] { check_empty(*suite.table); });
    run_check(report, "auth: records of any octets are taken or refused, and questions have one answer",
              [&] { check_octets(*suite.table, random); });
    run_check(report, "auth: passwords are checked while records change", [&] { check_threads(*suite.table, random); });
    run_check(report, "auth: what is closed leaves no memory and no threads", [&] { check_leaks(*suite.table, random); });
    return report;
}

}  // namespace belfry::testing

// belfry_auth_bench: what auth_rbac costs. Two hubs, one that asks nobody and one with 1,000 roles and 10,000 users, take
// the same load (`belfry bench`) in turns, so that what else the machine does meets both. Prints a line for each kind of
// request: the median rates, the median of the ratios of each pair of turns, and the hub's CPU for a request, which the
// disk does not move. docs/auth.md has the figures. What both leave on the disk goes to $TMPDIR.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <future>

#include "sdk/auth/secrets.hpp"
#include "sdk/protocol/auth_records.hpp"
#include "tests/support/hub_process.hpp"

using namespace belfry;
using namespace belfry::test;

namespace {

constexpr size_t roles_count = 1000;
constexpr size_t users_count = 10'000;
constexpr size_t roles_per_user = 5;
constexpr size_t permissions_per_role = 4;
constexpr int rounds = 21;
const char* const password = "correct horse";

void must(bool condition, const std::string& what) {
    if (condition) return;
    std::fprintf(stderr, "belfry_auth_bench: %s\n", what.c_str());
    std::exit(1);
}

void set_all(Client& client, const std::vector<std::pair<Bytes, Bytes>>& records) {
    std::vector<std::future<Result<protocol::Reply>>> answers;
    for (const auto& [name, content] : records) {
        answers.push_back(client.send(protocol::RecordChangeRequest{name, false, content, {}}));
    }
    for (auto& answer : answers) {
        const auto reply = answer.get();
        must(reply && reply->error.code == Code::ok, "a record is refused");
    }
}

// The user of the load is one of many, and his permission one of many of his.
void fill(const HubProcess& hub) {
    const auto client = hub.client(std::chrono::seconds(60));
    std::vector<std::pair<Bytes, Bytes>> records;
    for (size_t i = 0; i < roles_count; ++i) {
        auth::Role role;
        for (size_t n = 0; n < permissions_per_role; ++n) {
            const Bytes folder = "team" + std::to_string(i) + "/part" + std::to_string(n) + "/";
            role.permissions.push_back({7, KeyRange::prefix(folder)});
        }
        if (i == 500) role.permissions.push_back({7, KeyRange::prefix("bench/")});
        records.emplace_back(Bytes(auth::role_prefix) + "role" + std::to_string(i), auth::encode_role(role));
    }
    set_all(*client, std::exchange(records, {}));
    for (size_t i = 0; i < users_count; ++i) {
        auth::User user;
        for (size_t n = 0; n < roles_per_user; ++n)
            user.roles.push_back("role" + std::to_string((i + n * 7) % roles_count));
        records.emplace_back(Bytes(auth::user_prefix) + "user" + std::to_string(i), auth::encode_user(user));
        if (records.size() == 2000) set_all(*client, std::exchange(records, {}));
    }
    const auto hash = auth::hash_password(password);
    must(hash.ok(), "no password");
    records.emplace_back(Bytes(auth::password_prefix) + "user500", auth::encode_password(*hash));
    set_all(*client, records);
}

double rate_of(const HubProcess& hub, const std::string& kind, const std::string& count, const std::string& in_flight,
               const std::string& password_file) {
    std::vector<std::string> line = {program("belfry"),
                                     "bench",
                                     kind,
                                     "--count",
                                     count,
                                     "--in-flight",
                                     in_flight,
                                     "--endpoint",
                                     hub.client_options().endpoints[0],
                                     "--feed",
                                     hub.client_options().feed_endpoints[0],
                                     "--keys",
                                     "1000",
                                     "-o",
                                     "json"};
    if (!hub.root_token().empty()) line.insert(line.end(), {"--user", "user500", "--password-file", password_file});
    const Outcome outcome = run_program(std::move(line), 300);
    must(outcome.exit_code == 0, outcome.output);
    const std::string field = "\"per_second\":";
    const size_t at = outcome.output.find(field);
    must(at != std::string::npos, "no rate in: " + outcome.output);
    return std::stod(outcome.output.substr(at + field.size()));
}

double median(std::vector<double> numbers) {
    std::nth_element(numbers.begin(), numbers.begin() + static_cast<long>(numbers.size() / 2), numbers.end());
    return numbers[numbers.size() / 2];
}

}  // namespace

int main() {
    const TemporaryDirectory directory;
    const std::string password_file = directory.path() + "/password";
    must(::system(("umask 077; echo '" + std::string(password) + "' > " + password_file).c_str()) == 0, "no file");
    HubProcess open(directory.path() + "/open");
    HubProcess asking(directory.path() + "/asking", {"auth.plugin=auth_rbac"});
    must(open.start() && asking.start(), "a hub does not start: " + open.log() + asking.log());
    fill(asking);
    std::printf("%zu roles of %zu permissions, %zu users of %zu roles; medians of %d rounds in turns\n\n", roles_count,
                permissions_per_role, users_count, roles_per_user, rounds);
    std::puts("| | auth_open | auth_rbac | pairs | CPU us each, auth_open | auth_rbac |\n|---|---|---|---|---|---|");
    struct Load {
        const char* kind;
        const char* count;
        const char* in_flight;
    };
    for (const Load& load :
         {Load{"put", "40000", "256"}, Load{"get", "60000", "256"}, Load{"put", "2000", "1"}, Load{"get", "5000", "1"}}) {
        std::vector<double> rates[2], cpu[2], ratios;
        for (int round = 0; round < rounds; ++round) {
            for (const int turn : {round % 2, 1 - round % 2}) {
                HubProcess& hub = turn == 0 ? open : asking;
                const double before = cpu_seconds(hub.process().pid());
                rates[turn].push_back(rate_of(hub, load.kind, load.count, load.in_flight, password_file));
                cpu[turn].push_back((cpu_seconds(hub.process().pid()) - before) * 1e6 / std::stod(load.count));
            }
            ratios.push_back(rates[1].back() / rates[0].back());
        }
        std::printf("| %s/s, %s in flight | %.0f | %.0f | %+.1f %% | %.2f | %.2f |\n", load.kind, load.in_flight,
                    median(rates[0]), median(rates[1]), 100 * (median(ratios) - 1), median(cpu[0]), median(cpu[1]));
        std::fflush(stdout);
    }
    return 0;
}

#include "sdk/testing/transport_suite.hpp"

#include <chrono>
#include <cstring>

#include "sdk/testing/leaks.hpp"
#include "sdk/testing/transport_driver.hpp"

namespace belfry::testing {

namespace {

using Settings = std::vector<std::pair<std::string, std::string>>;

constexpr uint64_t nobody = 4711;  // a connection that never was

Settings settings_for(const std::string& request, const std::string& feed) {
    return {{"request_endpoint", request}, {"feed_endpoint", feed}, {"insecure", "false"}};
}

class Checks {
public:
    explicit Checks(const TransportSuite& suite) : table_(*suite.table) {
        settings_ = settings_for("tcp://127.0.0.1:*", "tcp://127.0.0.1:*");
        if (const auto opened = try_open(settings_); !opened && opened.error().code == Code::invalid_argument)
            settings_ = settings_for("ipc://" + suite.directory + "/request", "ipc://" + suite.directory + "/feed");
    }

    // What an operator names a place by, he gets; twice at one time he does not.
    void opens_and_says_where() {
        auto first = open(settings_);
        if (!has_endpoints()) return;
        const Settings place = settings_for(first.endpoint("request"), first.endpoint("feed"));
        require(!place[0].second.empty() && !place[1].second.empty(), "endpoints must say 'request=PLACE feed=PLACE'");
        const auto second = try_open(place);
        require(!second, "a second one opens where the first one listens");
        require(second.error().code == Code::conflict,
                "a place in use must be CONFLICT, it is " + to_string(second.error()));
        require(!second.error().detail.empty(), "a place in use is refused without a sentence");
        first.close();
        open(place);
    }

    void refuses_unknown_settings() {
        Settings settings = settings_;
        settings.emplace_back("frobnicate", "1");
        const auto opened = try_open(settings);
        require(!opened && opened.error().code == Code::invalid_argument,
                "an unknown setting must be INVALID_ARGUMENT, or a slip of the pen goes unseen");
        require(opened.error().detail.find("frobnicate") != std::string::npos,
                "the sentence must name the unknown setting: " + opened.error().detail);
    }

    void releases_frames() {
        constexpr uint64_t rounds = 1000;
        const bool knows_keys = BELFRY_HAS(&table_, belfry_transport_v1, set_keys);
        const Bytes somebody(40, 'k');
        FrameSource source;
        auto transport = open(settings_);
        for (uint64_t round = 0; round < rounds; ++round) {
            transport.send(nobody, source.frame("to nobody"));
            transport.publish(source.frame("E1234567" + std::to_string(round % 10)));
            if (round % 3 == 0) transport.flush();
            // Whoever may read the feed, what is published comes back.
            if (knows_keys && round % 100 == 0) transport.set_keys(round % 200 != 0, {somebody}, {somebody});
        }
        transport.close();
        require(source.released() == source.made(),
                std::to_string(source.made()) + " frames were given, " + std::to_string(source.released()) + " released");
        require(host_.frames(0).empty(), "the host heard a client that is none");
    }

    void closes_soon() {
        constexpr auto close_max = std::chrono::seconds(2);  // 200 ms, and threads that end on a busy machine
        FrameSource source;
        auto transport = open(settings_);
        for (int i = 0; i < 100; ++i) transport.publish(source.frame(Bytes(100'000, 'E')));
        const auto start = std::chrono::steady_clock::now();
        transport.close();
        require(std::chrono::steady_clock::now() - start < close_max, "close takes longer than 2 s");
        require(source.released() == source.made(), "frames that were never flushed are not released");
    }

    void leaves_nothing() {
        constexpr size_t rounds = 20;
        const auto work = [&] {
            FrameSource source;
            auto transport = open(settings_);
            transport.publish(source.frame("E12345678"));
            transport.send(nobody, source.frame("to nobody"));
            transport.flush();
            transport.close();
        };
        require_no_leak("open, publish, send and close", rounds, work);
        require_threads_end("a transport that was closed", work);
    }

    void keeps_to_its_room() {
        constexpr unsigned char untouched = 0xa5;
        constexpr uint32_t room = 16;  // struct_size, reserved and one figure
        auto transport = open(settings_);
        belfry_transport_stats stats;
        std::memset(&stats, untouched, sizeof stats);
        stats.struct_size = room;
        belfry_error error = {sizeof error, 0, {}};
        require(table_.stats(transport.raw(), &stats, &error) == BELFRY_OK, "stats failed: " + std::string(error.message));
        const auto* octets = reinterpret_cast<const unsigned char*>(&stats);
        for (size_t i = room; i < sizeof stats; ++i) require(octets[i] == untouched, "stats writes past struct_size");
        require(stats.struct_size <= room, "stats raises struct_size");
        if (!has_endpoints()) return;
        char text[8] = {'\0', '\0', '\0', '\0', '!', '!', '!', '!'};
        const belfry_status status = table_.endpoints(transport.raw(), text, 4, &error);
        require(status == BELFRY_TOO_LARGE, "endpoints must answer TOO_LARGE where it does not fit");
        require(std::memcmp(text + 4, "!!!!", 4) == 0, "endpoints writes past its capacity");
    }

private:
    bool has_endpoints() const { return BELFRY_HAS(&table_, belfry_transport_v1, endpoints); }
    Result<OpenTransport> try_open(const Settings& settings) { return OpenTransport::open(table_, host_, settings); }
    OpenTransport open(const Settings& settings) {
        auto opened = try_open(settings);
        require(opened.ok(), opened ? "" : "open failed: " + to_string(opened.error()));
        return std::move(*opened);
    }

    const belfry_transport_v1& table_;
    Settings settings_;
    RecordingHost host_;
};

}  // namespace

Report check_transport(const TransportSuite& suite) {
    Report report;
    Checks checks(suite);
    run_check(report, "opens, says where, and nobody else opens there", [&] { checks.opens_and_says_where(); });
    run_check(report, "settings: an unknown one is refused by name", [&] { checks.refuses_unknown_settings(); });
    run_check(report, "frames: each is released once, also those for nobody", [&] { checks.releases_frames(); });
    run_check(report, "close: soon, with frames that were not flushed", [&] { checks.closes_soon(); });
    run_check(report, "close: leaves no memory and no threads behind", [&] { checks.leaves_nothing(); });
    run_check(report, "struct_size and capacity: nothing is written past them", [&] { checks.keeps_to_its_room(); });
    return report;
}

}  // namespace belfry::testing

#include <signal.h>

#include <algorithm>

#include "sdk/cli/child_process.hpp"
#include "sdk/cli/delivery_queue.hpp"
#include "sdk/cli/holding.hpp"
#include "sdk/cli/service.hpp"
#include "sdk/cli/stop_signal.hpp"
#include "sdk/cli/text.hpp"
#include "sdk/discovery/registry.hpp"

namespace belfry::cli {
namespace {

using namespace std::chrono_literals;

struct NewState {
    RegistrationState state;
    Error reason;
};
using StateQueue = PrintQueue<NewState>;

Error wrong(std::string sentence) { return {Code::invalid_argument, std::move(sentence)}; }

Result<uint32_t> small_number(const Context& context, const char* flag, uint32_t fallback, uint32_t number_max) {
    const uint64_t number = context.arguments.number(flag, fallback);
    if (number <= number_max) return static_cast<uint32_t>(number);
    return wrong("--" + std::string(flag) + ": " + std::to_string(number_max) + " at most");
}

// What instances look like is checked by the registry.
Result<Instance> instance_of(const Context& context) {
    if (!context.has("address") || !context.has("port")) return wrong("--address and --port are wanted");
    const auto port = small_number(context, "port", 0, UINT16_MAX);
    if (!port) return port.error();
    const auto weight = small_number(context, "weight", Instance().weight, limits::instance_weight_max);
    if (!weight) return weight.error();
    Instance instance;
    instance.service = context.word(1);
    instance.id = context.has("id") ? context.arguments.text("id") : make_instance_id();
    instance.address = context.arguments.text("address");
    instance.port = static_cast<uint16_t>(*port);
    instance.weight = *weight;
    for (const std::string& label : context.arguments.all("label")) {
        const size_t equals = label.find('=');
        if (equals == std::string::npos) return wrong("--label: write NAME=VALUE, not '" + printable(label, 80) + "'");
        instance.labels[label.substr(0, equals)] = label.substr(equals + 1);
    }
    if (const Status good = check_instance(instance); !good) return good.error();
    return instance;
}

// --check
using CheckKind = decltype(Check::what);

Result<CheckKind> tcp_check(const std::string& place, const Instance& instance) {
    if (place.empty()) return CheckKind(TcpCheck{instance.address, instance.port});
    const size_t colon = place.rfind(':');
    const auto port = parse_number(colon == std::string::npos ? "" : place.substr(colon + 1));
    if (!port || *port > UINT16_MAX) return wrong("--check: tcp=HOST:PORT is wanted, not '" + printable(place, 80) + "'");
    std::string host = place.substr(0, colon);
    if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
    return CheckKind(TcpCheck{host, static_cast<uint16_t>(*port)});
}

Result<CheckKind> kind_of(const std::string& text, const Instance& instance) {
    const size_t equals = text.find('=');
    const std::string kind = text.substr(0, equals);
    const std::string rest = equals == std::string::npos ? "" : text.substr(equals + 1);
    if (kind == "tcp") return tcp_check(rest, instance);
    if (kind == "http") return CheckKind(HttpCheck{rest});
    if (kind == "command") return CheckKind(CommandCheck{split(rest, ' ')});
    return wrong("--check: write tcp, tcp=HOST:PORT, http=URL or command='PROGRAM WORD...'");
}

Result<RegistrationOptions> options_of(const Context& context, const Instance& instance) {
    RegistrationOptions options;
    const auto ttl = lease_ttl(context);
    if (!ttl) return ttl.error();
    options.ttl = *ttl;
    options.withdraw_after = context.arguments.duration("withdraw-after", options.withdraw_after);
    for (const std::string& text : context.arguments.all("check")) {
        const auto kind = kind_of(text, instance);
        if (!kind) return kind.error();
        Check check;
        check.what = *kind;
        check.interval = context.arguments.duration("interval", check.interval);
        check.timeout = context.arguments.duration("check-timeout", std::min(check.timeout, check.interval));
        const auto failures =
            small_number(context, "failures", check.damping.failures_before_critical, limits::findings_in_a_row_max);
        const auto successes =
            small_number(context, "successes", check.damping.successes_before_passing, limits::findings_in_a_row_max);
        if (!failures) return failures.error();
        if (!successes) return successes.error();
        check.damping = {*failures, *successes};
        if (const Status good = validate_check(check); !good) return good.error();
        options.checks.push_back(std::move(check));
    }
    return options;
}

void print_registered(Context& context, const Instance& instance) {
    if (context.settings.json) {
        JsonWriter json;
        json.begin_object().field("service", instance.service).field("id", instance.id);
        json.field("address", instance.address).field("port", unsigned{instance.port}).end_object();
        context.line(json.take());
    } else {
        context.line("OK " + instance.service + "/" + instance.id + " " + host_and_port(instance));
    }
    context.out.flush();
}

// True: somebody else has its id now.
bool say(const Context& context, const NewState& news) {
    if (news.state == RegistrationState::displaced) return true;
    std::string sentence(to_string(news.state));
    if (news.reason.code != Code::ok) sentence += ": " + printable(to_string(news.reason));
    context.note(sentence);
    return false;
}

Exit run_without_command(Context& context, StateQueue& states, Registration& registration) {
    while (!stop_requested() && context.is_read()) {
        const auto news = states.pop(signal_poll);
        if (news && say(context, *news)) return context.fail(news->reason);
    }
    states.close();
    const Status gone = registration.deregister();
    return gone ? Exit::ok : context.fail(gone.error());
}

// A stop signal is handed on when nobody finds the instance any more.
Exit run_command(Context& context, StateQueue& states, Registration& registration) {
    const auto& words = context.arguments.words();
    const Instance instance = registration.instance();
    auto child = ChildProcess::start({words.begin() + 2, words.end()},
                                     {{"BELFRY_SERVICE", instance.service}, {"BELFRY_SERVICE_ID", instance.id}});
    if (!child) return context.fail(child.error());
    registration.report(Health::passing);
    for (bool told = false;;) {
        if (const auto code = child->wait(signal_poll)) {
            states.close();
            if (const Status gone = registration.deregister(); !gone) context.note("deregister: " + gone.error().detail);
            return static_cast<Exit>(*code);
        }
        const auto news = states.pop(0ms);
        if (news && say(context, *news)) context.note("displaced: " + news->reason.detail + "; the command goes on");
        if (!stop_requested() || std::exchange(told, true)) continue;
        states.close();
        if (const Status gone = registration.deregister(); !gone) context.note("deregister: " + gone.error().detail);
        child->signal(SIGTERM);
    }
}

}  // namespace

Exit register_service(Context& context) {
    auto instance = instance_of(context);
    if (!instance) return context.misuse(instance.error().detail);
    auto options = options_of(context, *instance);
    if (!options) return context.misuse(options.error().detail);
    catch_stop_signals();
    const bool has_command = context.arguments.words().size() > 2;
    if (has_command) {
        instance->health = Health::critical;
        instance->note = "the command is starting";
    }
    // Half the time to live at most: otherwise one member that is silent costs all of it.
    const auto timeout =
        std::min<std::chrono::milliseconds>(context.settings.timeout, std::chrono::milliseconds(options->ttl) / 2);
    auto client = context.connect(context.settings.endpoints, timeout);
    if (!client) return context.fail(client.error());
    auto states = std::make_shared<StateQueue>();
    options->on_state = [states](RegistrationState state, const Error& reason) { states->push({state, reason}); };
    const auto registration = Registry(*client).register_instance(*std::move(instance), *std::move(options));
    if (!registration) return context.fail(registration.error());
    (void)states->pop(signal_poll);  // that it is registered
    if (has_command) return run_command(context, *states, **registration);
    print_registered(context, (*registration)->instance());
    return run_without_command(context, *states, **registration);
}

}  // namespace belfry::cli

#include <atomic>
#include <csignal>
#include <thread>

#include "sdk/agent/agent.hpp"
#include "sdk/base/open_files.hpp"
#include "sdk/cli/commands.hpp"
#include "sdk/cli/json_writer.hpp"
#include "sdk/cli/stop_signal.hpp"

namespace belfry::cli {
namespace {

using namespace std::chrono_literals;

constexpr Flag agent_flags[] = {
    {"config", FlagKind::text, "FILE", "the services of this machine, and [dns] (docs/agent.md)"},
    {"dns", FlagKind::text, "ADDRESS:PORT", "answer DNS there, by UDP and TCP, instead of where the file says"},
    {"check-config", FlagKind::toggle, "", "read FILE, say what is wrong, and end"},
};

std::atomic<bool> reload_asked = false;

void catch_reload_signal() {
    struct sigaction action {};
    action.sa_handler = [](int) { reload_asked = true; };
    sigemptyset(&action.sa_mask);
    sigaction(SIGHUP, &action, nullptr);
}

// Of the file, and of --dns, which stands before it.
Result<agent::AgentSettings> settings_of(const Context& context) {
    auto settings = agent::read_settings(context.arguments.text("config"));
    if (!settings || !context.has("dns")) return settings;
    settings->dns.listen = context.arguments.text("dns");
    if (const Status good = dns::check_address(settings->dns.listen); !good)
        return Error{good.error().code, "--dns: " + good.error().detail};
    return settings;
}

// Half of the shortest time to live at most: otherwise one member that is silent costs all of it.
std::chrono::milliseconds timeout_for(const Context& context, const agent::AgentSettings& settings) {
    std::chrono::milliseconds timeout = context.settings.timeout;
    for (const auto& service : settings.services)
        timeout = std::min<std::chrono::milliseconds>(timeout, service.ttl * 500 / 1s * 1ms);
    return timeout;
}

void say(Context& context, const std::string& line) {
    context.line(context.settings.json ? JsonWriter().begin_object().field("said", line).end_object().take() : line);
    context.out.flush();
}

void reload(Context& context, agent::Agent& agent) {
    const auto settings = settings_of(context);
    if (!settings) return context.note(settings.error().detail + "; everything stays as it was");
    if (const Status applied = agent.apply(*settings); !applied) context.note(applied.error().detail);
    context.note("reloaded, services: " + std::to_string(agent.services()));
}

Exit run_agent(Context& context) {
    if (!context.has("config")) return context.misuse("--config FILE must be there");
    const auto settings = settings_of(context);
    if (!settings) return context.fail(settings.error());
    if (context.has("check-config")) {
        const size_t services = settings->services.size();
        context.line(context.settings.json ? JsonWriter().begin_object().field("services", services).end_object().take()
                                           : "OK services: " + std::to_string(services));
        return Exit::ok;
    }
    if (settings->services.empty() && settings->dns.listen.empty())
        return context.misuse("there is nothing to do: neither a [[service]] nor DNS");
    catch_stop_signals();
    catch_reload_signal();
    raise_open_files_limit();
    auto client = context.connect(context.settings.endpoints, timeout_for(context, *settings));
    if (!client) return context.fail(client.error());
    auto agent = agent::Agent::start(*client, *settings, [&context](const std::string& line) { say(context, line); });
    if (!agent) return context.fail(agent.error());
    while (!stop_requested() && context.is_read()) {
        if (reload_asked.exchange(false)) reload(context, **agent);
        std::this_thread::sleep_for(signal_poll);
    }
    agent->reset();
    return Exit::ok;
}

}  // namespace

const Command agent_command = {
    .name = "agent",
    .summary = "keep this machine's services registered, and answer DNS",
    .usage = "--config FILE [--dns ADDRESS:PORT] [--check-config]",
    .details =
        "Runs beside the applications of a machine until Ctrl-C or SIGTERM: registers the services of FILE, checks them,\n"
        "and answers DNS questions about all services. SIGHUP reads FILE again; where something is wrong with it, that is\n"
        "said with file, line and key, and everything stays as it was. It starts whole or not at all. A hub that does not\n"
        "answer is waited for. At the end everything is deregistered.\n\n"
        "  belfry agent --config /etc/belfry/agent.toml --dns 127.0.0.1:8600\n"
        "  belfry agent --config agent.toml --check-config\n"
        "  dig @127.0.0.1 -p 8600 web.service.belfry SRV\n\n"
        "  # agent.toml\n"
        "  [[service]]\n"
        "  name = \"web\"\n"
        "  address = \"10.0.0.5\"\n"
        "  port = 80\n"
        "  [[service.check]]\n"
        "  http = \"http://127.0.0.1:80/health\"",
    .flags = agent_flags,
    .words_max = 0,
    .run = run_agent,
};

}  // namespace belfry::cli

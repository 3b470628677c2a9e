#include "sdk/agent/agent.hpp"

#include <future>

namespace belfry::agent {
namespace {

std::string name_of(const Instance& instance) { return instance.service + "/" + instance.id; }

std::pair<std::string, std::string> key_of(const Instance& instance) { return {instance.service, instance.id}; }

}  // namespace

Agent::Agent(std::shared_ptr<Client> client, Say say)
    : client_(std::move(client)), say_(std::move(say)), registry_(client_), views_(client_) {}

Agent::~Agent() {
    dns_.reset();
    std::vector<Running> all;
    for (auto& [key, running] : running_) all.push_back(std::move(running));
    end(std::move(all));
}

// All at once: a hub that does not answer is waited for once.
void Agent::end(std::vector<Running> going) {
    std::vector<std::future<void>> ends;  // services_max at most
    for (const Running& one : going) {
        ends.push_back(std::async(std::launch::async, [this, &one] {
            const bool displaced = one.registration->state() == RegistrationState::displaced;
            const Status gone = one.registration->deregister();
            const std::string name = name_of(one.settings.instance);
            if (gone && !displaced) tell(name + ": deregistered");
            if (gone) return;
            tell(name + ": ended, but perhaps found until its lease ends (" + std::to_string(one.settings.ttl.count()) +
                 " s): " + to_string(gone.error()));
        }));
    }
}

void Agent::tell(const std::string& line) {
    const std::lock_guard lock(mutex_);
    say_(line);
}

Result<std::unique_ptr<Agent>> Agent::start(std::shared_ptr<Client> client, const AgentSettings& settings, Say say) {
    std::unique_ptr<Agent> agent(new Agent(std::move(client), std::move(say)));
    if (const Status served = agent->serve_dns(settings.dns); !served) return served.error();
    for (const ServiceSettings& service : settings.services) {
        if (const Status added = agent->add(service); !added) return added.error();
    }
    return agent;
}

Status Agent::serve_dns(const DnsSettings& settings) {
    dns_settings_ = settings;
    if (settings.listen.empty()) return {};
    auto responder = dns::Responder::create(settings.responder, [this](std::string_view service) {
        return views_.find(service, std::chrono::steady_clock::now());
    });
    if (!responder) return responder.error();
    auto server = dns::Server::start(settings.listen, *std::move(responder));
    if (!server) return server.error();
    dns_ = *std::move(server);
    tell("dns: port " + std::to_string(dns_->port()) + ", domain " + settings.responder.domain);
    return {};
}

Status Agent::add(const ServiceSettings& service) {
    const std::string name = name_of(service.instance);
    RegistrationOptions options;
    options.ttl = service.ttl;
    options.withdraw_after = service.withdraw_after;
    options.checks = service.checks;
    options.wait_for_hub = false;
    options.on_state = [this, name](RegistrationState state, const Error& reason) {
        const std::string why = reason.code == Code::ok ? "" : ": " + to_string(reason);
        tell(name + ": " + std::string(to_string(state)) + why);
    };
    auto registration = registry_.register_instance(service.instance, std::move(options));
    if (!registration) return Error{registration.error().code, name + ": " + registration.error().detail};
    running_.insert_or_assign(key_of(service.instance), Running{service, *std::move(registration)});
    return {};
}

Status Agent::apply(const AgentSettings& settings) {
    std::map<std::pair<std::string, std::string>, const ServiceSettings*> wanted;
    for (const ServiceSettings& service : settings.services) wanted[key_of(service.instance)] = &service;
    std::vector<Running> going;
    for (auto entry = running_.begin(); entry != running_.end();) {
        const auto still = wanted.find(entry->first);
        const bool same = still != wanted.end() && still->second->text == entry->second.settings.text;
        if (same && entry->second.registration->state() != RegistrationState::displaced) {
            ++entry;
            continue;
        }
        going.push_back(std::move(entry->second));
        entry = running_.erase(entry);
    }
    end(std::move(going));
    Status first;
    const auto note = [&](const Status& status) {
        if (!status && first) first = status;
    };
    for (const auto& [key, service] : wanted) {
        const auto known = running_.find(key);
        if (known == running_.end()) {
            note(add(*service));
            continue;
        }
        Running& running = known->second;
        if (running.settings.instance.weight != service->instance.weight)
            note(running.registration->set_weight(service->instance.weight));
        if (running.settings.instance.labels != service->instance.labels)
            note(running.registration->set_labels(service->instance.labels));
        running.settings = *service;
    }
    if (!(settings.dns == dns_settings_)) tell("dns: another [dns] is used from the next start on");
    return first;
}

}  // namespace belfry::agent

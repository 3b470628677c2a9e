// Who asks, and may he. Where nobody is asked (auth_open) all of this is one comparison.
//
//   a client's request   its frame's token, else its connection's public key ─▶ principal, who becomes the author
//   a forwarded one      the principal as the member it came to has found it
//   a write              authorised by the leader, from what it has applied (a new one: when its office begins)
//   a read               authorised by who answers, after the gate: it has seen every revoke that was acknowledged
//   a password           after the gate, on the shell's threads; the answer is a token, unless the user changed meanwhile
#include <algorithm>

#include "hub/core/impl.hpp"
#include "sdk/auth/secrets.hpp"

namespace belfry::hub::core {

namespace {

// Passwords that wait for a thread: each takes 50 to 100 ms of one, so that the last waits a second or two.
constexpr size_t logins_max = 32;
constexpr uint64_t secret_pause_ms = 1000;

}  // namespace

// ---- who asks ----

// False: it is answered.
bool Core::Impl::knows_caller(RequestReceived& input, Instant now, Output& output) {
    if (access_.is_open()) return true;
    const auto* login = std::get_if<protocol::AuthenticateRequest>(&input.request.op);
    if (login != nullptr && !login->name.empty()) return true;
    if (Status known = identify(input, now); !known) return refuse_caller(input, known.error(), output);
    if (needs_leader(input.request.op)) input.request.author = input.caller.principal->name;
    return true;
}

// The principal, by what this member has applied so far.
Status Core::Impl::identify(RequestReceived& input, Instant now) {
    Caller& caller = input.caller;
    if (caller.principal && caller.version == access_.version()) return {};
    // Of another member, or a write that was handed over with its leader's office: what it was shown is not here.
    const bool shows_nothing = caller.principal && !caller.credential && !caller.public_key;
    const bool forwarded = (input.connection & member_connection_bit) != 0;
    const Status known = forwarded || shows_nothing ? identify_forwarded(caller) : identify_client(caller, now);
    if (known) caller.version = access_.version();
    return known;
}

Status Core::Impl::identify_forwarded(const Caller& caller) const {
    if (caller.principal) return access_.still_good(*caller.principal);
    return Error{Code::unauthenticated,
                 "the member that this was sent to asks nobody who he is; set [auth] plugin in its belfry.toml as on the "
                 "others"};
}

Status Core::Impl::identify_client(Caller& caller, Instant now) {
    const bool same_frame = last_caller_.credential == caller.credential && last_caller_.public_key == caller.public_key;
    if (same_frame && last_caller_.version == access_.version() && last_identified_ms_ == now.wall_ms) {
        caller.principal = last_caller_.principal;
        return {};
    }
    const bool by_key = !caller.credential && caller.public_key;
    auto who = by_key ? access_.identify_key(*caller.public_key)
                      : access_.identify(caller.credential ? *caller.credential : Bytes(), now.wall_ms);
    if (!who) return who.error();
    caller.principal = *std::move(who);
    last_caller_ = {caller.credential, caller.public_key, caller.principal, access_.version()};
    last_identified_ms_ = now.wall_ms;
    return {};
}

// False: it is answered. REQUIRES: for reads: after the gate.
bool Core::Impl::is_permitted(RequestReceived& input, Instant now, Output& output) {
    if (access_.is_open()) return true;
    const auto* login = std::get_if<protocol::AuthenticateRequest>(&input.request.op);
    if (login != nullptr && !login->name.empty()) return true;
    if (Status known = identify(input, now); !known) return refuse_caller(input, known.error(), output);
    const Status allowed = access_.authorize(*input.caller.principal, input.request.op, [this](const auto& spec) {
        const auto filter = compile(spec);
        return filter ? Result<KeyRange>((*filter)->range()) : Result<KeyRange>(filter.error());
    });
    return allowed ? true : refuse_caller(input, allowed.error(), output);
}

// Of what was permitted when it came, and has waited: the answer is the same as long as no record has changed.
bool Core::Impl::is_still_permitted(RequestReceived& input, Instant now, Output& output) {
    return input.caller.version == access_.version() || is_permitted(input, now, output);
}

// REQUIRES: knows_caller().
bool Core::Impl::administrates(const Caller& caller) const {
    if (access_.is_open()) return true;
    const auto no_keys = [](const auto&) { return Result<KeyRange>(KeyRange::all()); };
    return access_.authorize(*caller.principal, protocol::RecordsRequest{}, no_keys).ok();
}

bool Core::Impl::refuse_caller(const RequestReceived& input, const Error& why, Output& output) {
    ++counters_.denied;
    const Principal* const who = input.caller.principal.get();
    output.audit.push_back(
        {Audit::Event::refused, who != nullptr ? who->name : Bytes(), name_of(input.request.op), input.connection, why});
    answer(input.connection, input.request.id, why, output);
    return false;
}

// To the transport, before anything of this round is published.
void Core::Impl::tell_keys(Output& output) {
    if (keys_version_ == access_.version()) return;
    const bool first = std::exchange(keys_version_, access_.version()) == 0;
    ClientKeys keys = access_.client_keys();
    if (!first && keys == keys_) return;
    keys_ = keys;
    output.keys = std::move(keys);
}

// The transport lets nobody else to the feed.
bool Core::Impl::may_have_feed(const Caller& caller) const {
    if (keys_.feed_open) return true;
    return caller.public_key && std::binary_search(keys_.feed.begin(), keys_.feed.end(), *caller.public_key);
}

// What administrators do without a log entry; what goes through the log is told when it is applied (apply.cpp).
void Core::Impl::audit_administration(const RequestReceived& input, std::string about, Output& output) {
    const Principal* const who = input.caller.principal.get();
    output.audit.push_back({Audit::Event::administration,
                            who != nullptr ? who->name : input.request.author,
                            std::move(about),
                            input.connection,
                            {}});
}

// ---- passwords and tokens ----

void Core::Impl::on_authenticate(RequestReceived& input, Instant now, Output& output) {
    auto& op = std::get<protocol::AuthenticateRequest>(input.request.op);
    const auto refuse_now = [&](Error why) { answer(input.connection, input.request.id, std::move(why), output); };
    if (access_.is_open()) {
        protocol::Reply reply{input.request.id, keyspace_.revision(), {}, protocol::AuthenticateReply{}};
        return deliver({input.connection, std::move(reply), {}}, output);
    }
    const uint64_t valid_ms = op.valid_ms != 0 ? op.valid_ms : belfry::limits::token_valid_ms;
    Login login{input.connection, input.request.id, op.name, valid_ms};
    if (op.name.empty()) {
        // A token would outlive the key when that is taken away.
        if (!input.caller.credential) {
            return refuse_now({Code::invalid_argument, "whoever is known by a key needs no token, and gets none"});
        }
        if (!input.caller.principal->is_root()) return give_token(login, input.caller.principal->name, now, output);
        return refuse_now({Code::invalid_argument, "root's token is used as it is: as long as this member runs, and here"});
    }
    if (const uint64_t wait_ms = guesses_.wait_ms(op.name, now.monotonic_ms); wait_ms > 0) {
        return refuse_now(
            {Code::busy, "too many wrong passwords for this name: wait " + std::to_string((wait_ms + 999) / 1000) + " s"});
    }
    if (logins_.size() >= logins_max) return refuse_now({Code::busy, "too many log in at once; try again"});
    guesses_.begin(op.name, now.monotonic_ms);
    if (auto user = access_.named(op.name)) login.user = *std::move(user);
    output.logins.push_back({++last_login_, op.name, std::move(op.password)});
    logins_.emplace(last_login_, login);
}

void Core::Impl::on(PasswordChecked& input, Instant now, Output& output) {
    const auto found = logins_.extract(input.login);
    if (found.empty()) return;
    const Login& login = found.mapped();
    if (input.verdict) {
        // What was checked may be the password of before: a token would be good for what came after.
        const auto user = access_.named(login.name);
        const bool same = user ? login.user && **user == *login.user : !login.user;
        if (!same) {
            guesses_.undo(login.name);
            const Error changed{Code::unavailable, "users were changed while the password was being checked: try again"};
            output.audit.push_back({Audit::Event::login_refused, login.name, "authenticate", login.connection, changed});
            return answer(login.connection, login.request, changed, output);
        }
        guesses_.succeeded(login.name);
        return give_token(login, login.name, now, output);
    }
    const bool wrong = input.verdict.error().code == Code::unauthenticated;
    wrong ? guesses_.failed(login.name, now.monotonic_ms) : guesses_.undo(login.name);
    output.audit.push_back(
        {Audit::Event::login_refused, login.name, "authenticate", login.connection, input.verdict.error()});
    answer(login.connection, login.request, input.verdict.error(), output);
}

void Core::Impl::give_token(const Login& login, const Bytes& name, Instant now, Output& output) {
    auto token = access_.token_for(name, now.wall_ms + login.valid_ms);
    const bool by_password = !login.name.empty();
    if (by_password) {
        output.audit.push_back({token ? Audit::Event::login : Audit::Event::login_refused, name, "authenticate",
                                login.connection, token ? Error{} : token.error()});
    }
    if (!token) return answer(login.connection, login.request, token.error(), output);
    protocol::AuthenticateReply reply{*std::move(token), login.valid_ms, name};
    deliver({login.connection, {login.request, keyspace_.revision(), {}, std::move(reply)}, {}}, output);
}

// The leader makes the key that tokens are marked with, once for the cluster. Two leaders that both try: the version that
// they expect lets one of them win.
void Core::Impl::make_secret(Instant now) {
    if (!access_.lacks_secret() || options_.entropy.size() != auth::secret_bytes) return;
    if (role() != raft::Role::leader || !knows_policies() || !can_write_now() || proposer_.full()) return;
    if (now.monotonic_ms < secret_not_before_ms_) return;
    secret_not_before_ms_ = now.monotonic_ms + secret_pause_ms;
    const Bytes salt = std::to_string(options_.epoch) + '/' + std::to_string(applied_.value);
    const Bytes key = auth::mark(options_.entropy, salt + "/1") + auth::mark(options_.entropy, salt + "/2");
    log::Command command{"belfry", "the key for tokens", {}, {}};
    command.op = protocol::RecordChangeRequest{Bytes(auth::secret_name), false, auth::encode_secret(key), uint64_t{0}};
    proposer_.add({0, 0, true}, std::move(command), key.size());
}

Status Core::Impl::load_access() {
    std::vector<plugin::Authority::Record> all;
    for (protocol::RecordsRequest page{Bytes(auth::prefix), {}};;) {
        auto records = keyspace_.records(page);
        if (!records) return records.error();
        for (protocol::Record& record : records->records) {
            all.push_back({std::move(record.name), std::move(record.content)});
        }
        if (!records->more) break;
        page.after = all.back().name;
    }
    access_.load(true, all);
    return {};
}

}  // namespace belfry::hub::core

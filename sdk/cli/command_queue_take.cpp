// `belfry queue take`: items are printed, or given to a command, and acknowledged.
#include <signal.h>

#include "sdk/cli/commands.hpp"
#include "sdk/cli/holding.hpp"
#include "sdk/cli/json_writer.hpp"
#include "sdk/cli/stop_signal.hpp"
#include "sdk/cli/text.hpp"
#include "sdk/recipes/queue.hpp"

namespace belfry::cli {
namespace {

using namespace std::chrono_literals;

// One lease, and what is done while it is held.
class Taking {
public:
    Taking(Context& context, const HeldLease& held, const LossNotice& loss)
        : context_(context), held_(held), loss_(loss), consumer_(held.client, held.lease, context.word(1), options()) {}

    Exit run() {
        const auto wait = context_.arguments.duration("wait", wait_default);
        Exit exit = Exit::ok;
        do {
            const auto items = consumer_.take(most(), wait);
            if (stop_requested()) return follows() ? Exit::ok : stopped_exit;
            if (!held_.lease->alive()) return lost("lost while waiting");
            if (is_unread()) return Exit::other;
            const bool none = !items && items.error().code == Code::timeout;
            if (none) return follows() ? Exit::ok : context_.fail({Code::not_found, items.error().detail});
            if (!items) return context_.fail(items.error());
            exit = has_command() ? run_for_each(*items) : print(*items);
        } while (follows() && !stop_requested() && held_.lease->alive() && !is_unread());
        return exit;
    }

private:
    ConsumerOptions options() const {
        ConsumerOptions options;
        options.attempts_max = context_.arguments.number("attempts", options.attempts_max);
        options.cancelled = [this] { return stop_requested() || is_unread(); };
        return options;
    }
    bool follows() const { return context_.has("follow"); }
    bool has_command() const { return context_.arguments.words().size() > 2; }
    bool is_unread() const { return !has_command() && !context_.is_read(); }
    size_t most() const { return context_.arguments.number("most", 1); }

    Exit lost(const std::string& what) const {
        const auto reason = loss_.reason();
        return context_.fail({Code::uncertain, what + ": " + (reason ? reason->detail : "the lease has ended")});
    }

    // Not acknowledged before somebody could have read them.
    Exit print(const std::vector<QueueItem>& items) {
        for (const QueueItem& item : items) print(item);
        context_.out.flush();
        if (!context_.out) return Exit::other;
        const Status done = consumer_.acknowledge(items);
        return done ? Exit::ok : context_.fail(done.error());
    }

    void print(const QueueItem& item) {
        if (context_.settings.json) {
            JsonWriter json;
            json.begin_object().field("id", item.id).field("value", item.value).field("attempts", item.attempts);
            if (!item.content_type.empty()) json.field("content_type", item.content_type);
            context_.line(json.end_object().take());
            return;
        }
        context_.out << (context_.out_terminal ? terminal_safe(item.value) : item.value);
        if (!item.value.ends_with('\n')) context_.out << '\n';
    }

    // Those that it does not come to go back with the consumer.
    Exit run_for_each(const std::vector<QueueItem>& items) {
        Exit exit = Exit::ok;
        for (const QueueItem& item : items) {
            if (const Exit one = run_for(item); one != Exit::ok) exit = one;
            if (stop_requested() || !held_.lease->alive()) break;
        }
        return exit;
    }

    Exit run_for(const QueueItem& item) {
        const auto& words = context_.arguments.words();
        const protocol::Compare guard = consumer_.guard(item);
        auto child = ChildProcess::start({words.begin() + 2, words.end()},
                                         {{"BELFRY_ITEM_ID", item.id},
                                          {"BELFRY_ITEM_ATTEMPTS", std::to_string(item.attempts)},
                                          {"BELFRY_ITEM_CLAIM", guard.range.begin},
                                          {"BELFRY_ITEM_SINCE", std::to_string(item.since.value)},
                                          {"BELFRY_LEASE", std::to_string(held_.lease->id().value)}},
                                         {.input = item.value});
        if (!child) return context_.fail(child.error());
        Exit exit = Exit::ok;
        const auto code = run_while_held(*child, loss_, [&](const Error&) {
            exit = lost("item " + item.id + " is not held any more, and the command is ended");
        });
        if (!code) return exit;
        const Status told = *code == 0 ? consumer_.acknowledge(std::span(&item, 1)) : consumer_.give_back(item);
        return told ? static_cast<Exit>(*code) : context_.fail(told.error());
    }

    Context& context_;
    const HeldLease& held_;
    const LossNotice& loss_;
    Consumer consumer_;
};

}  // namespace

Exit take_from_queue(Context& context) {
    return under_lease(context, [](Context& with, const HeldLease& held, const LossNotice& loss) {
        return Taking(with, held, loss).run();
    });
}

}  // namespace belfry::cli

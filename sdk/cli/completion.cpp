// The bash completion script, made from the table so that it cannot lag behind it.
#include <string>

#include "sdk/cli/commands.hpp"

namespace belfry::cli {
namespace {

// Commands whose words are keys: completed from the hub, if one answers quickly.
constexpr std::string_view key_commands = "put|get|del|history";

constexpr std::string_view head = R"bash(# Completion of the command belfry for bash; made by `belfry completion bash`.
_belfry() {
    local cur="${COMP_WORDS[COMP_CWORD]}" prev="${COMP_WORDS[COMP_CWORD-1]}" command="" i
    local commands=")bash";

constexpr std::string_view middle =
    R"bash(    # The command is the first word that is neither a flag nor a common flag's value.
    for ((i = 1; i < COMP_CWORD; i++)); do
        case "${COMP_WORDS[i]}" in
            --endpoint|--feed|--server-key|--key-file|--timeout|--output|-o|--author) ((i++)) ;;
            --user|--password-file|--token-file) ((i++)) ;;
            -*) ;;
            *) command="${COMP_WORDS[i]}"; break ;;
        esac
    done
    case "$prev" in
        --output|-o) COMPREPLY=($(compgen -W "text json" -- "$cur")); return ;;
        --password-file|--token-file|--new-password-file|--key-file|--out|--config|--schema|--rules|\
        --data|--data-dir|--report|--ready)
            COMPREPLY=($(compgen -f -- "$cur")); return ;;
        --check) COMPREPLY=($(compgen -W "tcp http= command=" -- "$cur")); return ;;
        --kind) COMPREPLY=($(compgen -W "prefix exact glob regex json author label" -- "$cur")); return ;;
        --format)
            case "$command" in
                get) COMPREPLY=($(compgen -W "raw json toml yaml" -- "$cur")) ;;
                export) COMPREPLY=($(compgen -W "toml json tree" -- "$cur")) ;;
                *) COMPREPLY=($(compgen -W "toml json tree lines" -- "$cur")) ;;
            esac
            return ;;
        --sort) COMPREPLY=($(compgen -W "key create mod version value" -- "$cur")); return ;;
    esac
    if [[ -z "$command" && "$cur" != -* ]]; then
        COMPREPLY=($(compgen -W "$commands" -- "$cur"))
        return
    fi
    local flags="$common"
    case "$command" in
)bash";

constexpr std::string_view tail = R"bash(    esac
    if [[ "$cur" == -* ]]; then
        COMPREPLY=($(compgen -W "$flags" -- "$cur"))
        return
    fi
    case "$command" in
        help) COMPREPLY=($(compgen -W "$commands" -- "$cur")) ;;
        bench) COMPREPLY=($(compgen -W "put get range watch" -- "$cur")) ;;
        completion) COMPREPLY=($(compgen -W "bash" -- "$cur")) ;;
        plugin) COMPREPLY=($(compgen -W "new check list" -- "$cur") $(compgen -f -- "$cur")) ;;
        lease) COMPREPLY=($(compgen -W "grant revoke keep-alive timetolive list" -- "$cur")) ;;
        member) COMPREPLY=($(compgen -W "list add promote remove replace" -- "$cur")) ;;
        leader) COMPREPLY=($(compgen -W "transfer" -- "$cur")) ;;
        policy) COMPREPLY=($(compgen -W "set list show remove" -- "$cur")) ;;
        store) COMPREPLY=($(compgen -W "migrate" -- "$cur")) ;;
        user) COMPREPLY=($(compgen -W "add passwd disable enable remove list show key" -- "$cur")) ;;
        queue) COMPREPLY=($(compgen -W "push take status close open dead revive purge" -- "$cur")) ;;
        job) COMPREPLY=($(compgen -W "post work list result forget" -- "$cur")) ;;
        role) COMPREPLY=($(compgen -W "add remove list show grant revoke" -- "$cur")) ;;
        auth) COMPREPLY=($(compgen -W "status enable disable" -- "$cur")) ;;
        barrier) COMPREPLY=($(compgen -W "hold open wait join" -- "$cur")) ;;
        presence) COMPREPLY=($(compgen -W "join list watch" -- "$cur")) ;;
        service) COMPREPLY=($(compgen -W "register list find pick watch" -- "$cur")) ;;
        snapshot) COMPREPLY=($(compgen -W "save status restore" -- "$cur") $(compgen -f -- "$cur")) ;;
        import|export) COMPREPLY=($(compgen -f -- "$cur")) ;;
        KEYS)
            # A key may hold what a shell would act on: quoted before it gets onto the line.
            local key
            while IFS= read -r key; do COMPREPLY+=("$(printf %q "$key")"); done < <(
                belfry get "$cur" --prefix --keys-only --limit 100 --timeout 300ms --output text 2>/dev/null) ;;
    esac
}
complete -F _belfry belfry
)bash";

std::string flag_words(std::span<const Flag> flags) {
    std::string text;
    for (const Flag& flag : flags) text += (text.empty() ? "--" : " --") + std::string(flag.name);
    return text;
}

}  // namespace

std::string bash_completion() {
    std::string text(head);
    for (const Command* command : commands())
        text += (command == commands().front() ? "" : " ") + std::string(command->name);
    text += "\"\n    local common=\"" + flag_words(common_flags()) + "\"\n" + std::string(middle);
    for (const Command* command : commands()) {
        if (command->flags.empty()) continue;
        text += "        " + std::string(command->name) + ") flags+=\" " + flag_words(command->flags) + "\" ;;\n";
    }
    std::string end(tail);
    end.replace(end.find("KEYS"), 4, key_commands);
    return text + end;
}

}  // namespace belfry::cli

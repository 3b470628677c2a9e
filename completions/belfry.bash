# Completion of the command belfry for bash; made by `belfry completion bash`.
_belfry() {
    local cur="${COMP_WORDS[COMP_CWORD]}" prev="${COMP_WORDS[COMP_CWORD-1]}" command="" i
    local commands="put get del txn watch history diff log lease lock semaphore elect agent queue job barrier presence counter once service import export status compact digest subscribe bench member leader keygen snapshot policy user role grant revoke auth login plugin store completion version help"
    local common="--endpoint --feed --server-key --key-file --timeout --output --author --user --password-file --token-file --help"
    # The command is the first word that is neither a flag nor a common flag's value.
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
        put) flags+=" --comment --label --prev --cas --lease --type --sequential --dry-run --literal" ;;
        get) flags+=" --prefix --range-end --rev --detail --keys-only --count --limit --sort --desc --raw --format --path --type --local" ;;
        del) flags+=" --prefix --range-end --all --comment --label --prev --dry-run" ;;
        txn) flags+=" --json --comment --label --dry-run" ;;
        watch) flags+=" --by --label --kind --rev --snapshot --count --children --stream --full" ;;
        history) flags+=" --limit --before --full" ;;
        diff) flags+=" --prefix --full" ;;
        log) flags+=" --last --from --to --prefix --full" ;;
        lease) flags+=" --id --once --keys" ;;
        lock) flags+=" --shared --ttl --wait --value" ;;
        semaphore) flags+=" --permits --ttl --wait --value" ;;
        elect) flags+=" --ttl --wait --observe" ;;
        agent) flags+=" --config --dns --check-config" ;;
        queue) flags+=" --priority --literal --most --wait --ttl --attempts --follow --peek --until" ;;
        job) flags+=" --priority --literal --wait --forget --most --ttl --attempts --worker --follow" ;;
        barrier) flags+=" --ttl --lasting --wait --members" ;;
        presence) flags+=" --ttl --below --above" ;;
        counter) flags+=" --add --set" ;;
        once) flags+=" --ttl --wait --tries --forget" ;;
        service) flags+=" --address --port --id --label --weight --check --interval --check-timeout --failures --successes --withdraw-after --ttl --passing --key --stream" ;;
        import) flags+=" --prefix --format --stdin-kv --dots --batch --changed-only --delete-missing --world-readable --dry-run --strict --comment --verbose" ;;
        export) flags+=" --prefix --format --rev --force --merge" ;;
        compact) flags+=" --keep" ;;
        digest) flags+=" --kind --rev" ;;
        subscribe) flags+=" --kind --until-revision --for --report --ready --stream" ;;
        bench) flags+=" --clients --in-flight --count --value-bytes --keys --rate --prefix --keep --filled" ;;
        member) flags+=" --key" ;;
        snapshot) flags+=" --force --data-dir --config --set" ;;
        policy) flags+=" --schema --rules --command --rule --quota-keys --quota-bytes --expect --comment --dry-run" ;;
        user) flags+=" --roles --new-password-file --no-password" ;;
        role) flags+=" --prefix --to" ;;
        login) flags+=" --for --out" ;;
        plugin) flags+=" --verbose" ;;
        store) flags+=" --data --from --to --config" ;;
    esac
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
        put|get|del|history)
            # A key may hold what a shell would act on: quoted before it gets onto the line.
            local key
            while IFS= read -r key; do COMPREPLY+=("$(printf %q "$key")"); done < <(
                belfry get "$cur" --prefix --keys-only --limit 100 --timeout 300ms --output text 2>/dev/null) ;;
    esac
}
complete -F _belfry belfry

# Takes a change back that nobody has confirmed. Argument: the change's token.
main() {
    lock engine "$((limit * 4))" || return
    [ "$(cat "$state/undo/token")" = "$1" ] || return 0
    undo
    settle
}

main "$1" </dev/null

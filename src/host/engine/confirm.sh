# Confirms a change over a connection that was made after it. Ends with 10 when the machine has taken it back already.
# Argument: the change's token.
main() {
    lock engine "$limit" || return
    [ "$(cat "$state/undo/token" 2>/dev/null)" = "$1" ] || return 10
    settle
}

main "$1" </dev/null 2>&1
exit

# Waits for what an earlier run of ours is still doing here. A change of the engine is alone on the machine, a project is
# alone with itself. The lock goes with the processes that hold it; without flock there is no waiting.
# Arguments: `engine` or a project's name, seconds to wait.
lock() {
    command -v flock >/dev/null && [ -w /run ] || return 0
    exec 8>>/run/machine.lock
    if [ "$1" = engine ]; then
        timeout "$2" flock -x 8
    else
        exec 9>>"/run/machine-$1.lock"
        timeout "$2" flock -s 8 && timeout "$2" flock -x 9
    fi && return
    echo "an earlier change of $1 is still under way on the machine"
    return 14
}


# The lock on this gateway, for operators who share no store. Part of transaction.sh (unlock) and of what goes before observe.sh (lock).
#
# state/lock is a folder, and the lock is the one file in it, named by its token. A folder is renamed to it complete, which
# works where there is none or an empty one: so one of many takes it. Who removes a lock names its token: never another's.

held_lock() { # sets held, and what it says; held is "" where nobody holds the lock
    for held in "$state"/lock/*; do
        [ -f "$held" ] || continue
        store= owner= since= expires=
        while read -r word value; do
            case $word in store) store=$value ;; owner) owner=$value ;; since) since=$value ;; expires) expires=$value ;; esac
        done 2>/dev/null <"$held"
        return
    done
    held=
}

holds() { # STORE SECONDS: whether the lock that was read keeps an operator with that store out
    [ "$store" != "$1" ] || return 1 # who shares a store is let through by its lock: this one was left behind
    case ${expires:-x} in *[!0-9]*) return 1 ;; esac # it was not written whole before the power went
    # One that expires later than any can is from before the clock was set back.
    [ "$expires" -gt "$clock" ] && [ "$expires" -le $((clock + 2 * $2)) ]
}

do_lock() { # TOKEN STORE SECONDS OWNER
    case $1 in '' | *[!0-9a-f]*) failed "the lock has no token" ;; esac
    mine=$state/lock.new.$$
    trap 'rm -rf "$mine"' EXIT
    for left in "$state"/lock.new.*; do [ -d "$left" ] && ! lives "${left##*.}" && rm -rf "$left"; done # of killed ones
    tries=0
    while [ $tries -lt 50 ]; do
        tries=$((tries + 1))
        clock=$(now)
        mkdir -p "$state" && mkdir -p "$mine" || failed "$state could not be made"
        printf 'store %s\nowner %s\nsince %s\nexpires %s\n' "$2" "$4" "$clock" "$((clock + $3))" >"$mine/$1" ||
            failed "$mine could not be written: is the disk full?"
        mv -fT "$mine" "$state/lock" 2>/dev/null && return
        held_lock
        [ -n "$held" ] || continue # it was released this moment
        holds "$2" "$3" && { printf 'locked\t%s\n' "$owner"; return; }
        rm -f "$held"
    done
    failed "the lock $state/lock cannot be taken; look at it, then run apply again"
}

do_unlock() { # TOKEN: nothing where it is another's, or nobody's
    case $1 in '' | *[!0-9a-f]*) failed "the lock has no token" ;; esac
    rm -f "$state/lock/$1" && rmdir "$state/lock" 2>/dev/null
    return 0
}

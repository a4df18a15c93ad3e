# Switching: one rename, the dead-man timer, confirming, reverting, pruning. Part of transaction.sh.

point_current() { # RELEASE ("" = none), in one rename
    if [ -d "$root/current" ] && [ ! -L "$root/current" ]; then
        mv -T "$root/current" "$state/current.aside.$(now)" # somebody put a folder there: no rename replaces that
    fi
    if [ -z "$1" ]; then rm -f "$root/current"; return; fi
    ln -sfn "releases/$1" "$state/current.new" && mv -fT "$state/current.new" "$root/current"
}

current_release() {
    release=$(readlink "$root/current" 2>/dev/null) || release=
    case ${release%/*} in
        releases | */releases) release=${release##*/} ;;
        *) release= ;; # it points elsewhere, which counts as none
    esac
}

lives() { # PID: whether that process is one of this script on this gateway
    case $(tr '\0' ' ' <"/proc/$1/cmdline" 2>/dev/null) in *"$root"*) return 0 ;; esac
    return 1
}

operators_session() { # the sshd process of this connection, which ends when the operator's command does; "" = none
    session=$$
    while [ "$session" -gt 1 ] && read -r name <"/proc/$session/comm"; do
        case $name in sshd*) return ;; esac
        session=$(field "/proc/$session/status" PPid:)
    done
    session=
}

at_work() { # fails while another apply stages or rehearses here; what a killed one left does not count
    for folder in "$state"/stage.* "$state/rehearsal"; do
        [ -d "$folder" ] || continue
        owner=${folder##*.}
        if [ "$folder" = "$state/rehearsal" ]; then
            [ -r "$folder/pid" ] || sleep 1 # it was made this moment, or its maker was killed
            owner= name=sshd
            [ -r "$folder/pid" ] && read -r owner session <"$folder/pid"
            [ -n "$session" ] && { read -r name <"/proc/$session/comm" || name=; } 2>/dev/null
            case $name in sshd*) ;; *) owner= ;; esac # its operator is gone
        fi
        [ -n "$owner" ] && lives "$owner" || continue
        since=$(stat -c %Y "$folder" 2>/dev/null) || continue # it ended this moment
        failed "another apply is at work on this gateway (since $(date -u -d "@$since" +%H:%M:%S) UTC); wait for it, then run apply again"
    done
}

waiting_switch() { # the file of the switch that waits for its confirmation, or is being settled; "" = none
    for waiting in "$state/pending" "$state"/settling.*; do [ -f "$waiting" ] && return; done
    waiting=
}

claim() { # TOKEN: takes a switch on; 1 = it is settled already, 2 = another switch waits
    # Only one of confirm, revert and the dead-man timer may settle a switch: a rename decides who. One that is at it is
    # waited for; from one that was killed the switch is taken over.
    settling=$state/settling.$$
    tries=0
    while waiting_switch && [ -n "$waiting" ]; do
        tries=$((tries + 1))
        [ $tries -gt 300 ] && return 2
        found=$(field "$waiting" token 2>/dev/null)
        [ -n "$found" ] || continue # it was settled this moment
        [ "$found" = "$1" ] || return 2
        if [ "$waiting" != "$state/pending" ] && lives "${waiting##*.}"; then
            sleep 0.1
        else
            mv -T "$waiting" "$settling" 2>/dev/null && return 0
        fi
    done
    return 1
}

end_rehearsal() {
    if [ -r "$state/rehearsal/pid" ]; then
        read -r rehearsal _ <"$state/rehearsal/pid"
        case $(tr '\0' ' ' <"/proc/$rehearsal/cmdline" 2>/dev/null) in
            *"$state/rehearsal/httpd.conf"*) kill -TERM "$rehearsal" 2>/dev/null ;;
        esac
    fi
    rm -rf "$state/rehearsal"
}

revert() { # back to what served before; httpd is started if it is gone
    previous=$(field "$settling" previous) new=$(field "$settling" release) mode=$(field "$settling" mode)
    keep=$(field "$settling" keep)
    current_release
    if [ "$keep" = 1 ]; then
        main_pid || service_start
    elif [ "$release" = "$new" ]; then
        point_current "$previous"
        if [ -n "$previous" ]; then
            serve "$mode" "$(field "$settling" sizing-before)" || serve restart "$(field "$settling" sizing-before)"
        else
            service_stop
        fi
    fi
    write "$state/reverted" "$new $(now)"
    rm -f "$settling"
    [ "$keep" = 1 ] && printf 'kept\t%s\n' "$new" # last: nobody may be there to read it
    return 0
}

do_deadman() { # TOKEN SECONDS SWITCH-PID: goes back SECONDS after the switch serves; at once where the switch died before
    tries=0
    while [ $tries -lt 2 ] || { lives "$3" && [ $tries -lt 240 ]; }; do # to stop and start a unit may take 90 s each
        tries=$((tries + 1))
        sleep 1
    done
    slept=0
    while [ -r "$state/served" ] && read -r served until longer <"$state/served" && [ "$served" = "$1" ]; do
        left=$((until - $(now))) most=$(($2 + ${longer:-0} - slept))
        [ $left -gt $most ] && left=$most # somebody set the clock back
        [ $left -gt 0 ] || break
        sleep "$left"
        slept=$((slept + left))
    done
    while :; do
        claim "$1"
        case $? in
            0) break ;;
            1) exit 0 ;;
        esac
        [ "$found" = "$1" ] || exit 0 # another switch waits, so this one is settled; else who settles it may yet be killed
    done
    if [ "$(field "$settling" confirmed)" = 1 ]; then rm -f "$settling"; else revert; fi
}

do_switch() { # TOKEN EXPECTED RELEASE SECONDS MODE SIZING SIZING-BEFORE SCRIPT
    log_size
    logged=$size # service's functions look at the log, too
    end_rehearsal
    waiting_switch
    [ -n "$waiting" ] && failed "another switch waits for its confirmation; run apply again to settle it"
    [ -f "$root/releases/$3/httpd.conf" ] || failed "release $3 is not there; plan again"
    previous=$2
    if [ -z "$previous" ] && main_pid && [ -r "$state/loaded" ]; then
        read -r previous <"$state/loaded" # current is gone, and what it named still serves: that is what to go back to
    fi
    keep=0 # 1: httpd serves from memory what no longer works on disk, so going back would end it; the rehearsed one stays
    if main_pid && ! "$httpd" -t -f "$root/releases/$previous/httpd.conf" >/dev/null 2>&1; then keep=1; fi
    for coming in "$state"/pending.new.*; do lives "${coming##*.}" || rm -f "$coming"; done # of killed switches
    coming=$state/pending.new.$$
    printf 'token %s\nprevious %s\nrelease %s\nmode %s\ndeadline %s\nsizing-before %s\nkeep %s\n' \
        "$1" "$previous" "$3" "$5" "$(($(now) + $4))" "$7" "$keep" >"$coming" ||
        failed "$coming could not be written (is the disk full?); nothing was switched"
    if [ "$manager" = systemd ]; then
        systemd-run --quiet --collect --unit "cemops-gateway-deadman-$1" \
            /bin/sh "$state/transaction.sh" deadman "$root" "$manager" "$unit" "$httpd" "$1" "$4" $$ ||
            failed "the dead-man timer could not be started; nothing was switched"
        printf 'timer \n' >>"$coming"
    else
        # a session of its own: what ends this one, as sudo does where its pseudo-terminal goes, must not end the timer
        nohup $(command -v setsid) sh "$state/transaction.sh" deadman "$root" "$manager" "$unit" "$httpd" "$1" "$4" $$ \
            </dev/null >/dev/null 2>&1 &
        printf 'timer %s\n' "$!" >>"$coming"
    fi
    ln "$coming" "$state/pending" 2>/dev/null || { rm -f "$coming"; failed "another switch waits for its confirmation; run apply again to settle it"; }
    rm -f "$coming"
    current_release
    if [ "$release" != "$2" ]; then # looked at only now: nobody else can switch while ours is pending
        rm -f "$state/pending"
        failed "the live release is '$release', not '$2' as planned: somebody else changed it; run apply again"
    fi
    point_current "$3" || failed "current could not be switched"
    if ! serve "$5" "$6"; then
        reason="httpd did not come up with release $3: $(tail_of "$root/logs/error.log") $(tail_of "$run/start.log")"
        claim "$1" && revert
        failed "$reason"
    fi
    write "$state/served" "$1 $(($(now) + $4))"
    printf 'logged\t%s\n' "$logged"
}

do_hold() { # TOKEN SECONDS: the switch waits for its confirmation so long from now on
    waiting_switch
    [ -n "$waiting" ] && [ "$(field "$waiting" token)" = "$1" ] || failed "the switch was reverted before it could be looked at; run apply again"
    write "$state/served" "$1 $(($(now) + $2)) $2" || failed "$state/served could not be written: is the disk full?"
}

do_confirm() { # TOKEN KEEP
    claim "$1"
    case $? in
        1)
            [ -r "$state/settled" ] && read -r settled <"$state/settled"
            [ "$settled" = "$1" ] && return # another apply found it waiting, saw that it works, and confirmed it
            failed "the switch was reverted before it could be confirmed; run apply again"
            ;;
        2) failed "another switch waits for its confirmation; run apply again to settle it" ;;
    esac
    current_release
    [ "$release" = "$(field "$settling" release)" ] || { rm -f "$settling"; failed "the live release is '$release': it was reverted"; }
    write "$state/confirmed" "$release"
    write "$state/settled" "$1"
    printf 'confirmed 1\n' >>"$settling"
    timer=$(field "$settling" timer)
    if [ -n "$timer" ]; then
        case $(tr '\0' ' ' <"/proc/$timer/cmdline" 2>/dev/null) in *" deadman $root "*) kill "$timer" 2>/dev/null ;; esac
    fi
    previous=$(field "$settling" previous)
    rm -f "$settling"
    prune "$2" "$release" "$previous"
}

prune() { # KEEP RELEASE PREVIOUS: the newest KEEP releases stay, and those two always
    keep=$1
    ls -1t "$root/releases" | while read -r name; do
        keep=$((keep - 1))
        [ $keep -ge 0 ] || [ "$name" = "$2" ] || [ "$name" = "$3" ] || { chmod u+w "$root/releases/$name"; rm -rf "$root/releases/${name:?}"; }
    done
}

do_revert() { # TOKEN
    claim "$1"
    case $? in
        0) revert ;;
        1) current_release; printf 'note\tthe timer had reverted it already (%s)\n' "$release" ;;
        2) failed "another switch waits for its confirmation; run apply again to settle it" ;;
    esac
}

do_serve() { # MODE SIZING: no new release, only the service
    serve "$1" "$2" || failed "httpd did not come up: $(tail_of "$root/logs/error.log") $(tail_of "$run/start.log")"
}

# Changes a gateway host in a transaction: stage, switch, confirm, revert. DESIGN.md, "Gateway on disk".
# Usage: sh transaction.sh VERB ROOT MANAGER UNIT HTTPD ARGUMENT...   The last line of stdout is "ok" or "failed TAB reason".
# Needs sh, coreutils, openssl and httpd; useradd and systemctl where the estate asks for them.
LC_ALL=C PATH=$PATH:/usr/sbin:/usr/local/sbin:/sbin
export LC_ALL PATH
umask 077
verb=$1 root=$2 manager=$3 unit=$4 httpd=$5
shift 5
run=$root/run state=$root/state

failed() { printf 'failed\t%s\n' "$*"; exit 1; }
now() { date +%s; }
write() { printf '%s\n' "$2" >"$1.new" && mv -f "$1.new" "$1"; }
field() { while read -r word value; do [ "$word" = "$2" ] && printf '%s' "$value"; done <"$1"; }
tail_of() { tail -n 5 "$1" 2>/dev/null | tr '\n\t' '  '; }

# --- the service ----------------------------------------------------------------------------------------------------

main_pid() {
    pid=
    [ -r "$run/httpd.pid" ] && read -r pid <"$run/httpd.pid"
    [ -n "$pid" ] && exe=$(readlink "/proc/$pid/exe" 2>/dev/null) || { pid=; return 1; }
    # httpd runs on after its package was upgraded; the kernel then marks its binary
    [ "${exe% (deleted)}" = "$(readlink -f "$httpd")" ] || { pid=; return 1; }
    case $(tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null) in *"$root/current/httpd.conf"*) return 0 ;; esac
    pid=
    return 1
}

settled_in_log() { # BYTES: whether httpd has said since then that it serves its new configuration
    tail -c "+$(($1 + 1))" "$root/logs/error.log" 2>/dev/null | while read -r line; do
        case $line in *AH00489*) exit 7 ;; esac
    done
    [ $? = 7 ]
}

log_size() { size=$(stat -c %s "$root/logs/error.log" 2>/dev/null) || size=0; }

await_serving() { # BYTES: until the (new) configuration serves; a reload that ends the parent is seen at once
    tries=0
    until settled_in_log "$1"; do
        tries=$((tries + 1))
        [ $tries -gt 100 ] && return 1
        sleep 0.1
        [ $tries -gt 5 ] && ! main_pid && return 1
    done
    main_pid
}

own_processes() { # the gateway's httpd processes, whoever their parent is
    binary=$(readlink -f "$httpd")
    for entry in /proc/[0-9]*; do
        exe=$(readlink "$entry/exe" 2>/dev/null) && [ "${exe% (deleted)}" = "$binary" ] || continue
        case $(tr '\0' ' ' <"$entry/cmdline" 2>/dev/null) in *"$root/current/httpd.conf"*) printf '%s ' "${entry#/proc/}" ;; esac
    done
}

end_orphans() { # what a killed parent leaves: children that hold the port, and a pid file whose number may be another's
    rm -f "$run/httpd.pid"
    for signal in TERM TERM KILL; do
        orphans=$(own_processes)
        [ -n "$orphans" ] || return 0
        kill "-$signal" $orphans 2>/dev/null
        sleep 0.5
    done
}

service_start() {
    log_size
    if [ "$manager" = systemd ]; then
        systemctl start "$unit"
    else
        main_pid || end_orphans
        ulimit -n "$(ulimit -Hn)" 2>/dev/null
        MALLOC_ARENA_MAX=1 GLIBC_TUNABLES=glibc.malloc.tcache_count=0 \
            nohup "$httpd" -f "$root/current/httpd.conf" -k start </dev/null >"$run/start.log" 2>&1
    fi
    await_serving "$size"
}

service_stop() {
    if [ "$manager" = systemd ]; then
        systemctl stop "$unit"
        return
    fi
    main_pid || return 0
    kill -TERM "$pid"
    tries=0
    while kill -0 "$pid" 2>/dev/null && [ $tries -lt 150 ]; do sleep 0.1; tries=$((tries + 1)); done
    main_pid && return 1
    return 0
}

service_reload() {
    main_pid || { service_start; return; }
    log_size
    if [ "$manager" = systemd ]; then systemctl reload "$unit"; else kill -USR1 "$pid"; fi
    await_serving "$size"
}

serve() { # start|reload|restart SIZING: brings `current` into service, and notes what is loaded and with which sizing
    case $1 in
        restart) service_stop && service_start ;;
        *) if main_pid; then service_reload; else set -- restart "$2"; service_start; fi ;;
    esac || return 1
    write "$state/loaded" "$(basename "$(readlink "$root/current")")"
    [ "$1" = restart ] && write "$state/started" "$pid $2"
    return 0
}

# --- switching --------------------------------------------------------------------------------------------------------

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
    left=0
    [ -r "$state/served" ] && read -r served until <"$state/served" && [ "$served" = "$1" ] && left=$((until - $(now)))
    [ $left -gt "$2" ] && left=$2 # somebody set the clock back
    [ $left -gt 0 ] && sleep "$left"
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

# --- staging ----------------------------------------------------------------------------------------------------------

port_taken() { # ADDRESS:PORT in hex as the kernel writes it, or *:PORT: whether a process other than our httpd listens there
    own=
    main_pid && own=$(ls -l "/proc/$pid/fd" 2>/dev/null)
    while read -r _ local _ status _ _ _ _ _ inode _; do
        [ "$status" = 0A ] && [ "${local##*:}" = "${1##*:}" ] || continue
        case $own in *"socket:[$inode]"*) continue ;; esac
        case $1,${local%%:*} in
            '*:'*,* | *,00000000 | *,00000000000000000000000000000000) return 0 ;;
            "${local%%:*}":*,*) return 0 ;;
        esac
    done <<EOF
$(cat /proc/net/tcp /proc/net/tcp6 2>/dev/null)
EOF
    return 1
}

place() { # MODE OFFSET LENGTH PATH [OWNER]: one file out of the payload, complete or not at all
    mkdir -p "$(dirname "$4")"
    tail -c "+$(($2 + 1))" "$stage/payload" | head -c "$3" >"$4.new.$$" || failed "$4 could not be written: is the disk full?"
    [ "$(stat -c %s "$4.new.$$")" = "$3" ] || failed "$4 could not be written: is the disk full?"
    [ -n "$5" ] && { chown "$5" "$4.new.$$" || failed "$4 could not be given to $5"; }
    chmod "$1" "$4.new.$$" && mv -fT "$4.new.$$" "$4" || failed "$4 could not be put in place"
}

layout() { # OWNER of logs and run; what root acts on lies in state, where nobody else can write
    mkdir -p "$root" && chmod 0755 "$root" || failed "$root could not be made"
    for folder in releases tls logs run state; do [ -d "$root/$folder" ] || mkdir "$root/$folder" || failed "$root/$folder could not be made"; done
    chmod 0755 "$root/releases" "$root/tls" "$root/logs" "$run" && chmod 0700 "$state"
    if [ -n "$1" ]; then
        chown "$1" "$root/logs" "$run" || failed "$root/logs could not be given to $1"
        chmod 0750 "$root/logs" "$run"
    fi
}

do_stage() { # SHA256 OWNER ACCOUNT PORTS RELEASE CERTIFICATE KEY COPY-CERTIFICATE COPY-KEY then MODE OFFSET LENGTH PATH ...
    sum=$1 owner=$2 account=$3 ports=$4 release=$5 certificate=$6 key=$7 copy_certificate=$8 copy_key=$9
    shift 9
    mkdir -p "$state" || failed "$state could not be made"
    at_work
    for stage in "$state"/stage.*; do lives "${stage##*.}" || rm -rf "$stage"; done # a killed one leaves a key behind
    stage=$state/stage.$$
    mkdir "$stage" || failed "$stage could not be made"
    trap 'rm -rf "$stage"' EXIT
    timeout 120 base64 -d >"$stage/payload" || failed "the payload did not arrive whole; nothing was touched, run apply again"
    found=$(sha256sum "$stage/payload")
    [ "${found%% *}" = "$sum" ] || failed "the payload did not arrive whole; nothing was touched, run apply again"
    if [ -n "$account" ] && ! id -u "$account" >/dev/null 2>&1; then
        useradd --system --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin "$account" ||
            failed "account $account could not be made"
    fi
    layout "$owner"
    rm -rf "$root"/releases/.new.* "$root"/tls/*.new.*
    building=$root/releases/.new.$$
    while [ $# -ge 4 ]; do
        case $4 in
            release/*) place "$1" "$2" "$3" "$building/${4#release/}" "" ;;
            tls/*.key) place "$1" "$2" "$3" "$root/$4" "$owner" ;;
            unit) place "$1" "$2" "$3" "/etc/systemd/system/$unit" "" ;;
            *) place "$1" "$2" "$3" "$root/$4" "" ;;
        esac
        shift 4
    done
    if [ -n "$copy_certificate" ]; then adopt "$copy_certificate" "$certificate" 0444 ""; adopt "$copy_key" "$key" 0400 "$owner"; fi
    if [ -d "$building" ]; then
        [ -e "$root/releases/$release" ] && failed "release $release is there already; plan again"
        chmod 0555 "$building" && mv -T "$building" "$root/releases/$release" || failed "release $release could not be put in place"
    fi
    sync
    if [ "$manager" = systemd ]; then
        systemctl daemon-reload && systemctl enable --quiet "$unit" || failed "systemd did not take the unit $unit"
    fi
    preflight "$certificate" "$key" "$ports"
}

adopt() { # FROM TO MODE OWNER: a certificate or key that serves already, from wherever it lies, under its name by content
    [ -e "$2" ] && return
    cp -- "$1" "$2.new.$$" || failed "$1 could not be copied"
    [ -n "$4" ] && chown "$4" "$2.new.$$"
    chmod "$3" "$2.new.$$" && mv -fT "$2.new.$$" "$2"
}

note_key() { # KEY: what the file holds and whose key it is, both as SHA-256, so that an observation need not read it
    held=$(sha256sum "$1") whose=$(openssl pkey -in "$1" -passin pass: -pubout -outform DER 2>/dev/null | sha256sum)
    write "$state/key-public" "${held%% *} ${whose%% *}"
}

preflight() { # CERTIFICATE KEY ENDPOINTS(as port_taken wants them, space separated)
    public=$(openssl pkey -in "$2" -passin pass: -pubout 2>/dev/null) || failed "the private key $2 cannot be read"
    [ "$public" = "$(openssl x509 -in "$1" -noout -pubkey 2>/dev/null)" ] ||
        failed "the private key $2 does not belong to the certificate $1"
    note_key "$2"
    set -f
    for endpoint in $3; do
        port_taken "$endpoint" &&
            failed "port $((0x${endpoint##*:})) is taken by another program; stop it or choose another listen.port"
    done
    set +f
}

do_rehearse() { # SECONDS PORT FINGERPRINT(openssl's form): a second httpd on a loopback port, which ends by itself
    at_work
    end_rehearsal
    operators_session
    mkdir "$state/rehearsal" 2>/dev/null || { at_work; failed "$state/rehearsal could not be made"; }
    printf '%s %s\n' "$$" "$session" >"$state/rehearsal/pid"
    timeout 60 base64 -d >"$state/rehearsal/httpd.conf" && [ -s "$state/rehearsal/httpd.conf" ] ||
        failed "the rehearsal's configuration did not arrive"
    "$httpd" -t -f "$state/rehearsal/httpd.conf" >"$state/rehearsal/check.log" 2>&1 ||
        failed "httpd refuses the configuration: $(tail_of "$state/rehearsal/check.log")"
    nohup timeout -k 5 "$1" "$httpd" -f "$state/rehearsal/httpd.conf" -DFOREGROUND </dev/null >"$state/rehearsal/start.log" 2>&1 &
    write "$state/rehearsal/pid" "$! $session"
    tries=0
    until shown=$(openssl s_client -connect "127.0.0.1:$2" </dev/null 2>/dev/null | openssl x509 -noout -fingerprint -sha256 2>/dev/null); do
        tries=$((tries + 1))
        if [ $tries -gt 50 ] || ! kill -0 "$!" 2>/dev/null; then
            reason=$(tail_of "$state/rehearsal/error.log")$(tail_of "$state/rehearsal/start.log")
            end_rehearsal
            case $reason in *"could not bind to address 127.0.0.1:$2"*) failed "rehearsal port $2 is taken" ;; esac
            failed "the rehearsal did not come up: $reason"
        fi
        sleep 0.1
    done
    [ "${shown#*=}" = "$3" ] || { end_rehearsal; failed "the rehearsal shows certificate ${shown#*=}, not $3"; }
}

do_end_rehearsal() { end_rehearsal; }

case $verb in
    switch | confirm | revert | serve) trap '' PIPE HUP ;; # carried to its end, whether or not somebody still listens
esac
case $verb in
    stage) do_stage "$@" ;;
    rehearse) do_rehearse "$@" ;;
    end-rehearsal) do_end_rehearsal ;;
    switch) do_switch "$@" ;;
    confirm) do_confirm "$@" ;;
    revert) do_revert "$@" ;;
    serve) do_serve "$@" ;;
    deadman) do_deadman "$@" ;;
    *) failed "unknown verb $verb" ;;
esac
printf 'ok\n'

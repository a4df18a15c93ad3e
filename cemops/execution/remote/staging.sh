# Staging: what is new is written beside what serves, checked, and rehearsed. Part of transaction.sh.

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
$(listeners)
EOF
    return 1
}

listeners() { # those alone: a shell reads octet by octet, and a gateway has thousands of connections
    if command -v grep >/dev/null 2>&1; then grep -hF ' 0A ' /proc/net/tcp /proc/net/tcp6; else cat /proc/net/tcp /proc/net/tcp6; fi 2>/dev/null
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

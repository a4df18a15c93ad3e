# Reads everything that the planner needs to know of a gateway host, in one command, and changes nothing.
# Arguments: ROOT ACCOUNT FIPS(0|1) UNIT LAB(0|1) NAME...   Output: lines "key TAB value"; contents as base64; last line "end".
# Keys stay here: of a private key only its public half is printed.
LC_ALL=C PATH=$PATH:/usr/sbin:/usr/local/sbin:/sbin
export LC_ALL PATH
root=$1 account=$2 fips=$3 unit=$4 lab=$5
shift 5

tab='	' nl='
'

# Forks are what an observation costs, and dash reads files one byte at a time: hence few programs, and no loops over files.
put() { printf '%s\t%s\n' "$1" "$2"; }
content() { [ -f "$2" ] && [ -r "$2" ] && { printf '%s\t' "$1"; base64 -w0 <"$2"; printf '\n'; }; }
collect() { # KEY FILE: its content comes with the others, by one program for all
    [ -f "$2" ] && [ -r "$2" ] && { collected="$collected$1 "; files=$files$2$nl; }
}
contents() { # everything one after the other; the sizes are those of stat, or else of wc
    set -f
    IFS=$nl
    set -- $files
    put collected "$collected"
    if [ -n "$uncounted" ]; then
        sizes=$(wc -c -- "$@")
        unset IFS
        printf 'sizes\t'; for word in $sizes; do case $word in *[!0-9]*) ;; *) printf ' %s' "$word" ;; esac; done; printf '\n'
    fi
    unset IFS
    printf 'contents\t'; cat -- "$@" | base64 -w0; printf '\n'
    set +f
}
first_line() { line=; [ -r "$1" ] && { IFS= read -r line <"$1" || :; }; }
noted() { first_line "$root/state/$1"; [ -n "$line" ] && put "$1" "$line"; }
find_program() { # NAME...: the first of them on the PATH
    IFS=:
    for program in "$@"; do
        for folder in $PATH; do [ -x "$folder/$program" ] && { binary=$folder/$program; break 2; }; done
    done
    unset IFS
}
limits_and() { # [FILE]: the machine's limits, and the text of the file as $configuration, by one program
    set -- /proc/sys/kernel/pid_max /proc/sys/kernel/threads-max "$@"
    [ -r "$1" ] && [ -r "$2" ] || shift 2
    # cat, not read: the kernel answers a second read of these files with nothing.
    configuration=$(cat /dev/null "$@" 2>/dev/null)
    case ${1-} in
        /proc/*)
            pid_max=${configuration%%"$nl"*} configuration=${configuration#*"$nl"}$nl
            put kernel-limits "$pid_max ${configuration%%"$nl"*}"
            configuration=${configuration#*"$nl"}
            ;;
    esac
}
named_certificate() { # sets certificate and key to what the last such directives of $configuration name
    certificate= key=
    set -f
    IFS=$nl
    for line in $configuration; do
        case $line in *SSLCertificate*File*) ;; *) continue ;; esac
        unset IFS
        set -- $line
        value=${line#*"$1"} value=${value#*\"} value=${value%\"*}
        case $1 in
            SSLCertificateFile) certificate=$value ;;
            SSLCertificateKeyFile) key=$value ;;
        esac
    done
    unset IFS
    set +f
}

resolve_together() { # NAME...: all with one program; 1 where one does not resolve, or to an address that needs its name
    [ $# -gt 0 ] && [ $# -le 8 ] || return 1 # many names could wait too long, one after the other
    found=$(getent ahosts "$@" 2>/dev/null) || return 1
    addresses=
    IFS=$nl
    for line in $found; do
        line=${line%% *}
        case $lab,$line in
            0,127.* | 0,0.0.0.0 | 0,::1 | 0,:: | 0,169.254.* | 0,fe80:*) unset IFS; return 1 ;;
            *) addresses="$addresses $line" ;;
        esac
    done
    unset IFS
    for name in "$@"; do put resolve "$name$addresses"; done
}
resolve() { # NAME...: together, else one after the other; from the first that does not resolve on, beside each other
    set -f
    if resolve_together "$@"; then set +f; return; fi
    while [ $# -gt 0 ] && found=$(getent ahosts "$1" 2>/dev/null); do
        printf 'resolve\t%s' "$1"; printf ' %s' $found; printf '\n'
        shift
    done
    for name in "$@"; do
        ( found=$(getent ahosts "$name" 2>/dev/null); set -- $found; put resolve "$name $*" ) &
    done
    wait # the lines below come in several writes and must not be mixed with those of the resolvers
    set +f
}

collected= files= uncounted=1

put cemops-gateway-state 1
put clock "$(date +%s)"
while read -r word uid _; do [ "$word" = Uid: ] && { put uid "$uid"; break; }; done </proc/self/status

binary=
find_program apache2 httpd
if [ -n "$binary" ]; then
    put httpd "$binary"
    for modules in /usr/lib/apache2/modules /usr/lib64/httpd/modules /usr/lib/httpd/modules /etc/httpd/modules \
        /usr/local/apache2/modules; do
        [ -e "$modules/mod_ssl.so" ] && { put modules "$modules"; break; }
    done
    for module in ssl proxy proxy_connect authz_core reqtimeout; do
        [ -e "$modules/mod_$module.so" ] || put missing-module "$module"
    done
fi
command -v openssl >/dev/null && put openssl 1
if [ "$fips" = 1 ]; then
    openssl list -providers -provider fips >/dev/null 2>&1 && put fips 1 || put fips 0
fi
group=$(id -gn "$account" 2>/dev/null) && put account "$group"
printf 'nofile\t'; ulimit -Hn
[ -r /proc/net/if_inet6 ] && while read -r value _; do put address6 "$value"; done </proc/net/if_inet6
resolve "$@"

if cd "$root" 2>/dev/null; then
    if [ -L current ]; then
        if cd -P current 2>/dev/null; then
            put current "$PWD"
            case $PWD in */releases/*) uncounted= ;; esac
            cd "$root"
        else
            put current "$(readlink current)"
        fi
    fi
    set -- releases/*/* releases/*/.[!.]* tls/*
    sums=$(sha256sum -- "$@" 2>/dev/null)
    printf '%s\n' "$sums"
    stat -c "stat$tab%a %u %s %n" -- "$@" 2>/dev/null
    for name in httpd.conf client-ca.pem client-crl.pem; do collect "live:$name" "current/$name"; done
    live=current/httpd.conf
    # Where current is gone, what it named last still serves: its certificate is the one that agents pin.
    [ -r "$live" ] || { first_line state/loaded; live=releases/$line/httpd.conf; }
    if [ -r "$live" ]; then limits_and "$live"; else limits_and; fi
    named_certificate
    if [ -n "$certificate" ]; then
        put certificate-path "$certificate"
        put key-path "$key"
        collect certificate "$certificate"
        case $certificate in "$root"/tls/*) ;; *) uncounted=1 ;; esac
        # Reading a key takes a while: stage has noted whose it is, and what the file held then.
        noted= public=
        [ -r state/key-public ] && read -r noted public <state/key-public
        case $nl$sums$nl in
            *"$nl${noted:-none}  ${key#"$root"/}$nl"*) put key-digest "$public" ;;
            *)
                public=$(openssl pkey -in "$key" -passin pass: -pubout 2>/dev/null) &&
                    put key-public "$(printf '%s' "$public" | base64 -w0)"
                ;;
        esac
    fi
    first_line run/httpd.pid
    if [ -n "$line" ]; then
        same=
        [ "/proc/$line/exe" -ef "$binary" ] && same=1
        if [ -z "$same" ]; then # its package was upgraded while it ran
            exe=$(readlink "/proc/$line/exe" 2>/dev/null) && [ "${exe% (deleted)}" = "$(readlink -f "$binary")" ] && same=1
        fi
        pid=$line
        first_line "/proc/$pid/cmdline" # its words without anything between them
        [ -n "$same" ] && case $line in *"-f$root/current/httpd.conf"*) put pid "$pid" ;; esac
    fi
    noted loaded
    noted started
    noted confirmed
    for held in state/lock/*; do
        [ -f "$held" ] && put lock-token "${held##*/}" && content lock "$held"
    done
    for waiting in state/pending state/settling.*; do
        [ -f "$waiting" ] || continue
        content pending "$waiting"
        while read -r word value; do
            [ "$word" = timer ] && [ -n "$value" ] && kill -0 "$value" 2>/dev/null && put timer-alive 1
        done <"$waiting"
    done
else
    limits_and
fi
collect own-addresses /proc/net/fib_trie
contents
if [ -n "$unit" ]; then
    content unit "/etc/systemd/system/$unit"
    put enabled "$(systemctl is-enabled "$unit" 2>/dev/null)"
fi
put end 1

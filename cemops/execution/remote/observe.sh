# Reads everything that the planner needs to know of a gateway host, in one process, and changes nothing.
# Arguments: ROOT ACCOUNT FIPS(0|1) UNIT NAME...   Output: lines "key TAB value"; contents as base64; last line "end".
# Keys stay here: of a private key only its public half is printed.
LC_ALL=C PATH=$PATH:/usr/sbin:/usr/local/sbin:/sbin
export LC_ALL PATH
root=$1 account=$2 fips=$3 unit=$4
shift 4

put() { printf '%s\t%s\n' "$1" "$2"; }
content() { [ -f "$2" ] && [ -r "$2" ] && { printf '%s\t' "$1"; base64 -w0 <"$2"; printf '\n'; }; }
first_line() { line=; [ -r "$1" ] && { IFS= read -r line <"$1" || :; }; }

put cemops-gateway-state 1
put clock "$(date +%s)"
put uid "$(id -u)"

for candidate in apache2 httpd; do
    binary=$(command -v "$candidate") && break
done
if [ -n "$binary" ]; then
    put httpd "$binary"
    put httpd-version "$("$binary" -v 2>/dev/null | head -n 1)"
    for modules in /usr/lib/apache2/modules /usr/lib64/httpd/modules /usr/lib/httpd/modules /etc/httpd/modules \
        /usr/local/apache2/modules; do
        [ -e "$modules/mod_ssl.so" ] && { put modules "$modules"; break; }
    done
    for module in ssl proxy proxy_connect authz_core reqtimeout; do
        [ -e "$modules/mod_$module.so" ] || put missing-module "$module"
    done
fi
version=$(openssl version 2>/dev/null) && put openssl "$version"
if [ "$fips" = 1 ]; then
    openssl list -providers -provider fips >/dev/null 2>&1 && put fips 1 || put fips 0
fi
id -u "$account" >/dev/null 2>&1 && put account "$(id -gn "$account")"
# cat, not read: the kernel answers a second read of these files with nothing, and read takes one byte at a time.
put pid-max "$(cat /proc/sys/kernel/pid_max 2>/dev/null)"
put threads-max "$(cat /proc/sys/kernel/threads-max 2>/dev/null)"
put nofile "$(ulimit -Hn)"
address=
while read -r mark value kind _; do
    case $mark in
        '|--' | '+--') address=$value ;;
        /32) [ "$value $kind" = 'host LOCAL' ] && put address "$address" ;;
    esac
done </proc/net/fib_trie
[ -r /proc/net/if_inet6 ] && while read -r value _; do put address6 "$value"; done </proc/net/if_inet6

for name in "$@"; do
    ( put resolve "$name $(getent ahosts "$name" 2>/dev/null | while read -r value _; do printf '%s ' "$value"; done)" ) &
done
wait # the lines below come in several writes and must not be mixed with those of the resolvers

if [ -d "$root" ]; then
    put root 1
    if [ -L "$root/current" ]; then put current "$(readlink "$root/current")"; fi
    set -- "$root"/releases/*/* "$root"/releases/*/.[!.]* "$root"/tls/*
    sha256sum -- "$@" 2>/dev/null | while read -r sum path; do put sum "$sum ${path#"$root"/}"; done
    stat -c '%a %u %n' -- "$@" 2>/dev/null | while read -r mode uid path; do put stat "$mode $uid ${path#"$root"/}"; done
    for name in httpd.conf client-ca.pem client-crl.pem; do content "live:$name" "$root/current/$name"; done
    certificate= key= live=$root/current/httpd.conf
    # Where current is gone, what it named last still serves: its certificate is the one that agents pin.
    [ -r "$live" ] || { first_line "$root/state/loaded"; live=$root/releases/$line/httpd.conf; }
    if [ -r "$live" ]; then
        while read -r word value; do
            value=${value#\"} value=${value%\"}
            case $word in
                SSLCertificateFile) certificate=$value ;;
                SSLCertificateKeyFile) key=$value ;;
            esac
        done <"$live"
    fi
    if [ -n "$certificate" ]; then
        put certificate-path "$certificate"
        put key-path "$key"
        content certificate "$certificate"
        public=$(openssl pkey -in "$key" -passin pass: -pubout 2>/dev/null) &&
            put key-public "$(printf '%s' "$public" | base64 -w0)"
    fi
    first_line "$root/run/httpd.pid"
    exe=
    [ -n "$line" ] && exe=$(readlink "/proc/$line/exe" 2>/dev/null)
    if [ -n "$exe" ] && [ "${exe% (deleted)}" = "$(readlink -f "$binary")" ]; then # deleted: its package was upgraded
        case $(tr '\0' ' ' <"/proc/$line/cmdline") in *"$root/current/httpd.conf"*) put pid "$line" ;; esac
    fi
    content loaded "$root/state/loaded"
    content started "$root/state/started"
    content confirmed "$root/state/confirmed"
    for waiting in "$root/state/pending" "$root"/state/settling.*; do
        [ -f "$waiting" ] || continue
        content pending "$waiting"
        while read -r word value; do
            [ "$word" = timer ] && [ -n "$value" ] && kill -0 "$value" 2>/dev/null && put timer-alive 1
        done <"$waiting"
    done
fi
if [ -n "$unit" ]; then
    content unit "/etc/systemd/system/$unit"
    put enabled "$(systemctl is-enabled "$unit" 2>/dev/null)"
fi
put end 1

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

# Counts the connections that agents hold on a gateway, in one command, and changes nothing.
# Arguments: ENDPOINT... as the kernel writes them (ADDRESS:PORT in hex, or *:PORT). Output: "connections TAB n", then "end".
LC_ALL=C PATH=$PATH:/usr/sbin:/sbin
export LC_ALL PATH
set -f
total=0
# Thousands of lines become one for each endpoint and state: a shell reads a line one byte at a time.
while read -r count local state; do
    [ "$state" = 01 ] || continue
    for endpoint in "$@"; do
        case $endpoint in
            "$local") total=$((total + count)) ;;
            '*':*) [ "${endpoint##*:}" = "${local##*:}" ] && total=$((total + count)) ;;
        esac
    done
done <<LINES
$(cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | cut -d: -f2- | cut -d' ' -f2,4 | sort | uniq -c)
LINES
[ -r /proc/net/tcp ] && printf 'connections\t%s\nend\n' "$total"

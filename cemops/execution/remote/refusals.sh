# Handshakes that httpd refused, before and since a switch, from its error log (ssl:info). Part of transaction.sh.

refusals() { # of a log on stdin; a host without grep sends the end of its log as it is
    if command -v grep >/dev/null 2>&1; then grep -aE 'AH02276|AH02008|SSL Library Error'; else cat; fi | tail -c 262144
}

do_refused() { # SIZE of the log when the switch began
    before=$1
    log_size
    [ "$size" -ge "$before" ] || before=0 # somebody emptied it meanwhile
    first=$((before > 67108864 ? before - 67108864 : 0))
    tail -c "+$((first + 1))" "$root/logs/error.log" 2>/dev/null | head -c "$((before - first))" | refusals
    printf 'switched\n'
    tail -c "+$((before + 1))" "$root/logs/error.log" 2>/dev/null | refusals
}

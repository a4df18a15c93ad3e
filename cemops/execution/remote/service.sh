# The service: whether httpd runs, starting, reloading, stopping it, and seeing that it serves. Part of transaction.sh.

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

# Backing up: reads what is live, the key included, and changes nothing. Part of transaction.sh.

named_in() { # DIRECTIVE FILE: what its last such line names
    named=
    while read -r word value; do [ "$word" = "$1" ] && named=$value; done <"$2"
    named=${named#\"} named=${named%\"}
}

send() { # KEY FILE: its content, if it is there
    [ -f "$2" ] || return 0
    [ -r "$2" ] || failed "$2 cannot be read"
    printf '%s\t' "$1"; base64 -w0 <"$2"; printf '\n'
}

do_backup() { # BYTES: the most that is sent
    waiting_switch
    [ -n "$waiting" ] && failed "a switch waits for its confirmation here; settle it with cemops apply, then back up"
    current_release
    live=$root/releases/$release
    [ -n "$release" ] && [ -r "$live/httpd.conf" ] || failed "no release is live here, so there is nothing to back up"
    named_in SSLCertificateFile "$live/httpd.conf"; certificate=$named
    named_in SSLCertificateKeyFile "$live/httpd.conf"; key=$named
    [ -r "$certificate" ] && [ -r "$key" ] || failed "the certificate or key that the live configuration names cannot be read ($certificate)"
    size=$(cat -- "$live/httpd.conf" "$live"/client-*.pem "$certificate" "$key" 2>/dev/null | head -c "$(($1 + 1))" | wc -c)
    [ "$size" -le "$1" ] || failed "what is live here is larger than $1 bytes; is that a gateway of cemops?"
    printf 'release\t%s\n' "$release"
    for name in httpd.conf client-ca.pem client-crl.pem; do send "file:$name" "$live/$name"; done
    printf 'certificate-path\t%s\n' "$certificate"
    printf 'key-path\t%s\n' "$key"
    send certificate "$certificate"
    send key "$key"
    [ -n "$unit" ] && send unit "/etc/systemd/system/$unit"
    [ -r "$state/confirmed" ] && read -r confirmed <"$state/confirmed" && printf 'confirmed\t%s\n' "$confirmed"
    return 0
}

#!/bin/sh
# What cemops' lab and tests need of the machine beside Python: each program is looked for, and only what is
# missing is installed (Debian and its kin, as root). Anywhere else this says what to install and exits 1.
#
#   requirements/system-packages.sh            programs of the lab and the tests
#   requirements/system-packages.sh venv       Python's venv module alone (PYTHON names the interpreter)
#
# Programs are looked for on PATH; make adds /usr/sbin and /sbin to it.
# Servers that a package brings are neither started nor enabled: the lab starts its own on loopback.
set -eu

PYTHON="${PYTHON:-python3}"

has_program() { command -v "$1" >/dev/null 2>&1; }

has_nss_wrapper() {
    for folder in /lib /lib64 /usr/lib /usr/lib64 /usr/local/lib; do
        # A multiarch folder (/usr/lib/x86_64-linux-gnu) or the folder itself.
        for found in "$folder"/libnss_wrapper.so* "$folder"/*/libnss_wrapper.so*; do
            [ -e "$found" ] && return 0
        done
    done
    return 1
}

# Debian keeps the server's programs out of PATH; the tests look for them there.
has_postgresql() {
    for program in /usr/lib/postgresql/*/bin/initdb; do
        [ -x "$program" ] && return 0
    done
    return 1
}

has_venv() { "$PYTHON" -c 'import ensurepip, venv' >/dev/null 2>&1; }

# Prints the Debian package of each thing that is missing, one a line.
missing_packages() {
    if [ "${1:-}" = venv ]; then
        has_venv || echo python3-venv
        return 0
    fi
    has_program apache2 || has_program httpd || echo apache2
    has_program sshd && has_program ssh-keygen || echo openssh-server
    has_program nft || echo nftables
    has_nss_wrapper || echo libnss-wrapper
    has_program openssl || echo openssl
    has_program systemd-analyze || echo systemd
    has_postgresql || echo postgresql
}

say_what_to_install() {
    echo "cemops needs these Debian packages, or what carries the same programs on this system:" >&2
    printf '  %s\n' "$@" >&2
    echo "$reason" >&2
}

policy=/usr/sbin/policy-rc.d
made_policy=

remove_policy() {
    if [ -n "$made_policy" ]; then rm -f "$policy"; fi
}

# Debian asks this file before it starts a service of a package just installed; 101 means no. One that is
# there already is the administrator's and stays.
keep_services_stopped() {
    if [ -e "$policy" ] || [ -L "$policy" ]; then return 0; fi
    made_policy=yes
    trap remove_policy EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
}

wanted=$(missing_packages "$@")
[ -n "$wanted" ] || exit 0
# shellcheck disable=SC2086 # one word a package, from the list above
set -- $wanted

if ! has_program apt-get; then
    reason="There is no apt-get here: install them with this system's own package manager, then run make again."
    say_what_to_install "$@"
    exit 1
fi
if [ "$(id -u)" -ne 0 ]; then
    reason="Installing needs root: run 'apt-get install --no-install-recommends $*' as root, then make again."
    say_what_to_install "$@"
    exit 1
fi

echo "Installing Debian packages: $*" >&2
export DEBIAN_FRONTEND=noninteractive
keep_services_stopped
apt-get -qq -o DPkg::Lock::Timeout=300 update </dev/null >/dev/null
apt-get -qq -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 install -y --no-install-recommends "$@" </dev/null >/dev/null

# Where systemd runs, a package enables its server for the next boot: not what somebody asked for who ran the tests.
if [ -d /run/systemd/system ]; then
    for package in "$@"; do
        case $package in
        apache2) systemctl --quiet disable apache2.service apache-htcacheclean.service ;;
        openssh-server) systemctl --quiet disable ssh.service ;;
        postgresql) systemctl --quiet disable postgresql.service ;;
        esac
    done
fi

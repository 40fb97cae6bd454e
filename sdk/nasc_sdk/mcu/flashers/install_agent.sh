# Installs the agent on a board with Linux as a systemd service, or removes it: all that is ever run there.
#
# Read by `sh -s` from standard input, behind a preamble that nasc_sdk/mcu/flashers/ssh.py writes and quotes:
#   action      install or uninstall
#   python      interpreter that makes the virtual environment
#   machines    what `uname -m` may say, separated by spaces; empty: anything
#   edition     names the virtual environment: another edition is another folder, so the old agent runs until the switch
#   requirement what pip installs: the name of the wheel that wheel() writes to standard output, or of a distribution
#   broker      of the agent; empty: port 1883 of the machine that this connection comes from
#   site device its names
# Everything is in functions, and the last line calls one: a stream that is cut short does nothing.
# May be run again: it replaces what is there. A line that begins with "nasc: " is for the user.
set -eu
umask 022

say() { echo "nasc: $*"; }
die() { echo "nasc: $*" >&2; exit 1; }

# Root: a service of the system, under a user that systemd makes up. Others: a service of theirs.
places() {
    if [ "$(id -u)" = 0 ]; then
        base=${DESTDIR:-}/opt/nasc-agent
        unit_folder=${DESTDIR:-}/etc/systemd/system
        state=/var/lib/nasc-agent
        owned_state="${DESTDIR:-}/var/lib/private/nasc-agent ${DESTDIR:-}/var/lib/nasc-agent"
        scope=--system wanted_by=multi-user.target
    else
        base=${XDG_DATA_HOME:-$HOME/.local/share}/nasc-agent
        unit_folder=${XDG_CONFIG_HOME:-$HOME/.config}/systemd/user
        state=$base/state
        owned_state=
        scope=--user wanted_by=default.target
        # Not set for commands over SSH everywhere; without it systemctl finds no manager.
        export XDG_RUNTIME_DIR="${XDG_RUNTIME_DIR:-/run/user/$(id -u)}"
    fi
    unit=$unit_folder/nasc-agent.service
    environment=$base/venv-$edition
    case $base in *[!A-Za-z0-9/._-]*) die "$base: a systemd unit cannot name this folder plainly" ;; esac
}

check_board() {
    machine=$(uname -m)
    case " ${machines:-$machine} " in
        *" $machine "*) ;;
        *) die "this board is a $machine, the one that was named is: $machines" ;;
    esac
    command -v systemctl >/dev/null || die "there is no systemctl: the agent is installed as a systemd service"
    command -v "$python" >/dev/null || die "there is no $python: sudo apt install python3 python3-venv"
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        die "$("$python" --version 2>&1) is too old, Python 3.11 or later is needed: name one with --python"
}

# A folder without the file `complete` is of an installation that broke off.
make_environment() {
    if [ -e "$environment/complete" ]; then
        say "the virtual environment $environment is there already"
        return
    fi
    rm -rf "$environment"
    mkdir -p "$base"
    "$python" -m venv "$environment" || die "$python cannot make a virtual environment: sudo apt install python3-venv"
    case $requirement in
        *.whl)
            wheel >"$environment/$requirement"
            set -- "$environment/$requirement"
            ;;
        *) set -- "$requirement" ;;
    esac
    "$environment/bin/python" -m pip install --quiet --disable-pip-version-check "$@" ||
        die "pip could not install $requirement"
    "$environment/bin/nasc-sdk" --version >/dev/null || die "what was installed does not start"
    : >"$environment/complete"
    say "made the virtual environment $environment"
}

find_broker() {
    if [ -z "$broker" ]; then
        client=${SSH_CLIENT:-}
        client=${client%% *}
        case $client in
            "") die "this is no SSH connection, so the broker must be named" ;;
            *:*) client="[$client]" ;;
        esac
        broker=mqtt://$client:1883
        say "the broker is taken to be $broker"
    fi
}

write_service() {
    mkdir -p "$unit_folder" "$base"
    # The broker's address may hold a password.
    (umask 077 && printf "NASC_BROKER='%s'\nNASC_SITE='%s'\n" "$broker" "$site" >"$base/agent.env.part")
    mv "$base/agent.env.part" "$base/agent.env"
    {
        printf '[Unit]\nDescription=nasc-sdk agent\nAfter=network-online.target\nWants=network-online.target\n\n'
        printf '[Service]\nEnvironmentFile=%s/agent.env\n' "${base#"${DESTDIR:-}"}"
        printf 'ExecStart=%s/bin/nasc-sdk agent --device %s --state-dir %s\n' \
            "${environment#"${DESTDIR:-}"}" "$device" "$state"
        printf 'Restart=always\nRestartSec=5\n'
        [ "$scope" = --user ] || printf 'DynamicUser=yes\nStateDirectory=nasc-agent\n'
        printf '\n[Install]\nWantedBy=%s\n' "$wanted_by"
    } >"$unit.part"
    mv "$unit.part" "$unit"
    say "wrote $unit"
}

# Services of a user end when the user logs out, unless the user may linger.
let_linger() {
    [ "$scope" = --user ] || return 0
    [ "$(loginctl show-user "$(id -un)" --property=Linger --value 2>/dev/null)" != yes ] || return 0
    if loginctl enable-linger "$(id -un)" 2>/dev/null; then
        : >"$base/linger"
    else
        say "the agent will end at logout: on the board run sudo loginctl enable-linger $(id -un)"
    fi
}

start_service() {
    systemctl $scope daemon-reload
    systemctl $scope enable nasc-agent.service
    systemctl $scope restart nasc-agent.service
    # Three times in a row: one that ends at once is active for a moment.
    asked=0 in_a_row=0
    while [ $in_a_row -lt 3 ]; do
        [ $asked -lt 30 ] || die "the service does not stay active: $(last_words)"
        if [ "$(systemctl $scope is-active nasc-agent.service)" = active ]; then
            in_a_row=$((in_a_row + 1))
        else
            in_a_row=0
        fi
        asked=$((asked + 1))
        sleep 1
    done
    say "the service is active"
}

last_words() {
    where=
    [ "$scope" = --system ] || where=--user
    journalctl $where --unit nasc-agent.service --lines 1 --output cat --no-pager 2>/dev/null || echo "see journalctl"
}

remove_other_environments() {
    for other in "$base"/venv-*; do
        [ "$other" = "$environment" ] || rm -rf "$other"
    done
}

install_agent() {
    check_board
    find_broker
    make_environment
    write_service
    let_linger
    start_service
    remove_other_environments
    say "installed"
}

uninstall_agent() {
    if [ -e "$unit" ]; then
        systemctl $scope disable --now nasc-agent.service || say "the service could not be stopped"
        rm -f "$unit"
        systemctl $scope daemon-reload
    fi
    if [ -e "$base/linger" ]; then
        loginctl disable-linger "$(id -un)" || say "lingering could not be disabled"
    fi
    # shellcheck disable=SC2086 # two folders without spaces
    rm -rf "$base" $owned_state
    say "removed"
}

main() {
    places
    case $action in
        install) install_agent ;;
        uninstall) uninstall_agent ;;
        *) die "unknown action $action" ;;
    esac
}

main

# The verbs of transaction.sh, which is the parts of this folder one after the other.

case $verb in
    switch | confirm | revert | serve) trap '' PIPE HUP ;; # carried to its end, whether or not somebody still listens
esac
case $verb in
    stage) do_stage "$@" ;;
    rehearse) do_rehearse "$@" ;;
    end-rehearsal) do_end_rehearsal ;;
    switch) do_switch "$@" ;;
    hold) do_hold "$@" ;;
    confirm) do_confirm "$@" ;;
    revert) do_revert "$@" ;;
    serve) do_serve "$@" ;;
    refused) do_refused "$@" ;;
    deadman) do_deadman "$@" ;;
    backup) do_backup "$@" ;;
    lock) do_lock "$@" ;;
    unlock) do_unlock "$@" ;;
    *) failed "unknown verb $verb" ;;
esac
printf 'ok\n'

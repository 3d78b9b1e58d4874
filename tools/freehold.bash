# bash completion of freehold(1). The options are those of --help, so they are never out of date.
# SPDX-License-Identifier: MIT
_freehold_options() {
    "$@" --help 2>/dev/null </dev/null | grep -oE -e '(^|[ ,[])--[a-z-]+' | grep -oE -e '--[a-z-]+' | sort -u
}

_freehold_commands() {
    "$1" --help 2>/dev/null </dev/null | sed -nE 's/^    ([a-z]+) .*/\1/p'
}

_freehold() {
    local word=${COMP_WORDS[COMP_CWORD]} command= place
    COMPREPLY=()
    for ((place = 1; place < COMP_CWORD; place++)); do
        case ${COMP_WORDS[place]} in
        --) [[ $command != run ]] || { compopt -o default 2>/dev/null; mapfile -t COMPREPLY < <(compgen -c -- "$word"); return; } ;;
        -*) ;;
        *) [[ -n $command ]] || command=${COMP_WORDS[place]} ;;
        esac
    done
    if [[ $word == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$(_freehold_options "$1" $command)" -- "$word")
    elif [[ -z $command ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$(_freehold_commands "$1")" -- "$word")
    else
        case $command in
        stat | doctor | map | top | export)
            mapfile -t COMPREPLY < <(compgen -W "$("$1" list 2>/dev/null | awk '{ print $1 }')" -- "$word") ;;
        run) mapfile -t COMPREPLY < <(compgen -c -- "$word") ;;
        *) compopt -o default 2>/dev/null ;;
        esac
    fi
}
complete -F _freehold freehold

#!/bin/sh
# A client of klingd for the shell: prompts in, paths of stored images out. Needs jq 1.6 or later.
# To source instead: klingd_generate, klingd_resume; klingd_requests and klingd_paths are the two ends of the pipe.

klingd_usage() {
    cat <<'END'
usage: klingd.sh [-n N] [-a RATIO] [-k KEY] [-w SECONDS] [-p JSON] [PROMPT…]
       klingd.sh -r [-w SECONDS] ID…
Makes images of each PROMPT, or of each line of stdin, and prints where they lie.
  -n N        images of each prompt      -a RATIO    such as 3:2
  -k KEY      idempotency key: prompt number I has KEY/I, so that the same call again pays for nothing twice
  -w SECONDS  wait no longer (default 600, at most 3600)
  -p JSON     an object of further parameters of generate, such as '{"negative_prompt":"fog"}'
  -r          wait again for the tasks ID…
klingd is $KLINGD or found by PATH; its options are given by its variables, such as KLINGD_STORAGE.
Exit codes: 0 done, 1 failed, 2 wrong usage, 3 not finished.
END
}

# klingd_requests METHOD SHARED KEY [VALUE…]: a request for each VALUE, or for each line of stdin that is not empty.
# SHARED is an object of params; KEY may be empty. jq puts U+FFFD for bytes that are not UTF-8, and another prompt than
# the one given is not to be paid for: such a request is sent as one that klingd refuses, with the reason as its id.
# shellcheck disable=SC2016 # These are jq's variables.
klingd_requests() {
    klingd_method=$1 klingd_shared=$2 klingd_key=$3
    shift 3
    if [ $# -gt 0 ]; then
        klingd_number=0
        for klingd_value; do
            klingd_number=$((klingd_number + 1))
            jq -cn --arg value "$klingd_value" --argjson number "$klingd_number" '[$number, $value]' || return
        done
    else
        jq -cnR --unbuffered 'foreach inputs as $line (0; . + 1; [., $line]) | select(.[1] | test("\\S"))'
    fi | jq -c --unbuffered --arg method "$klingd_method" --argjson shared "$klingd_shared" --arg key "$klingd_key" '
        . as [$number, $value]
        | if any($value, $key, ($shared | tojson); contains("\ufffd")) then
            {jsonrpc: "2.0", id: "\($number): not UTF-8 (or with U+FFFD in it), and not sent", method: "not-utf-8"}
          else
            {jsonrpc: "2.0", id: $number, method: $method,
             params: ($shared + {wait_for: "stored"}
                      + if $method == "generate" then {prompt: $value} else {id: $value} end
                      + if $key == "" then {} else {idempotency_key: "\($key)/\($number)"} end)}
          end'
}

# klingd_paths: reads what klingd says, prints the paths, and returns 0 to 3. A line {"exit":CODE} tells klingd's end.
# shellcheck disable=SC2016
klingd_paths() (
    code=1
    # Lines of jq's: p path, e message, x exit code. A name with a line break in it is shown as JSON.
    jq -nRr --unbuffered '
        def line: if test("\n") then tojson else . end;
        def why: "\(.message | line) (charged: \(.data.charged // "unknown"))";
        def said($code; $lines): {code: $code, lines: $lines};
        foreach (inputs | fromjson? | objects | select(has("method") | not)) as $m ({codes: [], lines: []};
            (if $m.exit == 0 then said(0; [])
             elif $m.exit == 2 and .codes == [] then said(2; ["e klingd took nothing (exit code 2; charged: no)"])
             elif $m.exit == 127 or $m.exit == 126 then said(1; ["e klingd cannot be started (charged: no)"])
             elif $m.exit then said(3; ["e klingd ended (exit code \($m.exit))"])
             elif $m.error and ($m.id | type) == "string" then said(2; ["e \($m.id)"])
             elif $m.error then
                said(if $m.error.data.kind == "invalid_params" then 2 else 1 end; ["e \($m.id): \($m.error | why)"])
             elif $m.result.state == "stored" then said(0; [$m.result.images[] | "p \(.path // .uri | line)"])
             elif $m.result.state == "failed" then
                said(1; ["e \($m.id): \($m.result.error | {message, data: .} | why)"])
             else said(3; ["e \($m.id): not finished; to wait again: klingd.sh -r \($m.result.id | tostring | line)"])
             end) as $said
            | .codes += [$said.code] | .lines = $said.lines
            | if $m.exit then .codes as $codes
                | .lines += ["x \(first((1, 2, 3, 0) | select(. as $code | $codes | index($code))))"] else . end;
            .lines[])' | {
        while IFS= read -r line; do
            case $line in
            'p '*) printf '%s\n' "${line#??}" ;;
            'e '*) printf 'klingd: %s\n' "${line#??}" >&2 ;;
            'x '*) code=${line#??} ;;
            esac
        done
        exit "$code"
    }
)

# klingd_note NAME: copies messages, each after ["NAME",ID] on descriptor 6.
# shellcheck disable=SC2016
klingd_note() {
    jq -rR --unbuffered --arg name "$1" '
        (fromjson? | objects | select(has("id")) | [$name, .id] | stderr | empty), .' 2>&6
}

# klingd_ask METHOD SHARED KEY [VALUE…]: asks a klingd for it, and prints the paths. klingd may end in order before it
# has read or answered all, so what was asked and what was answered are compared.
klingd_ask() {
    {
        klingd_notes=$(
            {
                klingd_requests "$@" | klingd_note asked | {
                    "${KLINGD:-klingd}" serve --no-task-updates 5>&- 6>&-
                    klingd_exit=$?
                    printf '["exit",%d]' "$klingd_exit" >&6
                    printf '\n{"exit":%d}\n' "$klingd_exit"
                } | klingd_note answered | klingd_paths >&5
                printf '["code",%d]' "$?" >&6
            } 6>&1
        )
    } 5>&1
    # Between the notes may be what jq has to say of a broken pipe.
    klingd_notes=$(printf '%s' "$klingd_notes" | jq -rRs '
        [scan("\\[\"[a-z]+\",(?:[0-9]+|\"[^\"]*\")\\]") | fromjson] | map({name: .[0], value: .[1]}) | group_by(.name)
        | map({key: .[0].name, value: map(.value)}) | from_entries
        | ((.asked // []) - (.answered // [])) as $missing
        | if $missing == [] or .answered == null and (.exit[0] | . == 2 or . == 126 or . == 127) then "\(.code[0])"
          else "\(.code[0] | if . == 0 then 3 else . end) \($missing | map(tostring) | join(", "))" end') || return 1
    case $klingd_notes in
    *' '*)
        klingd_again='what klingd took goes on and is billed: klingd list; with -k the same call again pays nothing twice'
        if [ -n "$3" ]; then klingd_again='the same call with the same -k goes on, and nothing is paid twice'; fi
        if [ "$1" = status ]; then klingd_again='to wait again pays nothing'; fi
        echo "klingd: ${klingd_notes#* }: no answer before klingd ended, and no more was asked; $klingd_again" >&2
        ;;
    esac
    return "${klingd_notes%% *}"
}

# klingd_generate [PROMPT…], klingd_resume ID…: what klingd.sh does, without options.
klingd_generate() { klingd_ask generate '{}' '' "$@"; }
klingd_resume() { klingd_ask status '{}' '' "$@"; }

klingd_main() {
    method=generate shared='{}' key=''
    while getopts n:a:k:w:p:rh option; do
        case $option in
        n) shared=$(printf %s "$shared" | jq -c --argjson n "$OPTARG" '. + {n: $n}') ;;
        a) shared=$(printf %s "$shared" | jq -c --arg a "$OPTARG" '. + {aspect_ratio: $a}') ;;
        k) key=$OPTARG ;;
        w) shared=$(printf %s "$shared" | jq -c --argjson w "$OPTARG" '. + {wait_ms: ($w * 1000 | floor)}') ;;
        p) shared=$(printf %s "$shared" | jq -ce --argjson p "$OPTARG" '. + ($p | objects)') ;;
        r) method=status ;;
        h) klingd_usage && return 0 ;;
        *) false ;;
        esac || { klingd_usage >&2 && return 2; }
    done
    shift $((OPTIND - 1))
    if [ $method = status ] && [ $# -eq 0 ]; then klingd_usage >&2 && return 2; fi
    if ! command -v jq >/dev/null; then echo "klingd.sh needs jq" >&2 && return 1; fi
    klingd_ask $method "$shared" "$key" "$@"
}

# Whether $0 is this file, under whatever name, or one that has sourced it; in zsh it is this file either way.
case ${ZSH_EVAL_CONTEXT:-} in
*:file*) ;;
*) if [ -f "$0" ] && grep -qx 'klingd_main() {' -- "$0"; then klingd_main "$@"; fi ;;
esac

#!/usr/bin/env bash
# Writes the review of every definition that differs from a base, as Markdown, to standard output. A version that is new
# is compared with the one before it; a version that was edited, with itself as it was.
#
#   review.sh BASE [DEFINITIONS]
#
# BASE is a commit, such as origin/main. Exit code: 0 nothing to look at, 1 findings, 2 something could not be compared.
set -euo pipefail
base=$1
definitions=${2:-definitions}
worst=0

while IFS= read -r file; do
    [[ $file =~ ^(.*)/v([0-9]+)\.yaml$ ]] || continue
    folder=${BASH_REMATCH[1]}
    number=${BASH_REMATCH[2]}
    old=
    if git cat-file -e "$base:$file" 2>/dev/null; then
        old=$base:$file
    else
        for ((before = number - 1; before > 0; before--)); do
            if [ -f "$folder/v$before.yaml" ]; then
                old=$folder/v$before.yaml
                break
            fi
        done
    fi
    if [ -z "$old" ]; then
        printf '### %s v%s\n\nThe first version of this process: there is nothing to compare it with.\n\n' "${folder##*/}" "$number"
        continue
    fi
    code=0
    fermata diff "$old" "$file" --definitions "$definitions" --format markdown || code=$?
    echo
    [ "$code" -le "$worst" ] || worst=$code
done < <(git diff --name-only --diff-filter=AM "$base" -- "$definitions" && git ls-files --others --exclude-standard -- "$definitions")
exit "$worst"

# go test -v in, go test's ordinary lines out: a failed test in full, others not at all.
# Every skipped test goes to the file `skipped` as one line: run, package, test, reason.

/^=== (RUN|NAME|CONT|PAUSE)/ { test = $3; next }

/^ *--- (PASS|SKIP|FAIL): / {
    if ($2 == "FAIL:") print text[$3] $0
    if ($2 == "SKIP:") { skips++; name[skips] = $3; reason[skips] = text[$3] }
    text[$3] = ""
    test = ""
    next
}

/^(ok|FAIL|\?|---)[ \t]/ {
    if ($1 == "FAIL") for (t in text) printf "%s", text[t]    # cut short by a panic or the timeout
    for (i = 1; i <= skips; i++) {
        gsub(/[ \t\n]+/, " ", reason[i])
        sub(/ $/, "", reason[i])
        print "  " run " " $2 " " name[i] ":" reason[i] >>skipped
    }
    split("", text)
    skips = 0
    test = ""
    print
    fflush()
    next
}

/^PASS$/ { next }
test != "" { text[test] = text[test] $0 "\n"; next }
{ print; fflush() }

END { for (t in text) printf "%s", text[t] }

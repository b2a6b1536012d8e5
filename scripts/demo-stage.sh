# The stage of the demo: its directory, Somtoday and host; how commands are shown and what they claim is checked. Sourced by scripts/demo.

bold='' plain=''
if [[ -t 1 ]]; then bold=$'\e[1m' plain=$'\e[0m'; fi
demo_client=waterlanden-sluice demo_secret=somtoday-secret

chapter() { printf '\n%s== %s%s\n' "$bold" "$*" "$plain"; }
tell() { printf '\n%s\n' "$*" | fold -s -w 130; }
broken() { printf '\n%s: this is not as it should be: %s\n' "$me" "$*" >&2; [[ ! -s $stage/sluiced.log ]] || tail -5 "$stage/sluiced.log" >&2; exit 1; }

# ---- The stage: one directory that goes away with everything in it, unless --keep. Short, for paths of sockets have a limit.

begin_stage() {
  stage=$(mktemp -d -t sluice-demo.XXXXXX)
  trap 'end_of_demo $?' EXIT
  trap 'exit 130' INT TERM HUP
  began=$(date +%s)
  cd "$stage"
  export PATH="$root/build/dev/bin:$PATH" SLUICE_SOCKET=$stage/sluice.sock TZ=Europe/Amsterdam
  choose_address
}

# Ends a process that this script started, and waits for its end.
end_process() {
  local pid; pid=$(cat "$1" 2>/dev/null) || return 0
  kill "$pid" 2>/dev/null || return 0
  for ((i = 0; i < 200; i++)); do kill -0 "$pid" 2>/dev/null || return 0; sleep 0.05; done
  kill -9 "$pid" 2>/dev/null || true
}

end_of_demo() {
  local code=$1
  trap - EXIT; trap '' INT TERM HUP
  set +e
  if [[ $keep == yes && $code == 0 ]]; then look_around; exit 0; fi
  end_process "$stage/sluiced.pid"; end_process "$stage/twin.pid"
  "$scripts/samba-ad" stop "$stage/ad" >/dev/null 2>&1
  cd /; rm -rf "$stage"
  exit "$code"
}

end_stage() { printf '\n%sAll of it took %d seconds, and everything was as it should be.%s\n' "$bold" $(($(date +%s) - began)) "$plain"; }

look_around() {
  cat >"$stage/env" <<ENV
export PATH='$root/build/dev/bin':"\$PATH" SLUICE_SOCKET='$SLUICE_SOCKET' TZ=Europe/Amsterdam
export LDAPTLS_CACERT='$LDAPTLS_CACERT' AD_IP='$AD_IP' AD_URI='$AD_URI' AD_BIND='$AD_BIND' AD_BASE='$AD_BASE' SOMTODAY='$SOMTODAY'
cd '$stage'
ENV
  cat <<TEXT

Everything is left running. In a shell:
  . $stage/env
  sluice status; sluice person show 104233; sluice rule list; sluice --help
  ldapsearch -LLL -x -H \$AD_URI -D "\$AD_BIND" -y ad.password -b "\$AD_BASE" '(employeeID=104233)'
  curl -s \$SOMTODAY/__sim/events -d '{"type":"leaver","leerling":103500}'       (plugins/somtoday/README.md has more)
  \$EDITOR conf/rules/pupils.yaml; sluice config check; sluice config diff; sluice config apply --reason "..."
  echo 2027-08-02T03:30:00+02:00 > clock; sluice import; sluice plan; sluice enforce
Logs: $stage/sluiced.log. The end:
  kill $(cat "$stage/sluiced.pid") $(cat "$stage/twin.pid"); $scripts/samba-ad stop $stage/ad; rm -rf $stage
TEXT
}

# A loopback address on which no other directory listens.
choose_address() {
  if [[ -n ${AD_IP:-} ]]; then export AD_IP; return; fi
  local last
  for last in {20..29}; do
    if ! (exec 3<>"/dev/tcp/127.0.0.$last/636") 2>/dev/null; then export AD_IP=127.0.0.$last; return; fi
  done
  fail "directories listen on 127.0.0.20 to .29 already; name another loopback address with AD_IP"
}

# ---- The three programs.

# A domain is made once and kept packed, for each version of Samba and of the script that makes it.
start_directory() {
  local version packed; version=$({ samba --version; cat "$scripts/samba-ad"; } | sha256sum | cut -c1-12)
  packed=$root/build/demo/directory-$version.tar.zst
  if [[ ! -s $packed ]]; then
    mkdir -p "$root/build/demo"
    "$scripts/samba-ad" provision "$stage/new" && "$scripts/samba-ad" pack "$stage/new" "$stage/packed" && mv "$stage/packed" "$packed"
    rm -rf "$stage/new"
  fi
  "$scripts/samba-ad" unpack "$packed" "$stage/ad"
  "$scripts/samba-ad" start "$stage/ad"
  eval "$("$scripts/samba-ad" env "$stage/ad")"
  (umask 077; printf %s "$AD_PASS" >ad.password)
}

# 41 accounts and 4 groups that are there before us: 30 with the number of a member of staff, two with one number, a stranger who has
# the login that a new pupil would get, and eight of nobody in particular.
fill_directory() {
  local password; password=$(printf '"Welkom.2019!"' | iconv -t UTF-16LE | base64)
  {
    printf 'dn: OU=Medewerkers,%s\nobjectClass: organizationalUnit\n\n' "$AD_BASE"
    jq -r --arg base "$AD_BASE" --arg password "$password" '
      def account($cn; $login; $number; $control):
        "dn: CN=\($cn),OU=Medewerkers,\($base)", "objectClass: user", "sAMAccountName: \($login)",
        (if $number != "" then "employeeID: \($number)" else empty end), "unicodePwd:: \($password)", "userAccountControl: \($control)", "";
      [.HUIDIG[].medewerkers[] | {number: (.medewerkernummer | sub("\\D*"; "") | tonumber), roepnaam, achternaam}]
      | unique_by(.number) | map(select(.number >= 52010 and .number < 52041))
      | (.[:30][] | account("\(.roepnaam) \(.achternaam) \(.number)"; "oud\(.number)"; "D\(.number)"; if .number % 15 == 0 then 514 else 512 end)),
        account("Dubbel Oud"; "dubbel.oud"; "D52040"; 512), account("Dubbel Nieuw"; "dubbel.nieuw"; "D52040"; 512),
        account("Nico van der Zwaluw"; "n.vanderzwaluw"; ""; 512),
        (range(1; 9) | account("Dienst \(.)"; "svc-\(.)"; ""; 512))' state.json
    local group number
    for group in docenten teamleiders conciergerie laptop-uitleen; do
      printf 'dn: CN=%s,CN=Users,%s\nobjectClass: group\nsAMAccountName: %s\n\n' "$group" "$AD_BASE" "$group"
    done
  } | ldapadd -x -H "$AD_URI" -D "$AD_BIND" -y ad.password >ldapadd.log 2>&1 || { cat ldapadd.log >&2; broken "the directory could not be filled"; }
}

start_somtoday() {
  echo 2026-11-23T03:30:00+01:00 >clock
  somtoday-twin --pupils 900 --staff 120 --locations 3 --seed 7 --clock "$stage/clock" --port-file "$stage/port" \
    --client-id "$demo_client" --client-secret "$demo_secret" >twin.log 2>&1 &
  echo $! >twin.pid
  for ((i = 0; i < 200; i++)); do [[ -s port ]] && break; sleep 0.05; done
  [[ -s port ]] || broken "the simulated Somtoday did not start: $(cat twin.log)"
  SOMTODAY=http://127.0.0.1:$(<port)
  curl -sf "$SOMTODAY/__sim/state" >state.json
  fill_directory
}

start_host() {
  cp -r "$root/tests/data/configuration/waterlanden" conf
  sed -i "s#^settings: .*#settings: { servers: [\"$AD_URI\"], base: \"$AD_BASE\", ca_file: \"$LDAPTLS_CACERT\" }#" conf/systems/ad.yaml
  sed -i "s#^settings:#&\n  api_url: $SOMTODAY/rest/v1\n  token_url: $SOMTODAY/inloggen/oauth2/token#" conf/systems/somtoday.yaml
  sed -i "s#^keys: .*#keys: { secrets: \"file:$stage/keys/secrets\", seal: \"file:$stage/keys/seal\" }#" conf/sluice.yaml
  mkdir -m 700 keys
  (umask 077; openssl rand -base64 32 >keys/secrets; openssl genpkey -algorithm ed25519 -out keys/seal; openssl pkey -in keys/seal -pubout -out keys/seal.pub)
  SOMTODAY_CLIENT_ID=$demo_client SOMTODAY_CLIENT_SECRET=$demo_secret AD_PASSWORD=$AD_PASS AD_BIND=$AD_BIND \
    sluiced --config conf --state state --plugins "$root/build/dev/plugins" --clock clock >sluiced.log 2>&1 &
  echo $! >sluiced.pid
  for ((i = 0; i < 400; i++)); do
    if sluice status >/dev/null 2>&1; then return; fi
    kill -0 "$(<sluiced.pid)" 2>/dev/null || broken "the host ended: $(cat sluiced.log)"
    sleep 0.05
  done
  broken "the host does not answer"
}

# ---- Commands, shown with their real output.

# How a command is written, its longest list cut short.
written() {
  local words=() word
  for word in "$@"; do [[ $word =~ ^[][A-Za-z0-9_./:=,@%+-]+$ ]] && words+=("$word") || words+=("'$word'"); done
  if [[ ${#words[@]} -gt 14 ]]; then words=("${words[@]:0:6}" "... $((${#words[@]} - 8)) more ..." "${words[@]: -2}"); fi
  echo "${words[*]}"
}

# Output that is too long for a reader keeps its beginning and its end.
shortened() {
  awk -v most="$1" '{ line[NR] = length($0) > 220 ? substr($0, 1, 217) "..." : $0 }
    END { tail = 8
          for (i = 1; i <= NR; i++) {
            if (NR > most + tail + 1 && i == most + 1) { printf "  ... %d lines ...\n", NR - most - tail; i = NR - tail + 1 }
            print line[i] } }'
}

shown_as() {  # MOST-LINES WANTED-CODE COMMAND...
  local most=$1 wanted=$2 code=0; shift 2
  printf '\n%s$ %s%s\n' "$bold" "$(written "$@")" "$plain"
  if [[ $wanted == 0 ]]; then "$@" >shown || code=$?; else "$@" >shown 2>&1 || code=$?; fi
  shortened "$most" <shown

  [[ $code == "$wanted" ]] || broken "$(written "$@") ended with $code, not $wanted"
}
run() { shown_as 45 0 "$@"; }
run_short() { local most=$1; shift; shown_as "$most" 0 "$@"; }
run_refused() { shown_as 45 1 "$@"; }

# ---- What is claimed, checked.

expect() { grep -Eq -- "$1" shown || broken "the output has no \"$1\""; }
expect_count() { local found; found=$(grep -Ec -- "$2" shown) || true; [[ $found == "$1" ]] || broken "\"$2\" stands $found times in the output, not $1 times"; }

# The kinds of operations of the plan that was shown: "create 1", "take over 60", a line each.
operations() { sed -nE 's/^[0-9,]+ operations?: (.*)\.$/\1/p' shown | sed 's/, /\n/g' | tr -d , | sed -E 's/^([0-9]+) (.*)/\2 \1/' | sort; }
expect_operations() {
  local found; found=$(operations)
  [[ $found == "$(printf '%s\n' "$@" | sort)" ]] || broken "the plan holds: $(tr '\n' ',' <<<"$found") and should hold: $*"
}
expect_among_operations() {
  local wanted
  for wanted in "$@"; do operations | grep -Fxq -- "$wanted" || broken "the plan does not hold: $wanted, but: $(operations | tr '\n' ',')"; done
}

directory() { ldapsearch -LLL -o ldif_wrap=no -x -H "$AD_URI" -D "$AD_BIND" -y ad.password -b "$AD_BASE" "$@" 2>/dev/null; }
in_directory() { directory -E pr=500/noprompt "$1" dn | grep -c '^dn:' || true; }
expect_in_directory() {
  local found; found=$(in_directory "$2")
  printf '%s entries in the directory match %s\n' "$found" "$2"
  [[ $found == "$1" ]] || broken "$1 should"
}

# Entries without the base64 that LDIF uses for letters beyond ASCII.
run_directory() {
  local line
  printf '\n%s$ ldapsearch -x -H %s -D ... -b %s %s%s\n' "$bold" "$AD_URI" "$AD_BASE" "$(written "$@")" "$plain"
  directory "$@" | sed '/^#/d; /^$/d' | while IFS= read -r line; do
    if [[ $line == *':: '* ]]; then printf '%s: %s\n' "${line%%::*}" "$(base64 -d <<<"${line#*:: }")"; else printf '%s\n' "$line"; fi
  done >shown
  cat shown
}

# The objectGUID as people write it: the first three fields have their bytes swapped.
account_id() {
  local hex; hex=$(directory "(sAMAccountName=$1)" objectGUID | sed -n 's/^objectGUID:: //p' | base64 -d | od -An -tx1 -v | tr -d ' \n')
  sed -E 's/^(..)(..)(..)(..)(..)(..)(..)(..)/\4\3\2\1-\6\5-\8\7-/; s/-([0-9a-f]{4})([0-9a-f]{12})$/-\1-\2/' <<<"$hex"
}

blocks() { sluice block list --json | jq -r --arg system "$1" '.blocks[] | select((.system | sub("systems/"; "")) == $system and .state == "waiting") | .name | sub("blocks/"; "") | .[:8]'; }

check_password() {
  run sluice credential print "$1" --reason "Handed to the pupil"
  local secret dn; secret=$(awk '$2 == "password" { print $3 }' shown); dn=$(directory "(employeeID=$1)" dn | sed -n 's/^dn: //p')
  printf '\n%s$ ldapsearch -x -H %s -D %s -w ... -s base dn%s\n' "$bold" "$AD_URI" "'$dn'" "$plain"
  ldapsearch -LLL -o ldif_wrap=no -x -H "$AD_URI" -D "$dn" -w "$secret" -b "$dn" -s base dn || broken "the first password does not work"
  run_refused sluice credential print "$1" --reason "A second time"
}

usn() { ldapsearch -LLL -x -H "$AD_URI" -D "$AD_BIND" -y ad.password -b '' -s base highestCommittedUSN | sed -n 's/^highestCommittedUSN: //p'; }

expect_nothing() {
  tell "Once more, from the beginning:"
  local before; before=$(usn)
  run_short 2 sluice import
  run_short 3 sluice plan
  expect '^Nothing to do\.'
  run sluice enforce
  expect ' 0 applied'
  [[ $(usn) == "$before" ]] || broken "the directory's change counter moved from $before to $(usn)"
  say "The directory's highestCommittedUSN is $before, before and after."
}

# ---- The days.

happen() { curl -sf -d '' "$SOMTODAY/__sim/day/$1" >events.json || broken "the simulated Somtoday did not play day $1"; }

day() {
  echo "$1" >clock
  happen "$2"
  tell "This happens at the school today:"
  jq -r '.[].event | "  " + .type + "  " + (del(.type) | to_entries | map("\(.key)=\(.value)") | join(" "))' events.json
  run_short 4 sluice import
}

# The next school year is prepared in Somtoday before the summer, and begins.
next_school_year() {
  happen 3
  echo 2027-08-01T03:30:00+02:00 >clock
  jq -r '.[0].result | "  \(.placed) pupils have a place in \(.schooljaar), \(.leaving) finish school"' events.json
  curl -sf "$SOMTODAY/__sim/state" >state.json
}

# Counted from what Somtoday shows: the class groups, and who is in them; not the pupil who is held back and has no account.
expect_school_year() {
  read -r groups members < <(jq -r '([.HUIDIG[].leerlingen[] | select(.leerlingnummer == 103012) | .uuid] + [""])[0] as $held_back
    | [.HUIDIG[].lesgroepen[] | select(.naam // "" != "") | [(.leerlingen + .docenten)[] | if type == "object" then .uuid else . end | select(. != $held_back)]] | map(select(length > 0))
    | "\(length) \(map(length) | add)"' state.json)
  local leaving; leaving=$(jq '.[0].result.leaving' events.json)
  say "In Somtoday: $groups class groups with $members members; $leaving pupils and one teacher have left."
  expect_among_operations "create resource $groups" "retire $((leaving + 1))" "create 1" "enable 1"
}

members_of() { directory -E pr=500/noprompt "(cn=$1)" member | grep -c '^member:' || true; }

check_school_year() {
  local repeater; repeater=$(jq -r '.[0].event.repeat[0]' events.json)
  repeater=$(jq -r --arg id "$repeater" '[.HUIDIG[].leerlingen[] | select(.uuid == $id)][0].leerlingnummer' state.json)
  run_directory "(employeeID=$repeater)" cn memberOf
  expect_count 8 '^memberOf: CN=les-h4\..*-2027,'
  run_directory '(employeeID=103991)' cn memberOf
  expect_count 8 '^memberOf: CN=les-h5\..*-2027,'
  local now before; now=$(members_of 'les-*-2027') before=$(members_of 'les-*-2026')
  printf '\nIn the directory: %s members of this year'\''s class groups, %s of last year'\''s.\n' "$now" "$before"
  [[ $now == "$members" && $before == 0 ]] || broken "there should be $members and 0"
  expect_in_directory 182 '(&(objectClass=user)(description=Vertrokken)(userAccountControl:1.2.840.113556.1.4.803:=2))'
}

change_one_byte() {
  local at=$(($(stat -c %s "$1") / 2)) byte
  byte=$(dd if="$1" bs=1 skip="$at" count=1 status=none)
  [[ $byte == 7 ]] && byte=8 || byte=7
  printf '\n%s$ printf %s | dd of=%s bs=1 seek=%s conv=notrunc%s\n' "$bold" "$byte" "$1" "$at" "$plain"
  printf %s "$byte" | dd of="$1" bs=1 seek="$at" conv=notrunc status=none
}

# Keeps one server for the tests. Each line on standard input is an order (start, stop, kill), answered by the same
# word on standard output when it is done. The end of the input means that the tests are gone, however they went:
# then everything that the server made is ended and removed.
#
# Called with the server's folder and its command line. The folder's name is its mark: it stands in the command line
# of whatever the server starts and in the paths of its mounts and control groups.
folder=$1
shift
mark=${folder##*/}
server=

start() {
  "$@" >>"$folder/log" 2>&1 </dev/null &
  server=$!
}

# Waits for the server's end, $1 tenths of a second at most.
ended() {
  local left=$1
  while [ "$left" -gt 0 ] && kill -0 "$server" 2>/dev/null; do
    left=$((left - 1))
    sleep 0.1
  done
}

end() {
  [ -n "$server" ] || return 0
  kill -TERM "$server" 2>/dev/null
  ended "$1"
  kill -KILL "$server" 2>/dev/null
  wait "$server" 2>/dev/null
  server=
}

# Kills what runs in control groups of the server, and what has its folder in the command line (monitors and shims).
reap() {
  local groups pid
  groups=$(find /sys/fs/cgroup -path "*$mark*" -name cgroup.procs 2>/dev/null)
  for pid in $(cat $groups </dev/null 2>/dev/null | sort -u); do
    kill -KILL "$pid" 2>/dev/null
  done
  for pid in /proc/[0-9]*; do
    pid=${pid#/proc/}
    [ "$pid" = $$ ] && continue
    if tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -q -F "$folder/"; then
      kill -KILL "$pid" 2>/dev/null
    fi
  done
}

while read -r order; do
  case $order in
    start) start "$@" ;;
    stop) end 300 ;;
    kill)
      kill -KILL "$server"
      wait "$server" 2>/dev/null
      server=
      # Its containerd dies with it; the next dockerd would wait for one that is just dying.
      rm -f "$folder/exec/containerd/containerd.pid"
      ;;
  esac
  echo "$order"
done

reap
end 100
reap
# Mounts, folder and control groups go as soon as what held them is gone.
for _ in 1 2 3 4 5 6 7 8 9 10; do
  grep -o " $folder/[^ ]*" /proc/self/mounts | sort -r | while read -r mount; do umount -l "$mount"; done 2>/dev/null
  rm -rf --one-file-system "$folder" 2>/dev/null
  find /sys/fs/cgroup -depth -type d -path "*$mark*" -exec rmdir {} + 2>/dev/null
  [ -e "$folder" ] || break
  sleep 0.2
done
